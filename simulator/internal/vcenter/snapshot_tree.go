package vcenter

import (
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// snapshot is a snapshot of a VM with the number that its files have.
type snapshot struct {
	*simulator.VirtualMachineSnapshot
	id int32
}

// tree is a VM's snapshots (VirtualMachineSnapshotInfo.rootSnapshotList). It is never changed in place: readers may be
// encoding it.
type tree []types.VirtualMachineSnapshotTree

// treeOf gives a VM's snapshots. The VM's lock is held.
func treeOf(vm *simulator.VirtualMachine) tree {
	if vm.Snapshot == nil {
		return nil
	}
	return vm.Snapshot.RootSnapshotList
}

// all calls a function for every snapshot, parents first, with its depth: 1 for a root.
func (t tree) all(depth int, each func(s types.VirtualMachineSnapshotTree, depth int)) {
	for _, s := range t {
		each(s, depth)
		tree(s.ChildSnapshotList).all(depth+1, each)
	}
}

// find gives a snapshot; ok is false if it is not in the tree.
func (t tree) find(ref types.ManagedObjectReference) (found types.VirtualMachineSnapshotTree, depth int, ok bool) {
	t.all(1, func(s types.VirtualMachineSnapshotTree, at int) {
		if s.Snapshot == ref {
			found, depth, ok = s, at, true
		}
	})
	return found, depth, ok
}

// lastID gives the highest number of a snapshot.
func (t tree) lastID() (id int32) {
	t.all(1, func(s types.VirtualMachineSnapshotTree, _ int) { id = max(id, s.Id) })
	return id
}

// refs gives all snapshots.
func (t tree) refs() (refs []types.ManagedObjectReference) {
	t.all(1, func(s types.VirtualMachineSnapshotTree, _ int) { refs = append(refs, s.Snapshot) })
	return refs
}

// under puts a snapshot below another; a nil parent makes it a root.
func (t tree) under(parent *types.ManagedObjectReference, s types.VirtualMachineSnapshotTree) tree {
	if parent == nil {
		return append(slices.Clone(t), s)
	}
	return t.edit(*parent, func(p *types.VirtualMachineSnapshotTree) {
		p.ChildSnapshotList = append(slices.Clone(p.ChildSnapshotList), s)
	})
}

// edit gives the tree with one snapshot changed.
func (t tree) edit(ref types.ManagedObjectReference, change func(*types.VirtualMachineSnapshotTree)) tree {
	fresh := slices.Clone(t)
	for i := range fresh {
		fresh[i].ChildSnapshotList = tree(fresh[i].ChildSnapshotList).edit(ref, change)
		if fresh[i].Snapshot == ref {
			change(&fresh[i])
		}
	}
	return fresh
}

// without gives the tree without some snapshots; the children of one that goes are its parent's then.
func (t tree) without(gone []types.ManagedObjectReference) tree {
	var fresh tree
	for _, s := range t {
		children := tree(s.ChildSnapshotList).without(gone)
		if slices.Contains(gone, s.Snapshot) {
			fresh = append(fresh, children...)
			continue
		}
		s.ChildSnapshotList = children
		fresh = append(fresh, s)
	}
	return fresh
}

// nearest gives a snapshot if it is none of those that go, or else the nearest above it that is not; nil if there is
// none.
func (t tree) nearest(ref *types.ManagedObjectReference, gone []types.ManagedObjectReference) *types.ManagedObjectReference {
	if ref == nil {
		return nil
	}
	var last *types.ManagedObjectReference
	for _, s := range t {
		if _, _, within := (tree{s}).find(*ref); !within {
			continue
		}
		if !slices.Contains(gone, s.Snapshot) {
			last = &s.Snapshot
		}
		if below := tree(s.ChildSnapshotList).nearest(ref, gone); below != nil {
			last = below
		}
	}
	return last
}

// snapshotsOf gives a VM's snapshots, parents first. The VM's lock is held.
func (vc *VCenter) snapshotsOf(vm *simulator.VirtualMachine) []snapshot {
	var all []snapshot
	treeOf(vm).all(1, func(s types.VirtualMachineSnapshotTree, _ int) {
		if object, ok := vc.registry.Get(s.Snapshot).(*simulator.VirtualMachineSnapshot); ok {
			all = append(all, snapshot{object, s.Id})
		}
	})
	return all
}

// toldTree gives the changes that make a VM tell of a tree of snapshots. The VM's lock is held.
func toldTree(t tree, current *types.ManagedObjectReference) []types.PropertyChange {
	if len(t) == 0 {
		return []types.PropertyChange{{Name: "snapshot", Val: nil}, {Name: "rootSnapshot", Val: nil}}
	}
	var roots []types.ManagedObjectReference
	for _, s := range t {
		roots = append(roots, s.Snapshot)
	}
	return []types.PropertyChange{
		{Name: "snapshot", Val: &types.VirtualMachineSnapshotInfo{CurrentSnapshot: current, RootSnapshotList: t}},
		{Name: "rootSnapshot", Val: roots},
	}
}

// tellChildren makes every snapshot say which are below it (VirtualMachineSnapshot.childSnapshot).
func (op *operation) tellChildren(t tree) {
	t.all(1, func(s types.VirtualMachineSnapshotTree, _ int) {
		object, ok := op.vc.registry.Get(s.Snapshot).(*simulator.VirtualMachineSnapshot)
		if !ok {
			return
		}
		var children []types.ManagedObjectReference
		for _, child := range s.ChildSnapshotList {
			children = append(children, child.Snapshot)
		}
		op.ctx.WithLock(object, func() {
			if !slices.Equal(object.ChildSnapshot, children) {
				op.ctx.Update(object, []types.PropertyChange{{Name: "childSnapshot", Val: children}})
			}
		})
	})
}
