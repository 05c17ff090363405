package vcenter_test

import (
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// wantWhole checks that a relocation came to nothing: the VM where it was, and nothing on the target.
func (l *lab) wantWhole(vm *object.VirtualMachine, before whereabouts, target string, free int64) {
	l.Helper()
	after := l.whereIs(vm)
	if after.vmx != before.vmx || !same(after.disks, before.disks) || !same(after.files, before.files) {
		l.Errorf("the VM is not where it was:\n%+v\n%+v", after, before)
	}
	if now := l.free(target); now != free {
		l.Errorf("%s has %d bytes free, had %d", target, now, free)
	}
	if left := l.list(target, "vm-1"); left != nil {
		l.Errorf("left on %s: %v", target, left)
	}
	if l.holds(target, vm) {
		l.Errorf("%s lists the VM", target)
	}
}

func TestRelocateRefuses(t *testing.T) {
	cases := map[string]struct {
		spec  func(*lab) types.VirtualMachineRelocateSpec
		check func(*testing.T, types.BaseMethodFault)
	}{
		"a datastore that is too small": {
			func(l *lab) types.VirtualMachineRelocateSpec {
				// 3 GiB would fit but for the home's bytes; one more GiB does not.
				spec := to(l.datastore("small"))
				spec.Disk = []types.VirtualMachineRelocateSpecDiskLocator{{
					DiskId: 2000, Datastore: l.datastore("small"),
					DiskBackingInfo: &types.VirtualDiskFlatVer2BackingInfo{ThinProvisioned: types.NewBool(false)},
				}}
				return spec
			},
			func(t *testing.T, fault types.BaseMethodFault) {
				if full := wantFault[*types.NoDiskSpace](t, fault); full.Datastore != "small" {
					t.Errorf("datastore %q", full.Datastore)
				}
			},
		},
		"a datastore that the host does not mount": {
			func(l *lab) types.VirtualMachineRelocateSpec { return to(l.datastore("far")) },
			func(t *testing.T, fault types.BaseMethodFault) {
				if invalid := wantFault[*types.InvalidDatastore](t, fault); invalid.Name != "far" {
					t.Errorf("datastore %q", invalid.Name)
				}
			},
		},
		"a datastore that is not there": {
			func(*lab) types.VirtualMachineRelocateSpec {
				return to(types.ManagedObjectReference{Type: "Datastore", Value: "nowhere"})
			},
			func(t *testing.T, fault types.BaseMethodFault) {
				wantFault[*types.ManagedObjectNotFound](t, fault)
			},
		},
		"a disk that is not there": {
			func(l *lab) types.VirtualMachineRelocateSpec {
				spec := to(l.datastore("new"))
				spec.Disk = []types.VirtualMachineRelocateSpecDiskLocator{{DiskId: 7, Datastore: l.datastore("new")}}
				return spec
			},
			func(t *testing.T, fault types.BaseMethodFault) {
				if argument := wantFault[*types.InvalidArgument](t, fault); argument.InvalidProperty != "spec.disk.diskId" {
					t.Errorf("property %q", argument.InvalidProperty)
				}
			},
		},
		"a child disk for one of two disks": {
			func(l *lab) types.VirtualMachineRelocateSpec {
				spec := to(l.datastore("new"))
				spec.Disk = []types.VirtualMachineRelocateSpecDiskLocator{{DiskId: 2000, Datastore: l.datastore("old")}}
				spec.DiskMoveType = string(types.VirtualMachineRelocateDiskMoveOptionsCreateNewChildDiskBacking)
				return spec
			},
			func(t *testing.T, fault types.BaseMethodFault) {
				wantFault[*types.DiskMoveTypeNotSupported](t, fault)
			},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			l := start(t, inventory, fast)
			vm := l.vm("vm-1")
			before, free := l.whereIs(vm), l.free("new")
			c.check(t, l.ends(l.relocate(vm, c.spec(l))))
			l.wantWhole(vm, before, "new", free)
		})
	}
}

func TestRelocateRefusesTemplates(t *testing.T) {
	l := start(t, inventory, fast)
	vm := l.vm("vm-1")
	l.must(vm.MarkAsTemplate(t.Context()))
	wantFault[*types.NotSupported](t, l.ends(l.relocate(vm, to(l.datastore("new")))))
}

func TestRelocateFailsAsPlannedAndSucceedsOnRetry(t *testing.T) {
	l := start(t, inventory+`
faults:
  - {method: RelocateVM_Task, entity: vm-1, fault: FileLocked, at: 40%}
`, fast)
	vm := l.vm("vm-1")
	before, free := l.whereIs(vm), l.free("new")

	task := l.relocate(vm, to(l.datastore("new")))
	locked := wantFault[*types.FileLocked](t, l.ends(task))
	if locked.File != "[old] vm-1/vm-1_1.vmdk" { // 1 of 3 GiB is the first disk
		t.Errorf("file is %s", locked.File)
	}
	l.wantWhole(vm, before, "new", free)
	var ended mo.Task
	l.read(task.Reference(), &ended, "info")
	if ended.Info.Progress != 40 || ended.Info.CompleteTime == nil || ended.Info.Cancelled {
		t.Errorf("%+v", ended.Info)
	}

	if fault := l.ends(l.relocate(vm, to(l.datastore("new")))); fault != nil {
		t.Fatalf("retry: %#v", fault)
	}
	if after := l.whereIs(vm); after.vmx != "[new] vm-1/vm-1.vmx" {
		t.Errorf("home is %s", after.vmx)
	}
	if fault := l.ends(l.relocate(l.vm("vm-2"), to(l.datastore("new")))); fault != nil {
		t.Errorf("another VM: %#v", fault)
	}
	counts := l.ledger().Operations["RelocateVM_Task"]["vm-1"]
	if counts.Started != 2 || counts.Failed != 1 || counts.Succeeded != 1 {
		t.Errorf("ledger: %+v", counts)
	}
}

