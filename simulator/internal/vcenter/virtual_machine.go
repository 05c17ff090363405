package vcenter

import (
	"os"
	"path"
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/disk"
)

// VirtualMachine differs from vcsim's in Destroy_Task and in RelocateVM_Task, which there changes vm.datastore, the host
// and the folder alone. Here files move, and everything that tells of them is true afterwards (VirtualMachineRelocateSpec
// in the vSphere Web Services API):
//
//   - A disk with a locator goes to the locator's datastore; one without follows the VM's home. What it stands on goes
//     with it as diskMoveType says. A disk whose format changes is copied even where it stays.
//   - The home (the .vmx and what lies beside it) goes to spec.datastore, and stays when that is unset.
//   - All is copied first, at the rates of the datastores; then the VM switches to its new place in one moment. So a
//     relocation that fails or is cancelled leaves the VM whole where it was, and nothing on the target. A scenario may
//     have it otherwise: RelocationOptions.
//   - The VM can be read all the while. Other tasks on it are refused with TaskInProgress.
//   - Events tell of it: VmBeingRelocatedEvent, then VmRelocatedEvent or VmRelocateFailedEvent.
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
		uses:   vm.vc.relocationUses(vm.VirtualMachine, req.Spec),
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

// DestroyTask deletes a VM with its own files and its disks, wherever they are. vcsim deletes the VM's folder with all
// that is in it, also a disk that was detached and left there, and nothing outside.
func (vm *VirtualMachine) DestroyTask(ctx *simulator.Context, _ *types.Destroy_Task) soap.HasFault {
	body := new(methods.Destroy_TaskBody)
	ref, fault := vm.vc.start(ctx, job{
		entity: vm.VirtualMachine,
		id:     "VirtualMachine.destroy",
		method: "Destroy_Task",
		name:   vm.Name,
		claim:  vm.Self.String(),
		run: func(op *operation) (result types.AnyType, fault types.BaseMethodFault) {
			sharers := op.vc.sharers(vm.Self)
			op.ctx.WithLock(vm.VirtualMachine, func() { fault = op.destroy(vm.VirtualMachine) })
			op.remeasure(sharers)
			return nil, fault
		},
	})
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.Destroy_TaskResponse{Returnval: ref}
	return body
}

// destroy takes a VM out of the inventory and deletes its files. The VM's lock is held.
func (op *operation) destroy(vm *simulator.VirtualMachine) types.BaseMethodFault {
	places := slices.DeleteFunc(op.vc.placesToDelete(vm), func(p place) bool { return op.vc.isKept(op.ctx, p) })
	res := vm.UnregisterVM(op.ctx, &types.UnregisterVM{This: vm.Self})
	if refused := res.Fault(); refused != nil {
		return refused.VimFault().(types.BaseMethodFault)
	}
	for _, p := range places {
		if err := p.delete(); err != nil {
			return fileFault(p.url(), err)
		}
	}
	for _, p := range places {
		p.store.tidy(path.Dir(p.name)) // of a disk: its folder
		p.store.tidy(p.name)           // the home
		op.vc.publish(op.ctx, p.store)
	}
	return nil
}

// delete deletes a disk, or the files of a VM's home that are no disks.
func (p place) delete() error {
	if disk.IsDescriptor(p.name) {
		defer p.store.account.Remove(p.name)
		return disk.Remove(p.file())
	}
	entries, err := os.ReadDir(p.file())
	if err != nil {
		return skipGone(err)
	}
	for _, entry := range entries {
		if entry.IsDir() || path.Ext(entry.Name()) == ".vmdk" {
			continue
		}
		name := path.Join(p.name, entry.Name())
		if err := os.Remove(p.store.file(name)); err != nil {
			return err
		}
		p.store.account.Remove(name)
	}
	return nil
}
