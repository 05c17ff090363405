package vcenter_test

import (
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// changes are the ways to change a VM, or to take from it, while a task works on it.
func changes(l *lab, vm *object.VirtualMachine, snapshot types.ManagedObjectReference) map[string]func() error {
	ctx, client, ref := l.Context(), l.client.Client, vm.Reference()
	folder, pool := l.folders().VmFolder.Reference(), l.pool()
	return map[string]func() error{
		"RelocateVM_Task":     func() error { _, err := vm.Relocate(ctx, to(l.datastore("third")), ""); return err },
		"PowerOnVM_Task":      func() error { _, err := vm.PowerOn(ctx); return err },
		"ReconfigVM_Task":     func() error { _, err := vm.Reconfigure(ctx, types.VirtualMachineConfigSpec{NumCPUs: 2}); return err },
		"CreateSnapshot_Task": func() error { _, err := vm.CreateSnapshot(ctx, "s", "", false, false); return err },
		"RemoveAllSnapshots":  func() error { _, err := vm.RemoveAllSnapshot(ctx, nil); return err },
		"ConsolidateVMDisks": func() error {
			_, err := methods.ConsolidateVMDisks_Task(ctx, client, &types.ConsolidateVMDisks_Task{This: ref})
			return err
		},
		"Rename_Task":    func() error { _, err := vm.Rename(ctx, "other"); return err },
		"Destroy_Task":   func() error { _, err := vm.Destroy(ctx); return err },
		"UnregisterVM":   func() error { return vm.Unregister(ctx) },
		"MarkAsTemplate": func() error { return vm.MarkAsTemplate(ctx) },
		"ShutdownGuest":  func() error { return vm.ShutdownGuest(ctx) },
		"RenameSnapshot": func() error {
			_, err := methods.RenameSnapshot(ctx, client, &types.RenameSnapshot{This: snapshot, Name: "x"})
			return err
		},
		"RemoveSnapshot_Task": func() error {
			_, err := methods.RemoveSnapshot_Task(ctx, client, &types.RemoveSnapshot_Task{This: snapshot})
			return err
		},
		"RevertToSnapshot_Task": func() error {
			_, err := methods.RevertToSnapshot_Task(ctx, client, &types.RevertToSnapshot_Task{This: snapshot})
			return err
		},
		"CloneVM_Task": func() error {
			_, err := vm.Clone(ctx, object.NewFolder(client, folder), "copy", types.VirtualMachineCloneSpec{Location: types.VirtualMachineRelocateSpec{Pool: &pool}})
			return err
		},
	}
}

func (l *lab) folders() *object.DatacenterFolders {
	l.Helper()
	folders, err := l.dc.Folders(l.Context())
	l.must(err)
	return folders
}

func (l *lab) pool() types.ManagedObjectReference {
	l.Helper()
	pool, err := l.find.ResourcePool(l.Context(), "a/Resources")
	l.must(err)
	return pool.Reference()
}

// While a task works on a VM every change to it is refused, and nothing else.
func TestBusyVM(t *testing.T) {
	l := start(t, inventory, stuck)
	vm := l.vm("vm-1")
	made, err := vm.CreateSnapshot(t.Context(), "first", "", false, false)
	l.must(err)
	if fault := l.ends(made); fault != nil {
		t.Fatalf("%#v", fault)
	}
	snapshot, err := vm.FindSnapshot(t.Context(), "first")
	l.must(err)
	ways := changes(l, vm, snapshot.Reference())
	task := l.relocate(vm, to(l.datastore("new")))
	l.until(task, isRunning)
	for name, change := range ways {
		busy, ok := callFault(t, change()).(*types.TaskInProgress)
		if !ok || busy.Task != task.Reference() {
			t.Errorf("%s: %#v", name, busy)
		}
	}
	if counts := l.ledger().Operations["UnregisterVM"]["vm-1"]; counts.Overlapping != 1 {
		t.Errorf("ledger: %+v", counts)
	}
	var read mo.VirtualMachine
	l.read(vm, &read, "config", "snapshot", "layoutEx")
	other, err := l.vm("vm-2").PowerOn(t.Context())
	l.must(err)
	if fault := l.ends(other); fault != nil {
		t.Errorf("%#v", fault)
	}
}

// vcsim's own tasks keep ours away as ours do theirs.
func TestBusyWithVcsimsTask(t *testing.T) {
	simulator.TaskDelay.MethodDelay = map[string]int{"PowerOn": 1500} // milliseconds
	t.Cleanup(func() { simulator.TaskDelay.MethodDelay = nil })
	l := startAlone(t, inventory, fast)
	vm := l.vm("vm-1")
	target := l.datastore("new")
	task, err := vm.PowerOn(t.Context())
	l.must(err)
	_, err = vm.Relocate(t.Context(), to(target), "")
	if busy := wantFault[*types.TaskInProgress](t, callFault(t, err)); busy.Task != task.Reference() {
		t.Errorf("%+v", busy)
	}
	if info := l.infoOf(task); info.State != types.TaskInfoStateRunning || info.EntityName != "vm-1" {
		t.Errorf("%+v", info)
	}
	if fault := l.ends(task); fault != nil {
		t.Fatalf("%#v", fault)
	}
	if counts := l.ledger().Operations["RelocateVM_Task"]["vm-1"]; counts.Overlapping != 1 || counts.Started != 0 {
		t.Errorf("ledger: %+v", counts)
	}
	if fault := l.ends(l.relocate(vm, to(target))); fault != nil { // it is free now
		t.Errorf("%#v", fault)
	}
}
