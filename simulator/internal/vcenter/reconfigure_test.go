package vcenter_test

import (
	"slices"
	"sync"
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// look reads what a reconfiguration changes.
func (l *lab) look(vm *object.VirtualMachine) mo.VirtualMachine {
	l.Helper()
	var is mo.VirtualMachine
	l.read(vm, &is, "config", "layoutEx", "datastore", "summary", "storage")
	return is
}

func disks(vm mo.VirtualMachine) []*types.VirtualDisk {
	var found []*types.VirtualDisk
	for _, device := range vm.Config.Hardware.Device {
		if d, ok := device.(*types.VirtualDisk); ok {
			found = append(found, d)
		}
	}
	return found
}

func flat(d *types.VirtualDisk) *types.VirtualDiskFlatVer2BackingInfo {
	return d.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
}

// change reconfigures one device and gives the task.
func (l *lab) change(vm *object.VirtualMachine, spec types.VirtualDeviceConfigSpec) *object.Task {
	l.Helper()
	task, err := vm.Reconfigure(l.Context(), types.VirtualMachineConfigSpec{DeviceChange: []types.BaseVirtualDeviceConfigSpec{&spec}})
	l.must(err)
	return task
}

// diskAt describes a disk at a file; unit is a free place on the controller.
func diskAt(file string, unit int32, bytes int64, thin bool) *types.VirtualDisk {
	backing := &types.VirtualDiskFlatVer2BackingInfo{DiskMode: "persistent", ThinProvisioned: types.NewBool(thin)}
	backing.FileName = file
	return &types.VirtualDisk{
		VirtualDevice:   types.VirtualDevice{Key: -1, ControllerKey: 1000, UnitNumber: &unit, Backing: backing},
		CapacityInBytes: bytes,
	}
}

const (
	add     = types.VirtualDeviceConfigSpecOperationAdd
	edit    = types.VirtualDeviceConfigSpecOperationEdit
	remove  = types.VirtualDeviceConfigSpecOperationRemove
	create  = types.VirtualDeviceConfigSpecFileOperationCreate
	destroy = types.VirtualDeviceConfigSpecFileOperationDestroy
)

func TestAttachTakesTheDiskAsItIs(t *testing.T) {
	l := start(t, inventory, fast)
	vm, free := l.vm("empty"), l.free("old")
	attach := diskAt("[old] loose/thin.vmdk", 0, 0, false) // what the client says of it is not so
	if fault := l.ends(l.change(vm, types.VirtualDeviceConfigSpec{Operation: add, Device: attach})); fault != nil {
		t.Fatalf("%#v", fault)
	}
	is := l.look(vm)
	d := disks(is)[0]
	if d.CapacityInBytes != 4*gib || d.CapacityInKB != 4<<20 || !*flat(d).ThinProvisioned || flat(d).Uuid == "" ||
		*flat(d).Datastore != l.datastore("old") || d.Key <= 0 {
		t.Errorf("%+v, %+v", d, flat(d))
	}
	if !slices.ContainsFunc(is.LayoutEx.File, func(f types.VirtualMachineFileLayoutExFileInfo) bool {
		return f.Name == "[old] loose/thin-flat.vmdk" && f.Size == gib
	}) {
		t.Errorf("%+v", is.LayoutEx.File)
	}
	l.wantFree("old", free)

	// Off, two may share it; a task on the one keeps it from a third.
	if fault := l.ends(l.change(l.vm("vm-1"), types.VirtualDeviceConfigSpec{Operation: add, Device: diskAt("[old] loose/thin.vmdk", 9, 0, true)})); fault != nil {
		t.Errorf("%#v", fault)
	}

	detached := l.change(vm, types.VirtualDeviceConfigSpec{Operation: remove, Device: &types.VirtualDisk{VirtualDevice: types.VirtualDevice{Key: d.Key}}})
	if fault := l.ends(detached); fault != nil {
		t.Fatalf("%#v", fault)
	}
	if is := l.look(vm); len(disks(is)) != 0 || is.Summary.Config.NumVirtualDisks != 0 {
		t.Errorf("%d disks", len(disks(is)))
	}
	l.wantFree("old", free)
	l.uuid("[old] loose/thin.vmdk")
}

func TestMakeExtendAndDestroyDisk(t *testing.T) {
	l := start(t, inventory, fast)
	vm := l.vm("vm-1")
	disk := func() *types.VirtualDisk {
		all := disks(l.look(vm))
		return all[len(all)-1]
	}
	fault := l.ends(l.change(vm, types.VirtualDeviceConfigSpec{Operation: add, FileOperation: create, Device: diskAt("[new]", 5, 3*gib, false)}))
	if fault != nil {
		t.Fatalf("%#v", fault)
	}
	made := disk()
	if name := flat(made).FileName; name != "[new] vm-1/vm-1.vmdk" {
		t.Errorf("it is %s", name)
	}
	l.wantFree("new", 97*gib)
	if is := l.look(vm); len(is.Datastore) != 2 || is.Summary.Config.NumVirtualDisks != 3 {
		t.Errorf("on %v, %d disks", is.Datastore, is.Summary.Config.NumVirtualDisks)
	}

	larger := *made
	larger.CapacityInBytes = 5 * gib
	if fault := l.ends(l.change(vm, types.VirtualDeviceConfigSpec{Operation: edit, Device: &larger})); fault != nil {
		t.Fatalf("%#v", fault)
	}
	l.wantFree("new", 95*gib)
	if d := disk(); d.CapacityInBytes != 5*gib || flat(d).Uuid != flat(made).Uuid || l.length("new", "vm-1/vm-1-flat.vmdk") != 5*gib {
		t.Errorf("%+v", d)
	}
	smaller := *made
	fault = l.ends(l.change(vm, types.VirtualDeviceConfigSpec{Operation: edit, Device: &smaller}))
	if wantFault[*types.InvalidDeviceOperation](t, fault).BadOp != edit || disk().CapacityInBytes != 5*gib {
		t.Errorf("%#v", fault)
	}

	if fault := l.ends(l.change(vm, types.VirtualDeviceConfigSpec{Operation: remove, FileOperation: destroy, Device: disk()})); fault != nil {
		t.Fatalf("%#v", fault)
	}
	l.wantFree("new", 100*gib)
	if l.length("new", "vm-1/vm-1.vmdk") != -1 || l.length("new", "vm-1/vm-1-flat.vmdk") != -1 {
		t.Error("the files are still there")
	}
	if is := l.look(vm); len(is.Datastore) != 1 || len(disks(is)) != 2 {
		t.Errorf("on %v, %d disks", is.Datastore, len(disks(is)))
	}
}

func TestReconfigureRefuses(t *testing.T) {
	l := start(t, inventory, fast)
	vm := l.vm("vm-1")
	before := l.look(vm)
	free := l.free("new")
	refuse := func(spec types.VirtualDeviceConfigSpec) types.BaseMethodFault {
		t.Helper()
		fault := l.ends(l.change(vm, spec))
		if is := l.look(vm); len(is.Config.Hardware.Device) != len(before.Config.Hardware.Device) {
			t.Errorf("%d devices, had %d", len(is.Config.Hardware.Device), len(before.Config.Hardware.Device))
		}
		return fault
	}
	attach := func(file string) types.VirtualDeviceConfigSpec {
		return types.VirtualDeviceConfigSpec{Operation: add, Device: diskAt(file, 5, 0, true)}
	}
	make := func(file string, bytes int64) types.VirtualDeviceConfigSpec {
		return types.VirtualDeviceConfigSpec{Operation: add, FileOperation: create, Device: diskAt(file, 5, bytes, false)}
	}
	wantFault[*types.FileNotFound](t, refuse(attach("[old] loose/none.vmdk")))
	wantFault[*types.InvalidDeviceBacking](t, refuse(attach("[old] vm-1/vm-1.vmx")))
	wantFault[*types.InvalidDatastore](t, refuse(attach("[nowhere] x.vmdk")))
	wantFault[*types.InvalidDatastore](t, refuse(make("[far]", gib)))
	wantFault[*types.InvalidDatastorePath](t, refuse(attach("x.vmdk")))
	wantFault[*types.FileLocked](t, refuse(attach("[old] running/running.vmdk")))
	wantFault[*types.FileAlreadyExists](t, refuse(make("[old] loose/thin.vmdk", gib)))
	if full := wantFault[*types.NoDiskSpace](t, refuse(make("[small]", 4*gib))); full.Datastore != "small" {
		t.Errorf("%+v", full)
	}
	wantFault[*types.InvalidDeviceSpec](t, refuse(types.VirtualDeviceConfigSpec{Operation: remove, Device: diskAt("", 0, 0, true)}))

	// What was made before the fault is gone again.
	task, err := vm.Reconfigure(t.Context(), types.VirtualMachineConfigSpec{DeviceChange: []types.BaseVirtualDeviceConfigSpec{
		&types.VirtualDeviceConfigSpec{Operation: add, FileOperation: create, Device: diskAt("[new]", 6, gib, false)},
		&types.VirtualDeviceConfigSpec{Operation: add, Device: diskAt("[old] loose/none.vmdk", 7, 0, true)},
	}})
	l.must(err)
	wantFault[*types.FileNotFound](t, l.ends(task))
	if l.free("new") != free || l.list("new", "vm-1") != nil {
		t.Errorf("left behind: %v", l.list("new", "vm-1"))
	}
}

// TestReconfigurationsDoNotWaitForEachOther asks in many VMs at once whether another VM has a disk.
func TestReconfigurationsDoNotWaitForEachOther(t *testing.T) {
	l := start(t, inventory, fast)
	var all sync.WaitGroup
	for _, name := range []string{"vm-1", "vm-2", "vm-3", "empty"} {
		vm := l.vm(name)
		all.Go(func() {
			for range 10 {
				spec := types.VirtualDeviceConfigSpec{Operation: add, Device: diskAt("[old] running/running.vmdk", 8, 0, true)}
				task, err := vm.Reconfigure(t.Context(), types.VirtualMachineConfigSpec{DeviceChange: []types.BaseVirtualDeviceConfigSpec{&spec}})
				if err == nil {
					_, err = task.WaitForResult(t.Context(), nil)
				}
				if err == nil {
					t.Errorf("%s has the disk of a running VM", name)
				}
			}
		})
	}
	all.Wait()
}
