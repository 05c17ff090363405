package vcenter_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"
)

// linked has a linked clone from the start, and one of that.
const linked = snapshots + `
      - name: clone
        cluster: a
        datastore: new
        linked_from: {vm: vm, snapshot: second, used: 1GiB}
        snapshots: [{name: of the clone, used: 1GiB}]
      - name: grandchild
        cluster: a
        datastore: old
        linked_from: {vm: clone, snapshot: of the clone}
`

// link makes a linked clone as govc vm.clone -link does.
func (l *lab) link(vm *object.VirtualMachine, name, datastore string, snapshot types.ManagedObjectReference) *object.VirtualMachine {
	l.Helper()
	spec := l.cloneTo(datastore)
	spec.Location.DiskMoveType = string(types.VirtualMachineRelocateDiskMoveOptionsCreateNewChildDiskBacking)
	spec.Snapshot = &snapshot
	return l.clone(vm, name, spec)
}

func (l *lab) destroy(vm *object.VirtualMachine) {
	l.Helper()
	l.done(vm.Destroy(l.Context()))
}

func TestScenarioHasLinkedClones(t *testing.T) {
	l := start(t, linked, fast)
	clone, grandchild := l.vm("clone"), l.vm("grandchild")
	l.wantChain(clone, 2000, "[new] clone/clone-000001.vmdk", "[new] clone/clone.vmdk", "[old] vm/vm-000001.vmdk", "[old] vm/vm.vmdk")
	l.wantChain(grandchild, 2001, "[old] grandchild/grandchild_1.vmdk", "[new] clone/clone_1.vmdk", "[old] vm/vm_1-000001.vmdk", "[old] vm/vm_1.vmdk")
	l.wantFree("new", 100*gib-2*2*gib)
	if on := l.whereIs(grandchild).datastores; len(on) != 2 {
		t.Errorf("the grandchild is on %v", on)
	}
}

func TestLinkedCloneCopiesNothing(t *testing.T) {
	for _, datastore := range []string{"old", "new"} {
		t.Run(datastore, func(t *testing.T) {
			l := start(t, snapshots, fast)
			vm := l.vm("vm")
			second := *l.state(vm).Snapshot.CurrentSnapshot
			old, fresh := l.free("old"), l.free("new")
			clone := l.link(vm, "linked", datastore, second)

			l.wantChain(clone, 2000, "["+datastore+"] linked/linked.vmdk", "[old] vm/vm-000001.vmdk", "[old] vm/vm.vmdk")
			l.wantFree("old", old)
			l.wantFree("new", fresh)
			if on := l.ledger().Datastores["old"]; on != nil && on.ReadBytes != 0 {
				t.Error("something was copied")
			}
			before, after := l.whereIs(vm), l.whereIs(clone)
			if after.uuids[2000] == before.uuids[2000] || after.uuids[2000] == "" {
				t.Errorf("uuid %s, of the source %s", after.uuids[2000], before.uuids[2000])
			}
			// What is shared is committed by both and unshared by neither.
			source, m := l.state(vm), l.state(clone)
			if s := m.Summary.Storage; s.Committed < 15*gib || s.Unshared > 1<<20 {
				t.Errorf("the clone's %+v", s)
			}
			if s := source.Summary.Storage; s.Committed < 21*gib || s.Unshared > 6*gib+1<<20 {
				t.Errorf("the source's %+v", s)
			}
			for _, file := range m.LayoutEx.File {
				if strings.HasPrefix(file.Name, "[old] vm/") && file.UniqueSize != 0 {
					t.Errorf("%+v", file)
				}
			}
			if on := after.datastores; (len(on) == 2) != (datastore == "new") {
				t.Errorf("on %v", on)
			}
			if m.Snapshot != nil {
				t.Errorf("%+v", m.Snapshot)
			}
		})
	}
}