func TestRelocateIsCancelled(t *testing.T) {
	l := start(t, inventory, stuck)
	vm := l.vm("vm-1")
	before, free := l.whereIs(vm), l.free("new")

	task := l.relocate(vm, to(l.datastore("new")))
	info := l.until(task, isRunning)
	if !info.Cancelable || info.StartTime == nil || info.EntityName != "vm-1" || *info.Entity != vm.Reference() {
		t.Errorf("%+v", info)
	}
	l.eventually("a trace of the copy on the target", func() bool { return l.list("new", "vm-1") != nil })
	l.must(task.Cancel(t.Context()))
	wantFault[*types.RequestCanceled](t, l.ends(task))
	l.wantWhole(vm, before, "new", free)

	var ended mo.Task
	l.read(task.Reference(), &ended, "info")
	if !ended.Info.Cancelled || ended.Info.State != types.TaskInfoStateError {
		t.Errorf("%+v", ended.Info)
	}
	wantFault[*types.InvalidState](t, callFault(t, task.Cancel(t.Context())))
	if counts := l.ledger().Operations["RelocateVM_Task"]["vm-1"]; counts.Cancelled != 1 {
		t.Errorf("ledger: %+v", counts)
	}
}

func TestVMStaysReadableAndBusy(t *testing.T) {
	l := start(t, inventory, stuck)
	vm := l.vm("vm-1")
	first := l.relocate(vm, to(l.datastore("new")))
	l.until(first, isRunning)

	if where := l.whereIs(vm); where.vmx != "[old] vm-1/vm-1.vmx" {
		t.Errorf("home is %s", where.vmx)
	}
	var m mo.VirtualMachine
	l.read(vm, &m, "recentTask")
	if len(m.RecentTask) == 0 || m.RecentTask[len(m.RecentTask)-1] != first.Reference() {
		t.Errorf("recentTask is %v", m.RecentTask)
	}
	calls := map[string]func() error{
		"relocate": func() error {
			_, err := vm.Relocate(t.Context(), to(l.datastore("third")), types.VirtualMachineMovePriorityDefaultPriority)
			return err
		},
		"power on":   func() error { _, err := vm.PowerOn(t.Context()); return err },
		"destroy":    func() error { _, err := vm.Destroy(t.Context()); return err },
		"unregister": func() error { return vm.Unregister(t.Context()) },
	}
	for name, call := range calls {
		if busy := wantFault[*types.TaskInProgress](t, callFault(t, call())); busy.Task != first.Reference() {
			t.Errorf("%s: in progress is %s", name, busy.Task)
		}
	}
	if counts := l.ledger().Operations["RelocateVM_Task"]["vm-1"]; counts.Started != 1 || counts.Overlapping != 1 {
		t.Errorf("ledger: %+v", counts)
	}

	l.must(first.Cancel(t.Context()))
	l.ends(first)
	second := l.relocate(vm, to(l.datastore("third"))) // whoever sees the end may start the next at once
	l.until(second, isRunning)
}

func TestRelocateRunningVM(t *testing.T) {
	l := start(t, inventory, fast)
	vm := l.vm("running")
	if fault := l.ends(l.relocate(vm, to(l.datastore("new")))); fault != nil {
		t.Fatalf("%#v", fault)
	}
	state, err := vm.PowerState(t.Context())
	l.must(err)
	if where := l.whereIs(vm); where.vmx != "[new] running/running.vmx" || state != types.VirtualMachinePowerStatePoweredOn {
		t.Errorf("home %s, %s", where.vmx, state)
	}
}

func TestTargetFillsUpMeanwhile(t *testing.T) {
	l := start(t, inventory+`
faults:
  - {method: RelocateVM_Task, entity: vm-2, fault: NoDiskSpace, at: 70%}
`, fast)
	vm := l.vm("vm-2")
	full := wantFault[*types.NoDiskSpace](t, l.ends(l.relocate(vm, to(l.datastore("new")))))
	if full.File == "" {
		t.Errorf("%+v", full)
	}
	l.wantFree("new", 100*gib)
}

func TestRelocateLeavesDisksThatMoveAlone(t *testing.T) {
	l := start(t, inventory, stuck)
	l.folder("[third] taken")
	moving := l.moveDisk("[old] vm-1/vm-1_1.vmdk", "[third] taken/disk.vmdk", false)
	l.until(moving, isRunning)
	vm := l.vm("vm-1")
	locked := wantFault[*types.FileLocked](t, l.ends(l.relocate(vm, to(l.datastore("new")))))
	if locked.File != "[old] vm-1/vm-1_1.vmdk" {
		t.Errorf("file is %s", locked.File)
	}
	if left := l.list("new", "vm-1"); left != nil {
		t.Errorf("left on the target: %v", left)
	}
}

func TestDisksOfRelocatingVMsAreLocked(t *testing.T) {
	l := start(t, inventory, stuck)
	l.until(l.relocate(l.vm("vm-1"), to(l.datastore("new"))), isRunning)
	l.folder("[third] taken")
	wantFault[*types.FileLocked](t, l.ends(l.moveDisk("[old] vm-1/vm-1.vmdk", "[third] taken/disk.vmdk", false)))
}
