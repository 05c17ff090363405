package vcenter_test

import (
	"slices"
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

const chained = `
datacenters:
  - name: dc1
    clusters: [{name: a, hosts: [a1]}]
    datastores:
      - {name: old, capacity: 100GiB, hosts: [a]}
      - {name: new, capacity: 100GiB, hosts: [a]}
    vms:
      - name: vm
        cluster: a
        datastore: old
        disks: [{size: 10GiB, used: 1GiB}, {size: 10GiB, kind: thick}]
        snapshots: [{name: first, used: 2GiB}, {name: second, used: 3GiB}]
      - name: master
        cluster: a
        datastore: old
        disks: [{size: 10GiB, used: 4GiB}]
        snapshots: [{name: base, used: 0}]
      - {name: clone, cluster: a, datastore: old, linked_from: {vm: master, snapshot: base, used: 1GiB}}
      - {name: second, cluster: a, datastore: old, linked_from: {vm: master, snapshot: base, used: 1GiB}}
`

// What they take: vm 1+2+3 and 10+2+3 GiB, master 4, each clone 1.
const chainedBytes = 27 * gib

func typed(datastore types.ManagedObjectReference, move types.VirtualMachineRelocateDiskMoveOptions) types.VirtualMachineRelocateSpec {
	spec := to(datastore)
	spec.DiskMoveType = string(move)
	return spec
}

func (l *lab) moves(vm *object.VirtualMachine, spec types.VirtualMachineRelocateSpec) {
	l.Helper()
	if fault := l.ends(l.relocate(vm, spec)); fault != nil {
		l.Fatalf("%T: %#v", fault, fault)
	}
}

func TestRelocateMovesSnapshots(t *testing.T) {
	l := start(t, chained, fast)
	vm := l.vm("vm")
	l.wantFree("old", 100*gib-chainedBytes)
	l.moves(vm, to(l.datastore("new")))

	l.wantChain(vm, 2000, "[new] vm/vm-000002.vmdk", "[new] vm/vm-000001.vmdk", "[new] vm/vm.vmdk")
	l.wantChain(vm, 2001, "[new] vm/vm_1-000002.vmdk", "[new] vm/vm_1-000001.vmdk", "[new] vm/vm_1.vmdk")
	l.wantFree("old", 100*gib-6*gib)
	l.wantFree("new", 100*gib-21*gib)
	if left := l.list("old", "vm"); left != nil {
		t.Errorf("left behind: %v", left)
	}
	there := l.list("new", "vm")
	for _, name := range []string{"vm.vmsd", "vm-Snapshot1.vmsn", "vm-Snapshot2.vmsn", "vm-000001-delta.vmdk"} {
		if !slices.Contains(there, name) {
			t.Errorf("%s is not in %v", name, there)
		}
	}
	m := l.state(vm)
	var first mo.VirtualMachineSnapshot
	l.read(m.Snapshot.RootSnapshotList[0].Snapshot, &first, "config.hardware.device")
	if got := chains(first.Config.Hardware.Device)[2000]; !slices.Equal(got, []string{"[new] vm/vm.vmdk"}) {
		t.Errorf("the first snapshot's disk is %v", got)
	}
	if !slices.Equal(m.Datastore, []types.ManagedObjectReference{l.datastore("new")}) || l.holds("old", vm) {
		t.Errorf("it lies on %v", m.Datastore)
	}

	l.done(vm.RemoveAllSnapshot(t.Context(), nil)) // the chains are whole: they can be merged
	l.wantChain(vm, 2000, "[new] vm/vm.vmdk")
	l.wantFree("new", 100*gib-16*gib)
}

func TestRelocateMovesTheChildMost(t *testing.T) {
	l := start(t, chained, fast)
	vm := l.vm("vm")
	l.moves(vm, typed(l.datastore("new"), types.VirtualMachineRelocateDiskMoveOptionsMoveChildMostDiskBacking))
	l.wantChain(vm, 2000, "[new] vm/vm-000002.vmdk", "[old] vm/vm-000001.vmdk", "[old] vm/vm.vmdk")
	l.wantFree("new", 100*gib-6*gib)
	if m := l.state(vm); len(m.Datastore) != 2 || m.Config.Files.VmPathName != "[new] vm/vm.vmx" {
		t.Errorf("%s on %v", m.Config.Files.VmPathName, m.Datastore)
	}
	l.moves(vm, to(l.datastore("old")))
	l.wantChain(vm, 2000, "[old] vm/vm-000002.vmdk", "[old] vm/vm-000001.vmdk", "[old] vm/vm.vmdk")
	l.wantFree("new", 100*gib)
	l.wantFree("old", 100*gib-chainedBytes)
}

func TestRelocateMakesNewChildren(t *testing.T) {
	l := start(t, chained, fast)
	vm, free := l.vm("vm"), l.free("old")
	l.moves(vm, typed(l.datastore("new"), types.VirtualMachineRelocateDiskMoveOptionsCreateNewChildDiskBacking))
	want := []string{"[new] vm/vm-000001.vmdk", "[old] vm/vm-000002.vmdk", "[old] vm/vm-000001.vmdk", "[old] vm/vm.vmdk"}
	l.wantChain(vm, 2000, want...)
	l.wantFree("new", 100*gib)
	l.wantFree("old", free)
	// It is there already, whatever is below it: there is nothing to do.
	l.moves(vm, to(l.datastore("new")))
	l.wantChain(vm, 2000, want...)
}

func TestRelocateUnsharesALinkedClone(t *testing.T) {
	l := start(t, chained, fast)
	clone, master := l.vm("clone"), l.vm("master")
	before := l.state(master)
	l.moves(clone, to(l.datastore("new")))
	l.wantChain(clone, 2000, "[new] clone/clone.vmdk", "[new] clone/master.vmdk")
	l.wantFree("new", 100*gib-5*gib)
	l.wantFree("old", 100*gib-chainedBytes+gib)
	if after := l.state(master); !slices.Equal(chains(after.Config.Hardware.Device)[2000], chains(before.Config.Hardware.Device)[2000]) {
		t.Error("the master's disk is another")
	}
	l.done(master.Destroy(t.Context()))
	l.moves(clone, to(l.datastore("old")))
	l.wantChain(clone, 2000, "[old] clone/clone.vmdk", "[old] clone/master.vmdk")
}

func TestRelocateSharesWhatIsThere(t *testing.T) {
	l := start(t, chained, fast)
	first, second, master := l.vm("clone"), l.vm("second"), l.vm("master")
	sharing := typed(l.datastore("new"), types.VirtualMachineRelocateDiskMoveOptionsMoveAllDiskBackingsAndAllowSharing)
	l.moves(first, sharing) // there is nothing to share yet
	l.wantChain(first, 2000, "[new] clone/clone.vmdk", "[new] clone/master.vmdk")
	l.moves(second, sharing)
	l.wantChain(second, 2000, "[new] second/second.vmdk", "[new] clone/master.vmdk")
	l.wantFree("new", 100*gib-6*gib)
	l.moves(master, sharing)
	l.wantChain(master, 2000, "[new] master/master-000001.vmdk", "[new] clone/master.vmdk")
	l.wantFree("new", 100*gib-6*gib)
	l.wantFree("old", 100*gib-chainedBytes+6*gib)
	if left := l.list("old", "master"); left != nil {
		t.Errorf("left behind: %v", left)
	}
	l.done(first.Destroy(t.Context()))
	l.wantChain(second, 2000, "[new] second/second.vmdk", "[new] clone/master.vmdk")
}

func TestRelocateLeavesWhatACloneNeeds(t *testing.T) {
	l := start(t, chained, fast)
	clone, master := l.vm("clone"), l.vm("master")
	l.moves(master, to(l.datastore("new")))
	l.wantChain(master, 2000, "[new] master/master-000001.vmdk", "[new] master/master.vmdk")
	l.wantChain(clone, 2000, "[old] clone/clone.vmdk", "[old] master/master.vmdk")
	l.wantFree("new", 100*gib-4*gib)
	l.wantFree("old", 100*gib-chainedBytes)
	if l.holds("old", master) {
		t.Error("the master still lies on old")
	}
}

func TestRelocateConsolidatesALinkedClone(t *testing.T) {
	l := start(t, chained, fast)
	clone := l.vm("clone")
	l.moves(clone, typed(l.datastore("new"), types.VirtualMachineRelocateDiskMoveOptionsMoveAllDiskBackingsAndConsolidate))
	l.wantChain(clone, 2000, "[new] clone/clone.vmdk")
	l.wantFree("new", 100*gib-5*gib)
	l.wantFree("old", 100*gib-chainedBytes+gib)
	l.wantFiles("old", "master", "master.vmdk", "master-flat.vmdk", "master-000001.vmdk", "master-000001-delta.vmdk",
		"master.vmx", "master.vmsd", "master-Snapshot1.vmsn")
}

func TestRelocateOfAChainFailsWhole(t *testing.T) {
	l := start(t, chained+`
faults:
  - {method: RelocateVM_Task, entity: vm, fault: FileLocked, at: 90%}
`, fast)
	vm, free := l.vm("vm"), l.free("new")
	wantFault[*types.FileLocked](t, l.ends(l.relocate(vm, to(l.datastore("new")))))
	l.wantChain(vm, 2000, "[old] vm/vm-000002.vmdk", "[old] vm/vm-000001.vmdk", "[old] vm/vm.vmdk")
	l.wantFree("new", free)
	if left := l.list("new", "vm"); left != nil {
		t.Errorf("left on the target: %v", left)
	}
}
