package vcenter_test

import (
	"slices"
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"
)

// eachDisk makes relocations switch disk by disk.
const eachDisk = "relocation: {switch: each-disk}\n"

// wantHalfMoved checks that vm-1's first disk is on the target and nothing else of it, and that all tells so.
func (l *lab) wantHalfMoved(vm *object.VirtualMachine, before whereabouts, target string, free int64) {
	l.Helper()
	now := l.whereIs(vm)
	disks := map[int32]string{2000: "[" + target + "] vm-1/vm-1.vmdk", 2001: "[old] vm-1/vm-1_1.vmdk"}
	on := []string{target, "old"}
	slices.Sort(on)
	if now.vmx != before.vmx || !same(now.disks, disks) || !same(now.uuids, before.uuids) || !slices.Equal(now.datastores, on) {
		l.Errorf("home %s, disks %v on %v", now.vmx, now.disks, now.datastores)
	}
	if now.backings[2000] != target || now.backings[2001] != "old" {
		l.Errorf("backings are on %v", now.backings)
	}
	if now.files["["+target+"] vm-1/vm-1-flat.vmdk"] != gib || now.files["[old] vm-1/vm-1_1-flat.vmdk"] != 2*gib {
		l.Errorf("layoutEx is %v", now.files)
	}
	if !l.holds(target, vm) || !l.holds("old", vm) {
		l.Error("a datastore does not list the VM")
	}
	there := l.list(target, "vm-1")
	slices.Sort(there)
	if !slices.Equal(there, []string{"vm-1-flat.vmdk", "vm-1.vmdk"}) {
		l.Errorf("on the target: %v", there)
	}
	l.wantFree(target, 100*gib-gib)
	l.wantFree("old", free+gib)
}

func TestFailureLeavesHalfMovedVM(t *testing.T) {
	l := start(t, inventory+eachDisk+`
faults:
  - {method: RelocateVM_Task, entity: vm-1, fault: FileLocked, at: 50%}
`, fast)
	vm := l.vm("vm-1")
	before, free := l.whereIs(vm), l.free("old")
	locked := wantFault[*types.FileLocked](t, l.ends(l.relocate(vm, to(l.datastore("new")))))
	if locked.File != "[old] vm-1/vm-1_1.vmdk" {
		t.Errorf("file is %s", locked.File)
	}
	l.wantHalfMoved(vm, before, "new", free)

	// A second relocation moves the rest, and nothing else, to the same folder.
	written := l.ledger().Datastores["new"].WrittenBytes
	l.moves(vm, to(l.datastore("new")))
	after := l.whereIs(vm)
	disks := map[int32]string{2000: "[new] vm-1/vm-1.vmdk", 2001: "[new] vm-1/vm-1_1.vmdk"}
	if after.vmx != "[new] vm-1/vm-1.vmx" || !same(after.disks, disks) || !slices.Equal(after.datastores, []string{"new"}) {
		t.Errorf("home %s, disks %v on %v", after.vmx, after.disks, after.datastores)
	}
	if more := l.ledger().Datastores["new"].WrittenBytes - written; more != 2*gib {
		t.Errorf("%d bytes were written again", more)
	}
	l.wantFree("old", free+3*gib)
	if left := l.list("old", "vm-1"); left != nil {
		t.Errorf("left behind: %v", left)
	}
}

func TestFailureInTheFirstDiskLeavesTheVMWhole(t *testing.T) {
	l := start(t, inventory+eachDisk+`
faults:
  - {method: RelocateVM_Task, entity: vm-1, fault: FileLocked, at: 20%}
`, fast)
	vm := l.vm("vm-1")
	before, free := l.whereIs(vm), l.free("new")
	wantFault[*types.FileLocked](t, l.ends(l.relocate(vm, to(l.datastore("new")))))
	l.wantWhole(vm, before, "new", free)
}

// stalled is for relocations that come as far as their second disk and are held there.
const stalled = inventory + eachDisk