func TestCloneOfALinkedClone(t *testing.T) {
	l := start(t, linked, fast)
	clone := l.vm("clone")

	// Whole: its chain becomes one disk, as thin as its base.
	whole := l.clone(clone, "whole", l.cloneTo("new"))
	l.wantChain(whole, 2000, "[new] whole/whole.vmdk")
	l.wantFree("new", 100*gib-2*2*gib-(1+2+1+1)*gib-10*gib)

	// Its top copied, the rest shared.
	spec := l.cloneTo("new")
	spec.Location.DiskMoveType = string(types.VirtualMachineRelocateDiskMoveOptionsMoveChildMostDiskBacking)
	top := l.clone(clone, "top", spec)
	l.wantChain(top, 2000, "[new] top/top.vmdk", "[new] clone/clone.vmdk", "[old] vm/vm-000001.vmdk", "[old] vm/vm.vmdk")
	l.wantFree("new", 100*gib-2*2*gib-(1+2+1+1)*gib-10*gib-2*gib)

	// govc vm.clone -link without a snapshot.
	spec.Location.DiskMoveType = string(types.VirtualMachineRelocateDiskMoveOptionsMoveAllDiskBackingsAndAllowSharing)
	sharing := l.clone(clone, "sharing", spec)
	l.wantChain(sharing, 2000, "[new] sharing/sharing.vmdk", "[new] clone/clone.vmdk", "[old] vm/vm-000001.vmdk", "[old] vm/vm.vmdk")

	// Linked once more.
	of := *l.state(clone).Snapshot.CurrentSnapshot
	again := l.link(clone, "again", "old", of)
	l.wantChain(again, 2000, "[old] again/again.vmdk", "[new] clone/clone.vmdk", "[old] vm/vm-000001.vmdk", "[old] vm/vm.vmdk")
}

func TestDestroyingACloneKeepsItsParents(t *testing.T) {
	l := start(t, linked, fast)
	old := l.free("old")
	l.destroy(l.vm("grandchild"))
	l.destroy(l.vm("clone"))
	l.wantFree("old", old)
	l.wantFree("new", 100*gib)
	l.wantChain(l.vm("vm"), 2000, "[old] vm/vm-000002.vmdk", "[old] vm/vm-000001.vmdk", "[old] vm/vm.vmdk")
	// Nothing is shared any more.
	if s := l.state(l.vm("vm")).Summary.Storage; s.Unshared != s.Committed {
		t.Errorf("%+v", s)
	}
}

func TestDestroyingTheSourceKeepsWhatClonesNeed(t *testing.T) {
	l := start(t, linked, fast)
	l.destroy(l.vm("vm"))
	l.wantFiles("old", "vm", "vm.vmdk", "vm-flat.vmdk", "vm-000001.vmdk", "vm-000001-delta.vmdk",
		"vm_1.vmdk", "vm_1-flat.vmdk", "vm_1-000001.vmdk", "vm_1-000001-delta.vmdk")
	l.wantChain(l.vm("clone"), 2000, "[new] clone/clone-000001.vmdk", "[new] clone/clone.vmdk", "[old] vm/vm-000001.vmdk", "[old] vm/vm.vmdk")

	l.destroy(l.vm("clone")) // in the middle
	l.wantChain(l.vm("grandchild"), 2000, "[old] grandchild/grandchild.vmdk", "[new] clone/clone.vmdk", "[old] vm/vm-000001.vmdk", "[old] vm/vm.vmdk")
	l.wantFree("new", 100*gib-2*gib)

	l.destroy(l.vm("grandchild")) // the last one takes all with it
	l.wantFree("old", 100*gib)
	l.wantFree("new", 100*gib)
	for _, at := range [][2]string{{"old", "vm"}, {"old", "grandchild"}, {"new", "clone"}} {
		if left := l.list(at[0], at[1]); len(left) != 0 {
			t.Errorf("left in %v: %v", at, left)
		}
	}
}

