package vcenter_test

import (
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// uncommitted gives what a datastore says, and checks that its VMs say the same.
func (l *lab) uncommitted(name string) int64 {
	l.Helper()
	ref := l.datastore(name)
	var ds mo.Datastore
	l.read(ref, &ds, "summary", "vm")
	var sum int64
	for _, vm := range ds.Vm {
		var on mo.VirtualMachine
		l.read(vm, &on, "storage", "summary.storage")
		var all int64
		for _, usage := range on.Storage.PerDatastoreUsage {
			all += usage.Uncommitted
			if usage.Datastore == ref {
				sum += usage.Uncommitted
			}
		}
		if on.Summary.Storage.Uncommitted != all {
			l.Errorf("%s: %d uncommitted in summary, %d on its datastores", vm, on.Summary.Storage.Uncommitted, all)
		}
	}
	if ds.Summary.Uncommitted != sum {
		l.Errorf("%s has %d bytes uncommitted, its VMs %d", name, ds.Summary.Uncommitted, sum)
	}
	return ds.Summary.Uncommitted
}

func (l *lab) wantUncommitted(name string, bytes int64) {
	l.Helper()
	if is := l.uncommitted(name); is != bytes {
		l.Errorf("%s has %d bytes uncommitted, want %d", name, is, bytes)
	}
}

func TestUncommittedFollowsThinDisks(t *testing.T) {
	l := start(t, inventory, fast)
	const others = 2*3*gib + gib/2 // vm-2, vm-3 and running
	l.wantUncommitted("old", others+3*gib)
	l.wantUncommitted("new", 0)

	vm := l.vm("vm-1")
	if fault := l.ends(l.relocate(vm, to(l.datastore("new")))); fault != nil {
		t.Fatal(fault)
	}
	l.wantUncommitted("old", others)
	l.wantUncommitted("new", 3*gib)

	// A thin disk is larger: so much more may come.
	devices, err := vm.Device(t.Context())
	l.must(err)
	disk := devices.SelectByType((*types.VirtualDisk)(nil))[0].(*types.VirtualDisk)
	disk.CapacityInKB, disk.CapacityInBytes = 6<<20, 6*gib
	task, err := vm.Reconfigure(t.Context(), types.VirtualMachineConfigSpec{
		DeviceChange: []types.BaseVirtualDeviceConfigSpec{
			&types.VirtualDeviceConfigSpec{Operation: types.VirtualDeviceConfigSpecOperationEdit, Device: disk},
		},
	})
	l.must(err)
	if fault := l.ends(task); fault != nil {
		t.Fatal(fault)
	}
	l.wantUncommitted("new", 5*gib)

	l.must(vm.Unregister(t.Context()))
	l.wantUncommitted("new", 0)

	task, err = l.vm("vm-2").Destroy(t.Context())
	l.must(err)
	if fault := l.ends(task); fault != nil {
		t.Fatal(fault)
	}
	l.wantUncommitted("old", others-3*gib)
}

func TestRefreshes(t *testing.T) {
	l := start(t, inventory, fast)
	ref := l.datastore("old")
	free := l.free("old")
	_, err := methods.RefreshDatastore(t.Context(), l.client, &types.RefreshDatastore{This: ref})
	l.must(err)
	_, err = methods.RefreshDatastoreStorageInfo(t.Context(), l.client, &types.RefreshDatastoreStorageInfo{This: ref})
	l.must(err)
	if now := l.free("old"); now != free {
		t.Errorf("%d bytes free after a refresh, %d before", now, free)
	}
}

func (l *lab) enterMaintenance(name string) *object.Task {
	l.Helper()
	res, err := methods.DatastoreEnterMaintenanceMode(l.Context(), l.client, &types.DatastoreEnterMaintenanceMode{This: l.datastore(name)})
	l.must(err)
	return object.NewTask(l.client.Client, *res.Returnval.Task)
}

func (l *lab) exitMaintenance(name string) *object.Task {
	l.Helper()
	res, err := methods.DatastoreExitMaintenanceMode_Task(l.Context(), l.client, &types.DatastoreExitMaintenanceMode_Task{This: l.datastore(name)})
	l.must(err)
	return object.NewTask(l.client.Client, res.Returnval)
}

// wantMode waits until a datastore is in a maintenance mode.
func (l *lab) wantMode(name string, mode types.DatastoreSummaryMaintenanceModeState) {
	l.Helper()
	var now string
	err := property.Wait(l.Context(), property.DefaultCollector(l.client.Client), l.datastore(name), []string{"summary.maintenanceMode"},
		func(changes []types.PropertyChange) bool {
			for _, change := range changes {
				now, _ = change.Val.(string)
			}
			return now == string(mode)
		})
	l.must(err)
}

func TestEmptyDatastoreEntersMaintenance(t *testing.T) {
	l := start(t, inventory, fast)
	if fault := l.ends(l.enterMaintenance("new")); fault != nil {
		t.Fatal(fault)
	}
	l.wantMode("new", types.DatastoreSummaryMaintenanceModeStateInMaintenance)
	_, err := methods.DatastoreEnterMaintenanceMode(t.Context(), l.client, &types.DatastoreEnterMaintenanceMode{This: l.datastore("new")})
	wantFault[*types.InvalidState](t, callFault(t, err))

	// Nothing new is put on it.
	disks := object.NewVirtualDiskManager(l.client.Client)
	copying, err := disks.CopyVirtualDisk(t.Context(), "[old] loose/thin.vmdk", l.dc, "[new] thin.vmdk", l.dc, nil, false)
	l.must(err)
	wantFault[*types.InvalidDatastoreState](t, l.ends(copying))
	folders, err := l.dc.Folders(t.Context())
	l.must(err)
	pool, err := l.find.ResourcePool(t.Context(), "a/Resources")
	l.must(err)
	creating, err := folders.VmFolder.CreateVM(t.Context(), types.VirtualMachineConfigSpec{
		Name: "another", GuestId: "otherGuest", Files: &types.VirtualMachineFileInfo{VmPathName: "[new]"}}, pool, nil)
	l.must(err)
	if fault := wantFault[*types.InvalidDatastoreState](t, l.ends(creating)); fault.DatastoreName != "new" {
		t.Errorf("the fault names %q", fault.DatastoreName)
	}

	if fault := l.ends(l.exitMaintenance("new")); fault != nil {
		t.Fatal(fault)
	}
	l.wantMode("new", types.DatastoreSummaryMaintenanceModeStateNormal)
	wantFault[*types.InvalidState](t, l.ends(l.exitMaintenance("new")))
}

func TestMaintenanceWaitsForTheLastVM(t *testing.T) {
	l := start(t, inventory, fast)
	entering := l.enterMaintenance("old")
	l.wantMode("old", types.DatastoreSummaryMaintenanceModeStateEnteringMaintenance)
	_, err := l.vm("vm-1").PowerOn(t.Context())
	wantFault[*types.InvalidDatastoreState](t, callFault(t, err))

	// What is there may leave, one way or another.
	for _, name := range []string{"vm-1", "vm-2", "vm-3", "running"} {
		if fault := l.ends(l.relocate(l.vm(name), to(l.datastore("new")))); fault != nil {
			t.Fatal(fault)
		}
	}
	l.wantMode("old", types.DatastoreSummaryMaintenanceModeStateEnteringMaintenance)
	l.must(l.vm("empty").Unregister(t.Context()))
	if fault := l.ends(entering); fault != nil {
		t.Fatal(fault)
	}
	l.wantMode("old", types.DatastoreSummaryMaintenanceModeStateInMaintenance)
}

func TestEnteringMaintenanceIsCancelled(t *testing.T) {
	l := start(t, inventory, fast)
	entering := l.enterMaintenance("old")
	l.must(entering.Cancel(t.Context()))
	wantFault[*types.RequestCanceled](t, l.ends(entering))
	l.wantMode("old", types.DatastoreSummaryMaintenanceModeStateNormal)
}

func TestMaintenanceWaitsForWhatIsOnItsWay(t *testing.T) {
	l := start(t, inventory, stuck)
	moving := l.relocate(l.vm("vm-1"), types.VirtualMachineRelocateSpec{
		Disk: []types.VirtualMachineRelocateSpecDiskLocator{{DiskId: 2001, Datastore: l.datastore("new")}}})
	l.must(property.Wait(t.Context(), property.DefaultCollector(l.client.Client), l.datastore("new"), []string{"summary.freeSpace"},
		func(changes []types.PropertyChange) bool { return changes[0].Val.(int64) == 98*gib })) // the thick disk is on its way
	entering := l.enterMaintenance("new")
	l.wantMode("new", types.DatastoreSummaryMaintenanceModeStateEnteringMaintenance)
	late := l.relocate(l.vm("vm-2"), to(l.datastore("new")))
	wantFault[*types.InvalidDatastoreState](t, l.ends(late))
	var ds mo.Datastore
	l.read(l.datastore("new"), &ds, "summary.maintenanceMode")
	if ds.Summary.MaintenanceMode != "enteringMaintenance" {
		t.Fatalf("it is %s with a relocation on its way there", ds.Summary.MaintenanceMode)
	}
	l.must(moving.Cancel(t.Context()))
	wantFault[*types.RequestCanceled](t, l.ends(moving))
	if fault := l.ends(entering); fault != nil {
		t.Fatal(fault)
	}
}

func TestUncommittedFollowsSnapshots(t *testing.T) {
	l := start(t, inventory, fast)
	before := l.uncommitted("old")
	vm := l.vm("vm-1")
	l.does(vm.CreateSnapshot(t.Context(), "one", "", false, false))
	// What the disks may still grow by, the deltas on top of them may now: up to 4 GiB and, of the thick one, 2 GiB.
	l.wantUncommitted("old", before-3*gib+6*gib)
	l.does(vm.RemoveAllSnapshot(t.Context(), nil))
	l.wantUncommitted("old", before)
}
