package vcenter

import (
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/disk"
)

// removeSnapshots takes snapshots out of the tree and merges what became superfluous, if asked to.
func (op *operation) removeSnapshots(vm *simulator.VirtualMachine, consolidate bool,
	which func(tree) ([]types.ManagedObjectReference, types.BaseMethodFault)) (fault types.BaseMethodFault) {
	if fault := op.commit(); fault != nil { // a removal can't be cancelled once it has begun
		return fault
	}
	var stores []*store
	op.ctx.WithLock(vm, func() {
		var gone []types.ManagedObjectReference
		if gone, fault = which(treeOf(vm)); fault == nil && len(gone) > 0 {
			stores, fault = op.dropSnapshots(vm, gone)
		}
	})
	for _, s := range stores {
		op.vc.publish(op.ctx, s)
	}
	if fault != nil || !consolidate {
		return fault
	}
	return op.consolidate(vm)
}

// dropSnapshots takes snapshots out of the tree and deletes their files and the deltas that only they needed. The VM's
// lock is held.
func (op *operation) dropSnapshots(vm *simulator.VirtualMachine, gone []types.ManagedObjectReference) ([]*store, types.BaseMethodFault) {
	vc := op.vc
	folder, stem, fault := vc.snapshotHome(vm)
	if fault != nil {
		return nil, fault
	}
	f := vc.forestOf(vm) // with the snapshots that go
	for _, s := range vc.snapshotsOf(vm) {
		if slices.Contains(gone, s.Self) {
			stateFile(folder, stem, s.id).forget()
			memoryFile(folder, stem, s.id).forget()
		}
	}
	before := treeOf(vm)
	t := before.without(gone)
	op.ctx.Update(vm, toldTree(t, before.nearest(vm.Snapshot.CurrentSnapshot, gone)))
	op.tellChildren(t)
	for _, ref := range gone {
		vc.registry.Remove(op.ctx, ref)
	}

	stores := []*store{folder.store}
	f.findNeeded(vm)
	for _, at := range f.abandoned() {
		at.forgetDisk()
		stores = append(stores, at.store)
	}
	op.reback(vm, nil)
	op.tellConsolidation(vm, len(f.mergings()) > 0)
	return stores, nil
}

// consolidate merges what nothing needs but the delta on it. What is merged stays merged if the next fails.
func (op *operation) consolidate(vm *simulator.VirtualMachine) types.BaseMethodFault {
	var todo []merging
	name := ""
	op.ctx.WithLock(vm, func() {
		todo = op.vc.forestOf(vm).mergings()
		name = vm.Config.Files.VmPathName
	})
	if len(todo) == 0 {
		op.ctx.WithLock(vm, func() { op.tellConsolidation(vm, false) })
		if op.total > 0 {
			return nil
		}
		return op.nothingToCopy(name)
	}
	for _, m := range todo {
		op.total += m.bytes
	}
	for _, m := range todo {
		if fault := op.merge(vm, m); fault != nil {
			return fault
		}
	}
	op.ctx.WithLock(vm, func() { op.tellConsolidation(vm, false) })
	return nil
}

// merge writes a delta into its parent: that takes time, and the space by which the parent grows until the delta is
// deleted.
func (op *operation) merge(vm *simulator.VirtualMachine, m merging) types.BaseMethodFault {
	lower, err := disk.Read(m.lower.file())
	if err != nil {
		return fileFault(m.lower.url(), err)
	}
	upper, err := disk.Read(m.upper.file())
	if err != nil {
		return fileFault(m.upper.url(), err)
	}
	account, before := m.lower.store.account, lower.AllocatedBytes()
	growth := lower.Merged(upper).AllocatedBytes() - before
	var counted int64
	op.change(m.lower.store, m.lower.name)
	fault := op.pass([]string{m.upper.store.ref.Value, m.lower.store.ref.Value}, m.bytes, m.lower.url(), func(done int64) types.BaseMethodFault {
		op.vc.ledger.Moved(m.upper.store.name, m.lower.store.name, done-counted)
		counted = done
		defer op.vc.publish(op.ctx, m.lower.store)
		if account.Set(m.lower.name, before+min(done, growth)) != nil {
			return noSpace(m.lower.store, m.lower.name)
		}
		return nil
	})
	if fault == nil {
		fault = m.settle()
	}
	if fault != nil {
		_ = account.Set(m.lower.name, before) // shrinks
		op.vc.publish(op.ctx, m.lower.store)
		return fault
	}
	op.ctx.WithLock(vm, func() { op.reback(vm, map[place]place{m.upper: m.lower}) })
	op.vc.publish(op.ctx, m.lower.store)
	op.vc.publish(op.ctx, m.upper.store)
	return nil
}

// settle merges the files; what hung on the delta hangs on its parent then.
func (m merging) settle() types.BaseMethodFault {
	merged, err := disk.Merge(m.lower.file(), m.upper.file())
	if err != nil {
		return fileFault(m.lower.url(), err)
	}
	m.upper.store.account.Remove(m.upper.name)
	_ = m.lower.store.account.Set(m.lower.name, merged.AllocatedBytes()) // has been taken already
	for _, child := range m.above {
		d, err := disk.Read(child.file())
		if err != nil {
			return fileFault(child.url(), err)
		}
		d.Parent = hint(child, m.lower)
		if err := disk.Write(child.file(), d); err != nil {
			return fileFault(child.url(), err)
		}
	}
	return nil
}

// reback makes the VM and its snapshots tell of their disks as the files are, after some disks became others, and with
// them the list of snapshots, the layouts, what they take and the datastores. The VM's lock is held.
func (op *operation) reback(vm *simulator.VirtualMachine, became map[place]place) {
	vc, datacenter := op.vc, op.vc.datacenterOf(vm)
	op.ctx.Update(vm, []types.PropertyChange{
		{Name: "config.hardware.device", Val: vc.rebacked(datacenter, vm.Config.Hardware.Device, became)},
	})
	for _, s := range vc.snapshotsOf(vm) {
		op.ctx.WithLock(s.VirtualMachineSnapshot, func() {
			op.ctx.Update(s.VirtualMachineSnapshot, []types.PropertyChange{
				{Name: "config.hardware.device", Val: vc.rebacked(datacenter, s.Config.Hardware.Device, became)},
			})
		})
	}
	if folder, stem, fault := vc.snapshotHome(vm); fault == nil {
		_ = vc.writeList(vm, folder, stem) // a few bytes of text for people
	}
	op.ctx.Update(vm, vc.measure(vm))
	vc.relistDatastores(op.ctx, vm)
}

// tellConsolidation makes a VM say whether it has deltas that could be merged: "whether any disk of the virtual machine
// requires consolidation". The VM's lock is held.
func (op *operation) tellConsolidation(vm *simulator.VirtualMachine, needed bool) {
	if vm.Runtime.ConsolidationNeeded != needed {
		op.ctx.Update(vm, []types.PropertyChange{
			{Name: "runtime.consolidationNeeded", Val: needed},
			{Name: "summary.runtime.consolidationNeeded", Val: needed},
		})
	}
}
