package vcenter_test

import (
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

// snapshots is an inventory of VMs that have snapshots, with something written since.
const snapshots = `
datacenters:
  - name: dc1
    clusters:
      - {name: a, hosts: ["a{1..2}"]}
    datastores:
      - {name: old, capacity: 100GiB, hosts: [a]}
      - {name: new, capacity: 100GiB, hosts: [a]}
      - {name: full, capacity: 7GiB, used_elsewhere: 1GiB, hosts: [a]}
    vms:
      - name: vm
        cluster: a
        datastore: old
        disks: [{size: 10GiB, used: 1GiB}, {size: 10GiB, kind: thick}]
        snapshots: [{name: first, used: 2GiB}, {name: second, used: 3GiB}]
      - name: tight
        cluster: a
        datastore: full
        disks: [{size: 10GiB, used: 2GiB}]
        snapshots: [{name: only, used: 3GiB}]
`

func (l *lab) remove(vm *object.VirtualMachine, snapshot string, children bool, consolidate *bool) *object.Task {
	l.Helper()
	task, err := vm.RemoveSnapshot(l.Context(), snapshot, children, consolidate)
	l.must(err)
	return task
}

func (l *lab) consolidate(vm *object.VirtualMachine) *object.Task {
	l.Helper()
	res, err := methods.ConsolidateVMDisks_Task(l.Context(), l.client.Client, &types.ConsolidateVMDisks_Task{This: vm.Reference()})
	l.must(err)
	return object.NewTask(l.client.Client, res.Returnval)
}

func (l *lab) wantConsolidation(vm *object.VirtualMachine, needed bool) {
	l.Helper()
	if m := l.state(vm); m.Runtime.ConsolidationNeeded != needed || m.Summary.Runtime.ConsolidationNeeded != needed {
		l.Errorf("consolidationNeeded is %v, in the summary %v", m.Runtime.ConsolidationNeeded, m.Summary.Runtime.ConsolidationNeeded)
	}
}

func TestScenarioHasSnapshots(t *testing.T) {
	l := start(t, snapshots, fast)
	vm := l.vm("vm")
	l.wantChain(vm, 2000, "[old] vm/vm-000002.vmdk", "[old] vm/vm-000001.vmdk", "[old] vm/vm.vmdk")
	l.wantChain(vm, 2001, "[old] vm/vm_1-000002.vmdk", "[old] vm/vm_1-000001.vmdk", "[old] vm/vm_1.vmdk")
	l.wantFree("old", 100*gib-1*gib-10*gib-2*5*gib)
	m := l.state(vm)
	root := m.Snapshot.RootSnapshotList[0]
	if root.Name != "first" || root.ChildSnapshotList[0].Name != "second" || *m.Snapshot.CurrentSnapshot != root.ChildSnapshotList[0].Snapshot {
		t.Errorf("%+v", m.Snapshot)
	}
	if len(m.LayoutEx.Snapshot) != 2 || m.LayoutEx.Snapshot[0].DataKey < 0 || len(m.LayoutEx.Snapshot[1].Disk[1].Chain) != 2 {
		t.Errorf("%+v", m.LayoutEx.Snapshot)
	}
	if m.Summary.Storage.Committed < 21*gib || m.Summary.Storage.Committed > 21*gib+1<<20 || m.Summary.Storage.Unshared != m.Summary.Storage.Committed {
		t.Errorf("%+v", m.Summary.Storage)
	}
}

func TestSnapshotInTheMiddleIsRemoved(t *testing.T) {
	l := start(t, snapshots, fast)
	vm, free := l.vm("vm"), l.free("old")
	third := l.snap(vm, "third")

	// What was written after the second goes into what was written after the first.
	if fault := l.ends(l.remove(vm, "second", false, nil)); fault != nil {
		t.Fatalf("%#v", fault)
	}
	l.wantChain(vm, 2000, "[old] vm/vm-000003.vmdk", "[old] vm/vm-000001.vmdk", "[old] vm/vm.vmdk")
	m := l.state(vm)
	root := m.Snapshot.RootSnapshotList[0]
	if len(root.ChildSnapshotList) != 1 || root.ChildSnapshotList[0].Snapshot != third || *m.Snapshot.CurrentSnapshot != third {
		t.Errorf("%+v, current %v", root, m.Snapshot.CurrentSnapshot)
	}
	l.wantFree("old", free)
	l.wantConsolidation(vm, false)

	// Then into the base: the thin disk grows, the thick one has its space already.
	if fault := l.ends(l.remove(vm, "first", false, nil)); fault != nil {
		t.Fatalf("%#v", fault)
	}
	l.wantChain(vm, 2000, "[old] vm/vm-000003.vmdk", "[old] vm/vm.vmdk")
	l.wantFree("old", free+5*gib)

	if fault := l.ends(l.remove(vm, "third", false, nil)); fault != nil {
		t.Fatalf("%#v", fault)
	}
	l.wantChain(vm, 2000, "[old] vm/vm.vmdk")
	l.wantFiles("old", "vm", "vm.vmx", "vm.vmsd", "vm.vmdk", "vm-flat.vmdk", "vm_1.vmdk", "vm_1-flat.vmdk")
	l.wantFree("old", 100*gib-6*gib-10*gib)
	if m := l.state(vm); m.Snapshot != nil || m.RootSnapshot != nil || len(m.LayoutEx.Snapshot) != 0 {
		t.Errorf("%+v, %v, %v", m.Snapshot, m.RootSnapshot, m.LayoutEx.Snapshot)
	}
	if moved := l.ledger().Datastores["old"].WrittenBytes; moved != 2*(3+5)*gib {
		t.Errorf("%d bytes were merged, want %d", moved, 2*(3+5)*gib)
	}
}

func TestAllSnapshotsAreRemoved(t *testing.T) {
	for name, remove := range map[string]func(*lab, *object.VirtualMachine) (*object.Task, error){
		"RemoveAllSnapshots": func(l *lab, vm *object.VirtualMachine) (*object.Task, error) {
			return vm.RemoveAllSnapshot(l.Context(), nil)
		},
		"with their children": func(l *lab, vm *object.VirtualMachine) (*object.Task, error) {
			return l.remove(vm, "first", true, nil), nil
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := start(t, snapshots, fast)
			vm := l.vm("vm")
			l.done(remove(l, vm))
			l.wantChain(vm, 2000, "[old] vm/vm.vmdk")
			l.wantChain(vm, 2001, "[old] vm/vm_1.vmdk")
			l.wantFree("old", 100*gib-6*gib-10*gib)
			l.done(vm.RemoveAllSnapshot(t.Context(), nil)) // "simply returns successfully"
		})
	}
}

