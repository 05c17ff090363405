package vcenter_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// fcdDevice gives the device by which a VM has a first class disk; nil if it has not.
func (l *lab) fcdDevice(vm *object.VirtualMachine, id types.ID) *types.VirtualDisk {
	l.Helper()
	devices, err := vm.Device(l.Context())
	l.must(err)
	for _, device := range devices {
		if disk, ok := device.(*types.VirtualDisk); ok && disk.VDiskId != nil && *disk.VDiskId == id {
			return disk
		}
	}
	return nil
}

func (l *lab) attach(vm *object.VirtualMachine, datastore string, id types.ID) {
	l.Helper()
	l.must(vm.AttachDisk(l.Context(), id.Id, object.NewDatastore(l.client.Client, l.datastore(datastore)), 0, nil))
}

func TestAttachedFirstClassDisk(t *testing.T) {
	l := start(t, inventory, fast)
	vm := l.vm("vm-1")
	made := l.makeFCD("one", l.on("third", "", "lazyZeroedThick"))
	id := made.Config.Id
	l.attach(vm, "third", id)

	device := l.fcdDevice(vm, id)
	if device == nil {
		t.Fatal("the VM has no device of it")
	}
	flat := device.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
	if flat.FileName != backing(made).FilePath || device.CapacityInBytes != 2*gib || *flat.ThinProvisioned {
		t.Errorf("the device is %+v, %+v", device, flat)
	}
	var is mo.VirtualMachine
	l.read(vm, &is, "config.uuid", "datastore", "layoutEx")
	if got := l.fcd("third", id).Config.ConsumerId; !slices.Equal(got, []types.ID{{Id: is.Config.Uuid}}) {
		t.Errorf("its consumers are %v", got)
	}
	if !slices.Contains(is.Datastore, l.datastore("third")) {
		t.Errorf("the VM is on %v", is.Datastore)
	}
	if !slices.ContainsFunc(is.LayoutEx.File, func(f types.VirtualMachineFileLayoutExFileInfo) bool { return f.Name == flat.FileName }) {
		t.Error("the VM's layout does not have it")
	}
	res, err := methods.RetrieveVStorageObjectAssociations(t.Context(), l.client, &types.RetrieveVStorageObjectAssociations{
		This: l.fcds().Reference(), Ids: []types.RetrieveVStorageObjSpec{{Id: id, Datastore: l.datastore("third")}}})
	l.must(err)
	if of := res.Returnval[0].VmDiskAssociations; len(of) != 1 || of[0].VmId != vm.Reference().Value || of[0].DiskKey != device.Key {
		t.Errorf("its associations are %v", of)
	}

	// What has a VM is its VM's.
	wantFault[*types.InvalidState](t, l.ends(l.relocateFCD("third", id, l.on("new", "", ""))))
	deleting, err := l.fcds().Delete(t.Context(), l.datastore("third"), id.Id)
	l.must(err)
	wantFault[*types.InvalidState](t, l.ends(deleting))
	again, err := methods.AttachDisk_Task(t.Context(), l.client, &types.AttachDisk_Task{
		This: l.vm("vm-2").Reference(), DiskId: id, Datastore: l.datastore("third")})
	l.must(err)
	wantFault[*types.InvalidState](t, l.ends(object.NewTask(l.client.Client, again.Returnval)))

	l.must(vm.DetachDisk(t.Context(), id.Id))
	if l.fcdDevice(vm, id) != nil {
		t.Error("the VM still has it")
	}
	if got := l.fcd("third", id).Config.ConsumerId; got != nil {
		t.Errorf("its consumers are %v", got)
	}
	l.ended(l.relocateFCD("third", id, l.on("new", "", "")), nil)
}

