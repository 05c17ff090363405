package vcenter

import (
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// reconfiguration reads what a ConfigSpec asks of disks, before vcsim carries out the rest of it
// (VirtualMachine.ReconfigVM_Task and VirtualDeviceConfigSpec in the vSphere Web Services API). vcsim believes the spec:
// a disk that is attached gets the capacity that the spec gives it or none, one that is made takes no space, a shrink
// takes the disk away, and a datastore that is not there ends the program.
//
// Here the files are the truth: disks are made, extended and deleted by us, and vcsim sees only files that exist.
type reconfiguration struct {
	vc   *VCenter
	ctx  *simulator.Context
	vm   *simulator.VirtualMachine
	spec types.VirtualMachineConfigSpec

	made       []place                        // by this reconfiguration, to be removed when it is refused
	extensions []func() types.BaseMethodFault // done when all else was found to be right
	leaving    []place                        // deleted when the VM does not have them any more
}

// ReconfigVMTask changes a VM. A spec that is refused changes nothing.
func (vm *VirtualMachine) ReconfigVMTask(ctx *simulator.Context, req *types.ReconfigVM_Task) soap.HasFault {
	if vm.Config.Template {
		return vm.VirtualMachine.ReconfigVMTask(ctx, req) // NotSupported but for its name
	}
	r := &reconfiguration{vc: vm.vc, ctx: ctx, vm: vm.VirtualMachine, spec: req.Spec}
	if fault := r.prepare(); fault != nil {
		r.undo()
		return failed(vm.vc, ctx, vm.VirtualMachine, fault)
	}
	vm.vc.willDelete(vm.Self, r.leaving)
	ownLists(ctx, vm.VirtualMachine)
	// We hold the VM's lock, and vcsim hands it on to its task: nothing comes between.
	return vm.VirtualMachine.ReconfigVMTask(ctx, &types.ReconfigVM_Task{This: req.This, Spec: r.spec})
}

// failed answers a reconfiguration with a task that fails at once: faults of a spec are the task's, not the call's.
func failed(vc *VCenter, ctx *simulator.Context, vm *simulator.VirtualMachine, fault types.BaseMethodFault) soap.HasFault {
	body := new(methods.ReconfigVM_TaskBody)
	ref, refused := vc.start(ctx, job{
		entity: vm,
		id:     "VirtualMachine.reconfigure",
		method: "ReconfigVM_Task",
		name:   vm.Name,
		run:    func(*operation) (types.AnyType, types.BaseMethodFault) { return nil, fault },
	})
	if refused != nil {
		body.Fault_ = refusal(refused)
		return body
	}
	body.Res = &types.ReconfigVM_TaskResponse{Returnval: ref}
	return body
}

// ownLists gives a VM copies of the lists that vcsim changes in their place, which readers may still be encoding.
func ownLists(ctx *simulator.Context, vm *simulator.VirtualMachine) {
	ctx.Update(vm, []types.PropertyChange{{Name: "config.hardware.device", Val: slices.Clone(vm.Config.Hardware.Device)}})
	layout, old, storage := *vm.LayoutEx, *vm.Layout, *vm.Storage
	layout.File = slices.Clone(layout.File)
	vm.LayoutEx, vm.Layout, vm.Storage = &layout, &old, &storage
	vm.Datastore = slices.Clone(vm.Datastore)
	vm.Network = slices.Clone(vm.Network)
}

// prepare checks the spec's devices, in their order, and does with the disks' files what is asked.
func (r *reconfiguration) prepare() types.BaseMethodFault {
	changes := slices.Clone(r.spec.DeviceChange)
	for i, change := range changes {
		spec := *change.GetVirtualDeviceConfigSpec()
		fault := r.device(i, &spec)
		if fault != nil {
			return fault
		}
		changes[i] = &spec
	}
	r.spec.DeviceChange = changes
	for _, extend := range r.extensions {
		if fault := extend(); fault != nil {
			return fault
		}
	}
	return nil
}

// device checks one device of the spec. What is no disk is vcsim's, which only has to know the datastore of an image.
func (r *reconfiguration) device(i int, spec *types.VirtualDeviceConfigSpec) types.BaseMethodFault {
	disk, isDisk := spec.Device.(*types.VirtualDisk)
	if !isDisk {
		return r.image(spec)
	}
	switch spec.Operation {
	case types.VirtualDeviceConfigSpecOperationAdd:
		return r.add(i, spec, disk)
	case types.VirtualDeviceConfigSpecOperationEdit:
		return r.edit(i, spec, disk)
	case types.VirtualDeviceConfigSpecOperationRemove:
		return r.remove(i, spec, disk)
	}
	return nil // "If no operation is specified, the spec. is ignored"
}

// image names the datastore of a CD-ROM's or a floppy's image. The image need not be there: it is opened when the VM
// starts.
func (r *reconfiguration) image(spec *types.VirtualDeviceConfigSpec) types.BaseMethodFault {
	if spec.Device == nil || spec.Operation == types.VirtualDeviceConfigSpecOperationRemove {
		return nil
	}
	file, ok := spec.Device.GetVirtualDevice().Backing.(types.BaseVirtualDeviceFileBackingInfo)
	if !ok {
		return nil
	}
	backing := file.GetVirtualDeviceFileBackingInfo()
	at, fault := r.locate(backing.FileName)
	if fault != nil {
		return fault
	}
	ref := at.store.ref
	backing.Datastore = &ref
	return nil
}

// locate finds a file on a datastore that the VM's host mounts.
func (r *reconfiguration) locate(name string) (place, types.BaseMethodFault) {
	s, at, fault := r.vc.locate(r.vc.datacenterOf(r.vm), name)
	if fault == nil {
		fault = r.vc.reach(r.ctx, *r.vm.Runtime.Host, s, false)
	}
	return place{s, at}, fault
}

// willDelete notes files that are to be deleted when a VM does not have them any more.
func (vc *VCenter) willDelete(vm types.ManagedObjectReference, files []place) {
	vc.mu.Lock()
	defer vc.mu.Unlock()
	if len(files) > 0 {
		vc.leaving[vm] = append(vc.leaving[vm], files...)
	}
}

// deleteLeft deletes the files that a VM was to lose, and has lost. The VM's lock is held.
func (vc *VCenter) deleteLeft(ctx *simulator.Context, vm *simulator.VirtualMachine) {
	vc.mu.Lock()
	files := vc.leaving[vm.Self]
	delete(vc.leaving, vm.Self)
	vc.mu.Unlock()
	for _, p := range files {
		if slices.ContainsFunc(disksOf(vm), func(d *types.VirtualDisk) bool { return isBackedBy(d, p.url()) }) {
			continue // the reconfiguration came to nothing
		}
		_ = p.delete() // it may have been deleted by another's hand
		vc.publish(ctx, p.store)
	}
}
