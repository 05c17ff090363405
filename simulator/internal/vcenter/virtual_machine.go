package vcenter

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// VirtualMachine differs from vcsim's in RelocateVM_Task, which there changes vm.datastore alone. Here files move, and
// everything that tells of them is true afterwards (VirtualMachineRelocateSpec in the vSphere Web Services API):
//
//   - A disk with a locator goes to the locator's datastore; one without follows the VM's home.
//   - The home (the .vmx and what lies beside it) goes to spec.datastore, and stays when that is unset.
//   - All is copied first, at the rates of the datastores; then the VM switches to its new place in one moment. So a
//     relocation that fails or is cancelled leaves the VM whole where it was, and nothing on the target.
//   - The VM can be read all the while. Other tasks on it are refused with TaskInProgress.
type VirtualMachine struct {
	*simulator.VirtualMachine
	vc *VCenter
}

// RelocateVMTask starts a relocation.
func (vm *VirtualMachine) RelocateVMTask(ctx *simulator.Context, req *types.RelocateVM_Task) soap.HasFault {
	body := new(methods.RelocateVM_TaskBody)
	ref, fault := vm.vc.start(ctx, job{
		entity: vm.VirtualMachine,
		id:     "VirtualMachine.relocate",
		method: "RelocateVM_Task",
		name:   vm.Name,
		claim:  vm.Self.String(),
		run: func(op *operation) (types.AnyType, types.BaseMethodFault) {
			return nil, op.relocate(vm.VirtualMachine, req.Spec)
		},
	})
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.RelocateVM_TaskResponse{Returnval: ref}
	return body
}

// DestroyTask is vcsim's; the space of the VM's files is given back when it ends.
func (vm *VirtualMachine) DestroyTask(ctx *simulator.Context, req *types.Destroy_Task) soap.HasFault {
	vm.vc.depart(vm.VirtualMachine)
	return vm.VirtualMachine.DestroyTask(ctx, req)
}