func TestDeltasStayUnlessConsolidated(t *testing.T) {
	l := start(t, snapshots, fast)
	vm, free := l.vm("vm"), l.free("old")
	if fault := l.ends(l.remove(vm, "first", true, types.NewBool(false))); fault != nil {
		t.Fatalf("%#v", fault)
	}
	l.wantChain(vm, 2000, "[old] vm/vm-000002.vmdk", "[old] vm/vm-000001.vmdk", "[old] vm/vm.vmdk")
	l.wantConsolidation(vm, true)
	l.wantFree("old", free)
	if m := l.state(vm); m.Snapshot != nil {
		t.Errorf("%+v", m.Snapshot)
	}
	if fault := l.ends(l.consolidate(vm)); fault != nil {
		t.Fatalf("%#v", fault)
	}
	l.wantChain(vm, 2000, "[old] vm/vm.vmdk")
	l.wantConsolidation(vm, false)
	l.wantFree("old", 100*gib-6*gib-10*gib)
}

func TestMergingNeedsSpace(t *testing.T) {
	l := start(t, snapshots, fast)
	vm := l.vm("tight") // 1 GiB is free: the base can't take the 3 GiB of its delta
	full := wantFault[*types.NoDiskSpace](t, l.ends(l.remove(vm, "only", false, nil)))
	if full.Datastore != "full" {
		t.Errorf("%+v", full)
	}
	l.wantChain(vm, 2000, "[full] tight/tight-000001.vmdk", "[full] tight/tight.vmdk")
	l.wantConsolidation(vm, true) // the snapshot is gone, its delta is not
	l.wantFree("full", gib)
	if m := l.state(vm); m.Snapshot != nil {
		t.Errorf("%+v", m.Snapshot)
	}
}

func TestMergingTakesTimeAndTheVMForItself(t *testing.T) {
	l := start(t, snapshots, stuck)
	vm := l.vm("vm")
	task := l.remove(vm, "second", false, nil)
	l.until(task, isRunning)
	_, err := vm.RemoveAllSnapshot(t.Context(), nil)
	wantFault[*types.TaskInProgress](t, callFault(t, err))
	_, err = vm.RevertToSnapshot(t.Context(), "first", true)
	wantFault[*types.TaskInProgress](t, callFault(t, err))
	_, err = vm.Destroy(t.Context())
	wantFault[*types.TaskInProgress](t, callFault(t, err))
}

func TestFaultOfAMergeLeavesTheDeltas(t *testing.T) {
	l := start(t, snapshots+"faults: [{method: RemoveAllSnapshots_Task, entity: vm, fault: GenericVmConfigFault, at: 50%}]\n", fast)
	vm := l.vm("vm")
	task, err := vm.RemoveAllSnapshot(t.Context(), nil)
	l.must(err)
	wantFault[*types.GenericVmConfigFault](t, l.ends(task))
	l.wantConsolidation(vm, true)
	if fault := l.ends(l.consolidate(vm)); fault != nil {
		t.Fatalf("%#v", fault)
	}
	l.wantChain(vm, 2000, "[old] vm/vm.vmdk")
	l.wantChain(vm, 2001, "[old] vm/vm_1.vmdk")
	l.wantFree("old", 100*gib-6*gib-10*gib)
}