// intoSecondDisk starts a relocation of vm-1 and waits until its first disk is switched.
func (l *lab) intoSecondDisk(vm *object.VirtualMachine) *object.Task {
	l.Helper()
	spec := types.VirtualMachineRelocateSpec{Disk: []types.VirtualMachineRelocateSpecDiskLocator{
		{DiskId: 2000, Datastore: l.datastore("new")},
		{DiskId: 2001, Datastore: l.datastore("third")},
	}}
	l.admin("POST", "/datastores/third", `{"stalled": true}`)
	task := l.relocate(vm, spec)
	l.eventually("the first disk is on its target", func() bool { return l.whereIs(vm).backings[2000] == "new" })
	return task
}

func TestCancelLeavesHalfMovedVM(t *testing.T) {
	l := start(t, stalled, fast)
	vm := l.vm("vm-1")
	before, free := l.whereIs(vm), l.free("old")
	task := l.intoSecondDisk(vm)
	l.must(task.Cancel(t.Context()))
	wantFault[*types.RequestCanceled](t, l.ends(task))
	l.wantHalfMoved(vm, before, "new", free)
	if left := l.list("third", "vm-1"); left != nil {
		t.Errorf("left on third: %v", left)
	}
}

func TestLostDatastoreLeavesHalfMovedVM(t *testing.T) {
	l := start(t, stalled, fast)
	vm := l.vm("vm-1")
	before, free := l.whereIs(vm), l.free("old")
	task := l.intoSecondDisk(vm)
	l.admin("POST", "/datastores/third", `{"accessible": false}`)
	wantFault[*types.InaccessibleDatastore](t, l.ends(task))
	l.wantHalfMoved(vm, before, "new", free)

	// What was copied can't be deleted there: it is found when the datastore is back.
	l.admin("POST", "/datastores/third", `{"accessible": true, "rate": "1GB/s"}`)
	if left := l.list("third", "vm-1"); !slices.Contains(left, "vm-1_1.vmdk") {
		t.Errorf("on third: %v", left)
	}
	l.wantFree("third", 98*gib)
	spec := types.VirtualMachineRelocateSpec{Disk: []types.VirtualMachineRelocateSpecDiskLocator{{DiskId: 2001, Datastore: l.datastore("third")}}}
	l.moves(vm, spec)
	if now := l.whereIs(vm); now.disks[2001] != "[third] vm-1_1/vm-1_1.vmdk" {
		t.Errorf("disks are %v", now.disks)
	}
}

func TestFullDatastoreLeavesHalfMovedVM(t *testing.T) {
	l := start(t, stalled, fast)
	vm := l.vm("vm-1")
	before, free := l.whereIs(vm), l.free("old")
	spec := types.VirtualMachineRelocateSpec{Disk: []types.VirtualMachineRelocateSpecDiskLocator{
		{DiskId: 2000, Datastore: l.datastore("new")},
		{DiskId: 2001, Datastore: l.datastore("third"), DiskBackingInfo: formatted(types.NewBool(true), nil)},
	}}
	l.admin("POST", "/datastores/third", `{"stalled": true}`)
	task := l.relocate(vm, spec)
	l.eventually("the first disk is on its target", func() bool { return l.whereIs(vm).backings[2000] == "new" })
	l.admin("POST", "/datastores/third", `{"used_elsewhere": "100GiB", "rate": "1GB/s"}`) // somebody else was faster
	full := wantFault[*types.NoDiskSpace](t, l.ends(task))
	if full.Datastore != "third" {
		t.Errorf("%+v", full)
	}
	l.wantHalfMoved(vm, before, "new", free)
}

func TestRunningVMSwitchesAtOnce(t *testing.T) {
	l := start(t, inventory+eachDisk+`
faults:
  - {method: RelocateVM_Task, entity: vm-1, fault: FileLocked, at: 50%}
`, fast)
	vm := l.vm("vm-1")
	l.done(vm.PowerOn(t.Context()))
	before, free := l.whereIs(vm), l.free("new")
	wantFault[*types.FileLocked](t, l.ends(l.relocate(vm, to(l.datastore("new")))))
	l.wantWhole(vm, before, "new", free)
}
