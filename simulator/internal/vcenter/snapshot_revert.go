package vcenter

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// revert puts a VM back to a snapshot: "the current snapshot is the one that was reverted to", its disks get new deltas,
// and what was written since is deleted. A VM that ran when the snapshot was taken with its memory runs again, unless
// suppressPowerOn; any other is off then.
func (op *operation) revert(vm *simulator.VirtualMachine, ref types.ManagedObjectReference, suppressPowerOn bool) (fault types.BaseMethodFault) {
	if fault := op.readMemory(vm, ref, suppressPowerOn); fault != nil {
		return fault
	}
	if fault := op.commit(); fault != nil {
		return fault
	}
	var stores []*store
	op.ctx.WithLock(vm, func() { stores, fault = op.revertDisks(vm, ref, suppressPowerOn) })
	for _, s := range stores {
		op.vc.publish(op.ctx, s)
	}
	return fault
}

// readMemory takes the time that it takes to read a snapshot's memory, if the VM is to run.
func (op *operation) readMemory(vm *simulator.VirtualMachine, ref types.ManagedObjectReference, suppressPowerOn bool) (fault types.BaseMethodFault) {
	var file place
	op.ctx.WithLock(vm, func() {
		at, _, ok := treeOf(vm).find(ref)
		if !ok {
			fault = &types.ManagedObjectNotFound{Obj: ref}
			return
		}
		var folder place
		var stem string
		if folder, stem, fault = op.vc.snapshotHome(vm); fault == nil {
			file = memoryFile(folder, stem, at.Id)
		}
	})
	if fault != nil {
		return fault
	}
	bytes := lengthOf(file.file())
	if bytes == 0 || suppressPowerOn {
		return op.nothingToCopy(file.url())
	}
	op.total = bytes
	return op.pass([]string{file.store.ref.Value}, bytes, file.url(), func(int64) types.BaseMethodFault { return nil })
}

// revertDisks gives the VM its hardware of then on new deltas. The VM's lock is held.
func (op *operation) revertDisks(vm *simulator.VirtualMachine, ref types.ManagedObjectReference, suppressPowerOn bool) ([]*store, types.BaseMethodFault) {
	vc := op.vc
	object, ok := vc.registry.Get(ref).(*simulator.VirtualMachineSnapshot)
	at, _, inTree := treeOf(vm).find(ref)
	if !ok || !inTree {
		return nil, &types.ManagedObjectNotFound{Obj: ref}
	}
	datacenter := vc.datacenterOf(vm)
	config := deepCopied(object.Config)
	var disks []*types.VirtualDisk
	for _, device := range config.Hardware.Device {
		if d, ok := device.(*types.VirtualDisk); ok {
			disks = append(disks, d)
		}
	}
	f := vc.forestOf(vm)
	became, fault := vc.putDeltas(datacenter, disks)
	if fault != nil {
		return nil, fault
	}
	config.Hardware.Device = vc.rebacked(datacenter, config.Hardware.Device, became)
	op.ctx.Update(vm, append(toldTree(treeOf(vm), &ref),
		types.PropertyChange{Name: "config.hardware", Val: config.Hardware},
		types.PropertyChange{Name: "summary.config.numCpu", Val: config.Hardware.NumCPU},
		types.PropertyChange{Name: "summary.config.memorySizeMB", Val: config.Hardware.MemoryMB},
		types.PropertyChange{Name: "summary.config.numVirtualDisks", Val: int32(len(disks))},
	))

	var stores []*store
	f.findNeeded(vm)
	for _, delta := range f.abandoned() {
		delta.forgetDisk()
		stores = append(stores, delta.store)
	}
	op.reback(vm, nil)
	power := at.State
	if suppressPowerOn {
		power = types.VirtualMachinePowerStatePoweredOff
	}
	op.ctx.Update(vm, []types.PropertyChange{
		{Name: "runtime.powerState", Val: power},
		{Name: "summary.runtime.powerState", Val: power},
	})
	return stores, nil
}