func TestAttachingRefuses(t *testing.T) {
	l := start(t, inventory, fast)
	id := l.makeFCD("one", l.on("third", "", "")).Config.Id
	attach := func(vm string, id types.ID, controller int32) types.BaseMethodFault {
		res, err := methods.AttachDisk_Task(t.Context(), l.client, &types.AttachDisk_Task{
			This: l.vm(vm).Reference(), DiskId: id, Datastore: l.datastore("third"), ControllerKey: controller})
		l.must(err)
		return l.ends(object.NewTask(l.client.Client, res.Returnval))
	}
	wantFault[*types.NotFound](t, attach("vm-1", types.ID{Id: "none"}, 0))
	wantFault[*types.MissingController](t, attach("vm-1", id, 4711))
	if fault := attach("vm-1", id, 1000); fault != nil { // and nothing of the failures stayed
		t.Fatalf("%#v", fault)
	}
	res, err := methods.DetachDisk_Task(t.Context(), l.client, &types.DetachDisk_Task{This: l.vm("vm-2").Reference(), DiskId: id})
	l.must(err)
	wantFault[*types.NotFound](t, l.ends(object.NewTask(l.client.Client, res.Returnval)))
}

func TestReconfiguredVMHasFirstClassDisk(t *testing.T) {
	l := start(t, inventory, fast)
	vm := l.vm("vm-1")
	made := l.makeFCD("one", l.on("third", "", ""))
	devices, err := vm.Device(t.Context())
	l.must(err)
	controller, err := devices.FindDiskController("")
	l.must(err)
	device := devices.CreateDisk(controller, l.datastore("third"), backing(made).FilePath)
	l.must(vm.AddDevice(t.Context(), device))
	added := l.fcdDevice(vm, made.Config.Id)
	if added == nil {
		t.Fatal("its device has no vDiskId")
	}
	if got := l.fcd("third", made.Config.Id).Config.ConsumerId; len(got) != 1 {
		t.Errorf("its consumers are %v", got)
	}
	l.must(vm.RemoveDevice(t.Context(), true, added))
	if got := l.fcd("third", made.Config.Id).Config.ConsumerId; got != nil {
		t.Errorf("its consumers are %v", got)
	}
}

func TestFirstClassDiskGoesWithItsVM(t *testing.T) {
	l := start(t, inventory, fast)
	vm := l.vm("vm-1")
	id := l.makeFCD("one", l.on("third", "", "")).Config.Id
	l.attach(vm, "third", id)
	if fault := l.ends(l.relocate(vm, to(l.datastore("new")))); fault != nil {
		t.Fatalf("%#v", fault)
	}
	// Out of its folder into the VM's, as people complain.
	told := l.fcd("new", id)
	if at := backing(told).FilePath; !strings.HasPrefix(at, "[new] vm-1/") {
		t.Errorf("it is at %s", at)
	}
	if _, err := l.fcds().Retrieve(t.Context(), l.datastore("third"), id.Id); err == nil {
		t.Error("it is still on the old one")
	}
	if len(told.Config.ConsumerId) != 1 {
		t.Errorf("its consumers are %v", told.Config.ConsumerId)
	}
}

func TestFirstClassDiskOutlivesItsVM(t *testing.T) {
	l := start(t, inventory, fast)
	kept := l.makeFCD("kept", l.on("third", "", "")).Config.Id
	gone := l.makeFCD("gone", l.on("third", "", "")).Config.Id
	_, err := methods.ClearVStorageObjectControlFlags(t.Context(), l.client, &types.ClearVStorageObjectControlFlags{
		This: l.fcds().Reference(), Id: gone, Datastore: l.datastore("third"),
		ControlFlags: []string{string(types.VslmVStorageObjectControlFlagKeepAfterDeleteVm)}})
	l.must(err)
	vm := l.vm("vm-1")
	l.attach(vm, "third", kept)
	l.attach(vm, "third", gone)
	l.ended(vm.Destroy(t.Context()))

	if got := l.fcd("third", kept).Config.ConsumerId; got != nil {
		t.Errorf("its consumers are %v", got)
	}
	_, err = l.fcds().Retrieve(t.Context(), l.datastore("third"), gone.Id)
	wantFault[*types.NotFound](t, callFault(t, err))
}

