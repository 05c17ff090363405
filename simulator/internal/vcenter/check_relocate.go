package vcenter

import (
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// VMProvisioningChecker differs from vcsim's, which answers CheckRelocate_Task with nothing and lacks its other methods, in
// that it plans the relocation as RelocateVM_Task does, and tells all that it finds rather than the first
// (VirtualMachineProvisioningChecker in the vSphere Web Services API). "In cases where DRS would automatically select a
// host, all potential hosts are tested against": there is one CheckResult for each.
type VMProvisioningChecker struct {
	*simulator.VmProvisioningChecker
	vc *VCenter
}

// CheckRelocateTask tests a RelocateVM_Task.
func (c *VMProvisioningChecker) CheckRelocateTask(ctx *simulator.Context, req *types.CheckRelocate_Task) soap.HasFault {
	body := new(methods.CheckRelocate_TaskBody)
	ref, fault := c.start(ctx, "checkRelocate", req.Vm, req.TestType, func(op *operation, vm *simulator.VirtualMachine) ([]types.CheckResult, types.BaseMethodFault) {
		return op.checkRelocation(vm, req.Spec, req.TestType)
	})
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.CheckRelocate_TaskResponse{Returnval: ref}
	return body
}

// CheckMigrateTask tests a MigrateVM_Task: to a host, or a pool, with all files where they are.
func (c *VMProvisioningChecker) CheckMigrateTask(ctx *simulator.Context, req *types.CheckMigrate_Task) soap.HasFault {
	body := new(methods.CheckMigrate_TaskBody)
	ref, fault := c.start(ctx, "checkMigrate", req.Vm, req.TestType, func(op *operation, vm *simulator.VirtualMachine) ([]types.CheckResult, types.BaseMethodFault) {
		if state := vm.Runtime.PowerState; req.State != "" && state != req.State {
			return nil, &types.InvalidPowerState{RequestedState: req.State, ExistingState: state}
		}
		return op.checkRelocation(vm, types.VirtualMachineRelocateSpec{Host: req.Host, Pool: req.Pool}, req.TestType)
	})
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.CheckMigrate_TaskResponse{Returnval: ref}
	return body
}

// QueryVMotionCompatibilityExTask tests VMs against hosts. "All virtual machines are assumed to be powered-on for the
// purposes of this operation", "all hosts [...] connected and not in maintenance mode".
func (c *VMProvisioningChecker) QueryVMotionCompatibilityExTask(ctx *simulator.Context, req *types.QueryVMotionCompatibilityEx_Task) soap.HasFault {
	body := new(methods.QueryVMotionCompatibilityEx_TaskBody)
	var first types.ManagedObjectReference
	if len(req.Vm) > 0 {
		first = req.Vm[0]
	}
	ref, fault := c.start(ctx, "queryVMotionCompatibilityEx", first, nil, func(op *operation, _ *simulator.VirtualMachine) ([]types.CheckResult, types.BaseMethodFault) {
		var all []types.CheckResult
		for _, ref := range req.Vm {
			vm, ok := c.vc.registry.Get(ref).(*simulator.VirtualMachine)
			if !ok {
				return nil, &types.ManagedObjectNotFound{Obj: ref}
			}
			var some []types.CheckResult
			var fault types.BaseMethodFault
			op.ctx.WithLock(vm, func() { some, fault = c.vc.checkVMotion(op.ctx, vm, req.Host) })
			if fault != nil {
				return nil, fault
			}
			all = append(all, some...)
		}
		return all, nil
	})
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.QueryVMotionCompatibilityEx_TaskResponse{Returnval: ref}
	return body
}

// start makes a task whose result is CheckResults. Its entity is the VM: vcsim has the checker itself there, which is no
// ManagedEntity, so that pyVmomi can't read TaskInfo.
func (c *VMProvisioningChecker) start(ctx *simulator.Context, id string, ref types.ManagedObjectReference, tests []string,
	run func(*operation, *simulator.VirtualMachine) ([]types.CheckResult, types.BaseMethodFault)) (task types.ManagedObjectReference, fault types.BaseMethodFault) {
	vm, ok := c.vc.registry.Get(ref).(*simulator.VirtualMachine)
	if !ok {
		return task, &types.ManagedObjectNotFound{Obj: ref}
	}
	known := types.CheckTestType("").Strings()
	if slices.ContainsFunc(tests, func(test string) bool { return !slices.Contains(known, test) }) {
		return task, &types.InvalidArgument{InvalidProperty: "testType"}
	}
	return c.vc.start(ctx, job{
		entity: vm,
		id:     "vm.check.ProvisioningChecker." + id,
		method: methodOf(id),
		name:   nameOf(ctx, vm),
		run: func(op *operation) (types.AnyType, types.BaseMethodFault) {
			results, fault := run(op, vm)
			if fault != nil {
				return nil, fault
			}
			return types.ArrayOfCheckResult{CheckResult: results}, nil
		},
	})
}

// checkRelocation gives what speaks against a relocation for each host that the VM may come to. A spec that can't be
// planned at all is the task's own fault.
func (op *operation) checkRelocation(vm *simulator.VirtualMachine, spec types.VirtualMachineRelocateSpec, tests []string) (results []types.CheckResult, fault types.BaseMethodFault) {
	op.ctx.WithLock(vm, func() {
		var r *relocation
		if r, fault = op.vc.planRelocation(op.ctx, vm, spec); fault != nil {
			return
		}
		for _, host := range r.compute.candidates {
			all := append(slices.Clone(r.findings), op.vc.onHost(op.ctx, r, host)...)
			results = append(results, all.result(vm.Self, &host, tests))
		}
		if len(results) == 0 {
			all := slices.Clone(r.findings)
			all.add(types.CheckTestTypeHostTests, new(types.NoCompatibleHost))
			results = append(results, all.result(vm.Self, nil, tests))
		}
	})
	return results, fault
}

// checkVMotion gives what speaks against a VM's coming to each of some hosts. The VM's lock is held.
func (vc *VCenter) checkVMotion(ctx *simulator.Context, vm *simulator.VirtualMachine, hosts []types.ManagedObjectReference) ([]types.CheckResult, types.BaseMethodFault) {
	r, fault := vc.planRelocation(ctx, vm, types.VirtualMachineRelocateSpec{})
	if fault != nil {
		return nil, fault
	}
	r.whatever = true
	if r.state != types.VirtualMachinePowerStatePoweredOn {
		vc.examineRunning(r)
	}
	var results []types.CheckResult
	for _, host := range hosts {
		if _, ok := vc.registry.Get(host).(*simulator.HostSystem); !ok {
			return nil, &types.ManagedObjectNotFound{Obj: host}
		}
		all := append(slices.Clone(r.findings), vc.onHost(ctx, r, host)...)
		results = append(results, all.result(vm.Self, &host, nil))
	}
	return results, nil
}

// result gives findings of some tests as a client gets them: "if this argument is not set, all tests will be run".
func (f findings) result(vm types.ManagedObjectReference, host *types.ManagedObjectReference, tests []string) types.CheckResult {
	result := types.CheckResult{Vm: &vm, Host: host}
	for _, one := range f {
		switch {
		case len(tests) > 0 && !slices.Contains(tests, string(one.test)):
		case one.warning:
			result.Warning = append(result.Warning, localized(one.fault))
		default:
			result.Error = append(result.Error, localized(one.fault))
		}
	}
	return result
}