func TestSnapshotUnderALinkedCloneIsNotMerged(t *testing.T) {
	l := start(t, linked, fast)
	vm, free := l.vm("vm"), l.free("old")
	l.done(vm.RemoveAllSnapshot(t.Context(), nil))
	// The clones hang on vm-000001: it and its parent stay, and what the VM wrote since stays apart from them.
	l.wantChain(vm, 2000, "[old] vm/vm-000002.vmdk", "[old] vm/vm-000001.vmdk", "[old] vm/vm.vmdk")
	l.wantFree("old", free)
	l.wantConsolidation(vm, false)

	l.destroy(l.vm("grandchild"))
	l.destroy(l.vm("clone"))
	if fault := l.ends(l.consolidate(vm)); fault != nil { // now it can be
		t.Fatalf("%#v", fault)
	}
	l.wantChain(vm, 2000, "[old] vm/vm.vmdk")
	l.wantFree("old", 100*gib-6*gib-10*gib)
}

func TestSnapshotsOfALinkedCloneMergeIntoIt(t *testing.T) {
	l := start(t, linked, fast)
	grandchild := l.vm("grandchild")
	l.snap(grandchild, "own")
	l.wantChain(grandchild, 2000, "[old] grandchild/grandchild-000001.vmdk", "[old] grandchild/grandchild.vmdk",
		"[new] clone/clone.vmdk", "[old] vm/vm-000001.vmdk", "[old] vm/vm.vmdk")
	l.done(grandchild.RemoveAllSnapshot(t.Context(), nil))
	l.wantChain(grandchild, 2000, "[old] grandchild/grandchild.vmdk", "[new] clone/clone.vmdk", "[old] vm/vm-000001.vmdk", "[old] vm/vm.vmdk")
}

func TestParentsOfClonesCannotBeDeleted(t *testing.T) {
	l := start(t, linked, fast)
	for _, name := range []string{"[old] vm/vm.vmdk", "[old] vm/vm-000001.vmdk", "[new] clone/clone.vmdk"} {
		task, err := l.disks().DeleteVirtualDisk(t.Context(), name, l.dc)
		l.must(err)
		wantFault[*types.FileLocked](t, l.ends(task))
	}
	for _, name := range []string{"[old] vm/vm-000001.vmdk", "[old] vm"} {
		task, err := l.files().DeleteDatastoreFile(t.Context(), name, l.dc)
		l.must(err)
		wantFault[*types.FileLocked](t, l.ends(task))
	}
	l.wantChain(l.vm("clone"), 2000, "[new] clone/clone-000001.vmdk", "[new] clone/clone.vmdk", "[old] vm/vm-000001.vmdk", "[old] vm/vm.vmdk")
}

func TestManyLinkedClonesGoAtOnce(t *testing.T) {
	l := start(t, snapshots, fast)
	vm := l.vm("vm")
	m := l.state(vm)
	pool, err := vm.ResourcePool(t.Context())
	l.must(err)
	l.must(vm.MarkAsTemplate(t.Context()))
	old := l.free("old")
	spec := l.cloneTo("new")
	ref := pool.Reference()
	spec.Location.Pool, spec.Snapshot = &ref, m.Snapshot.CurrentSnapshot
	spec.Location.DiskMoveType = string(types.VirtualMachineRelocateDiskMoveOptionsCreateNewChildDiskBacking)

	const many = 12
	var clones []*object.VirtualMachine
	for n := range many {
		clones = append(clones, l.clone(vm, fmt.Sprintf("desktop-%d", n), spec))
	}
	var snapping, destroying []*object.Task
	for _, clone := range clones {
		task, err := clone.CreateSnapshot(t.Context(), "own", "", false, false)
		l.must(err)
		snapping = append(snapping, task)
	}
	for n, task := range snapping {
		if fault := l.ends(task); fault != nil {
			t.Fatalf("%#v", fault)
		}
		l.state(vm)
		task, err := clones[n].Destroy(t.Context())
		l.must(err)
		destroying = append(destroying, task)
	}
	for _, task := range destroying {
		if fault := l.ends(task); fault != nil {
			t.Errorf("%#v", fault)
		}
	}
	l.wantFree("old", old)
	l.wantFree("new", 100*gib)
	if s := l.state(vm).Summary.Storage; s.Unshared != s.Committed {
		t.Errorf("%+v", s)
	}
}