func TestGlobalCatalogAttaches(t *testing.T) {
	l := start(t, inventory, fast)
	id := l.makeFCD("one", l.on("third", "", "")).Config.Id
	task, err := l.global().AttachDisk(t.Context(), id, l.vm("vm-1"), 0, nil)
	l.must(err)
	_, err = task.Wait(t.Context(), time.Minute)
	l.must(err)
	if l.fcdDevice(l.vm("vm-1"), id) == nil {
		t.Error("the VM has no device of it")
	}
	all, err := l.global().RetrieveAssociations(t.Context(), []types.ID{id})
	l.must(err)
	if len(all) != 1 || len(all[0].VmDiskAssociation) != 1 {
		t.Errorf("its associations are %+v", all)
	}
}

func TestGlobalCatalogsTaskIsCancelled(t *testing.T) {
	l := start(t, inventory, stuck)
	global := l.global()
	task, err := global.CreateDisk(t.Context(), types.VslmCreateSpec{
		Name: "one", CapacityInMB: 2048, BackingSpec: l.on("new", "", "eagerZeroedThick")})
	l.must(err)
	info, err := task.QueryInfo(t.Context())
	l.must(err)
	if !info.Cancelable {
		t.Fatalf("%+v", info)
	}
	l.must(task.Cancel(t.Context()))
	_, err = task.Wait(t.Context(), time.Minute)
	if err == nil || !strings.Contains(err.Error(), "RequestCanceled") {
		t.Errorf("it ended in %v", err)
	}
	l.wantFree("new", 100*gib)
}

// A host relocates two first class disks at a time (task_uses.go); the two hosts of the test four, and the fifth waits.
func TestFirstClassDisksWaitForAHost(t *testing.T) {
	l := start(t, inventory, stuck)
	var tasks []*object.Task
	for n := range 5 {
		id := l.makeFCD(fmt.Sprintf("fcd-%d", n), l.on("old", "", "lazyZeroedThick")).Config.Id
		tasks = append(tasks, l.relocateFCD("old", id, l.on("new", "", "")))
	}
	for _, task := range tasks[:4] {
		l.until(task, isRunning)
	}
	var fifth mo.Task
	l.read(tasks[4], &fifth, "info.state")
	if fifth.Info.State != types.TaskInfoStateQueued {
		t.Fatalf("the fifth is %s", fifth.Info.State)
	}
	l.must(tasks[0].Cancel(t.Context()))
	l.until(tasks[4], isRunning)
}

// TestManyFirstClassDisksAtOnce is for the race detector: disks are made, moved, attached, read and deleted by many.
func TestManyFirstClassDisksAtOnce(t *testing.T) {
	everybody := start(t, inventory, fast)
	stores := []string{"new", "third"}
	t.Run("each", func(t *testing.T) {
		for n := range 12 {
			t.Run(fmt.Sprint(n), func(t *testing.T) {
				t.Parallel()
				l := *everybody
				l.T = t
				at, other := stores[n%2], stores[(n+1)%2]
				id := l.makeFCD(fmt.Sprintf("fcd-%d", n), l.on(at, "", "")).Config.Id
				l.ended(l.relocateFCD(at, id, l.on(other, "", "")), nil)
				_, err := l.global().List(t.Context())
				l.must(err)
				if n < 3 {
					vm := l.vm(fmt.Sprintf("vm-%d", n+1))
					l.attach(vm, other, id)
					l.must(vm.DetachDisk(t.Context(), id.Id))
				}
				l.ended(l.fcds().Delete(t.Context(), l.datastore(other), id.Id))
			})
		}
	})
	if all, err := everybody.global().List(t.Context()); err != nil || len(all.Id) != 0 {
		t.Errorf("%v, %v", all, err)
	}
}
