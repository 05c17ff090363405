package vcenter

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// A clone differs from vcsim's, which makes new empty disks at once on one datastore, in that it copies what the source
// has (VirtualMachine.CloneVM_Task, VirtualMachineCloneSpec and VirtualMachineRelocateSpec in the vSphere Web Services
// API; "Linked Virtual Machines" in its Programming Guide):
//
//   - Disks are copied at the rates of the datastores, to where the location and its locators say, in the format that
//     they ask for; each gets a UUID of its own, and a chain becomes one disk.
//   - With createNewChildDiskBacking and a snapshot it is a linked clone: nothing is copied, its disks are deltas on the
//     snapshot's. Without a snapshot that is InvalidArgument, spec.snapshot (pyvmomi issue 362 shows it).
//   - With moveChildMostDiskBacking, or moveAllDiskBackingsAndAllowSharing when the parents are on the target already,
//     the top delta is copied and the parents are shared.
//   - The source can be read all the while; other tasks on it are refused with TaskInProgress. A template can be cloned
//     by many at once.

// CloneVMTask clones a VM, a template or a snapshot.
func (vm *VirtualMachine) CloneVMTask(ctx *simulator.Context, req *types.CloneVM_Task) soap.HasFault {
	body := new(methods.CloneVM_TaskBody)
	claim := vm.Self.String()
	if vm.Config.Template {
		claim = req.Folder.String() + "/" + req.Name
	}
	ref, fault := vm.vc.start(ctx, job{
		entity: vm.VirtualMachine,
		id:     "VirtualMachine.clone",
		method: "CloneVM_Task",
		name:   vm.Name,
		claim:  claim,
		uses:   vm.vc.cloneUses(vm.VirtualMachine, req.Spec.Location),
		run: func(op *operation) (types.AnyType, types.BaseMethodFault) {
			return op.clone(vm.VirtualMachine, req)
		},
	})
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.CloneVM_TaskResponse{Returnval: ref}
	return body
}

// clone plans, copies and makes the VM.
func (op *operation) clone(vm *simulator.VirtualMachine, req *types.CloneVM_Task) (result types.AnyType, fault types.BaseMethodFault) {
	c := &cloning{vc: op.vc, source: vm, name: req.Name, spec: req.Spec}
	op.ctx.WithLock(vm, func() { fault = c.plan(op.ctx, req.Folder) })
	if fault == nil {
		fault = c.checkName(op.ctx)
	}
	if fault == nil {
		fault = c.fits()
	}
	if fault != nil {
		return nil, fault
	}
	// A template's files are nobody's alone while it is cloned, nor are those of a VM that is unregistered meanwhile.
	op.vc.shares.set(op.task.Self, c.reads())
	defer op.vc.shares.set(op.task.Self, nil)

	if fault = op.copyDisks(c); fault == nil {
		fault = op.commit()
	}
	var made types.ManagedObjectReference
	if fault == nil {
		made, fault = op.makeClone(c)
	}
	if fault != nil {
		op.undoClone(c)
		return nil, fault
	}
	if fault := op.finishClone(c, made); fault != nil {
		return nil, fault
	}
	op.remeasure(op.vc.sharers(made))
	return made, nil
}

// remeasure brings the layouts of VMs up to date whose disks became shared, or are so no longer. No VM's lock is held.
func (op *operation) remeasure(vms []types.ManagedObjectReference) {
	for _, ref := range vms {
		if vm, ok := op.vc.registry.Get(ref).(*simulator.VirtualMachine); ok {
			op.ctx.WithLock(vm, func() { op.ctx.Update(vm, op.vc.measure(vm)) })
		}
	}
}
