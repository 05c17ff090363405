package vcenter_test

import (
	"fmt"
	"path"
	"strings"
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"
)

func (l *lab) register(path, name string) *object.Task {
	l.Helper()
	folder, err := l.find.DefaultFolder(l.Context())
	l.must(err)
	pool, err := l.find.ResourcePool(l.Context(), "a/Resources")
	l.must(err)
	task, err := folder.RegisterVM(l.Context(), path, name, false, pool, nil)
	l.must(err)
	return task
}

// TestRegisteredVMIsWhatItWas moves a disk elsewhere, adds what a .vmx tells of, and takes the VM out and in again.
func TestRegisteredVMIsWhatItWas(t *testing.T) {
	l := start(t, inventory, fast)
	vm := l.vm("vm-1")
	cdrom := &types.VirtualCdrom{VirtualDevice: types.VirtualDevice{
		Key: -1, ControllerKey: 200, UnitNumber: types.NewInt32(0),
		Backing: &types.VirtualCdromIsoBackingInfo{VirtualDeviceFileBackingInfo: types.VirtualDeviceFileBackingInfo{FileName: "[third] iso/x.iso"}},
	}}
	shared := diskAt("[new]", 5, gib, false)
	flat(shared).Sharing = string(types.VirtualDiskSharingSharingMultiWriter)
	task, err := vm.Reconfigure(t.Context(), types.VirtualMachineConfigSpec{
		NumCPUs: 4, MemoryMB: 2048, Annotation: "says \"hello\" | twice\nat least", ChangeTrackingEnabled: types.NewBool(true),
		DeviceChange: []types.BaseVirtualDeviceConfigSpec{
			&types.VirtualDeviceConfigSpec{Operation: add, Device: cdrom},
			&types.VirtualDeviceConfigSpec{Operation: add, FileOperation: create, Device: shared},
		},
	})
	l.must(err)
	l.done(task, nil)
	before := l.look(vm)
	_, text := l.ask("GET", "old", "vm-1/vm-1.vmx", nil)
	for _, line := range []string{`scsi0.virtualDev = "pvscsi"`, `scsi0:0.fileName = "vm-1.vmdk"`, `scsi0:5.sharing = "multi-writer"`,
		`ide0:0.deviceType = "cdrom-image"`, `displayName = "vm-1"`, `ctkEnabled = "TRUE"`} {
		if !strings.Contains(string(text), line+"\n") {
			t.Errorf("no %s in\n%s", line, text)
		}
	}

	free, elsewhere := l.free("old"), l.free("new")
	l.must(vm.Unregister(t.Context()))
	l.wantFree("old", free)
	l.wantFree("new", elsewhere)
	registered := l.register("[old] vm-1/vm-1.vmx", "")
	l.done(registered, nil)
	vm = l.vm("vm-1")
	after := l.look(vm)

	if after.Config.Uuid != before.Config.Uuid || after.Config.InstanceUuid != before.Config.InstanceUuid ||
		after.Config.Annotation != before.Config.Annotation || after.Config.Hardware.NumCPU != 4 || after.Config.Hardware.MemoryMB != 2048 ||
		!*after.Config.ChangeTrackingEnabled || after.Summary.Config.NumVirtualDisks != 3 {
		t.Errorf("config: %+v\nwas %+v", after.Config, before.Config)
	}
	was, is := disks(before), disks(after)
	if len(is) != len(was) {
		t.Fatalf("%d disks, had %d", len(is), len(was))
	}
	for i := range is {
		if is[i].CapacityInBytes != was[i].CapacityInBytes || *is[i].UnitNumber != *was[i].UnitNumber || is[i].ControllerKey != was[i].ControllerKey ||
			flat(is[i]).FileName != flat(was[i]).FileName || flat(is[i]).Uuid != flat(was[i]).Uuid || flat(is[i]).Sharing != flat(was[i]).Sharing ||
			*flat(is[i]).Datastore != *flat(was[i]).Datastore {
			t.Errorf("disk %d: %+v of %+v, was %+v of %+v", i, flat(is[i]), is[i], flat(was[i]), was[i])
		}
	}
	if len(after.Datastore) != 3 || len(after.Storage.PerDatastoreUsage) != 2 { // the image, too
		t.Errorf("on %v, %+v", after.Datastore, after.Storage)
	}
	list := object.VirtualDeviceList(after.Config.Hardware.Device)
	drive := list.SelectByType((*types.VirtualCdrom)(nil))
	if len(drive) != 1 || drive[0].GetVirtualDevice().Backing.(*types.VirtualCdromIsoBackingInfo).FileName != "[third] iso/x.iso" {
		t.Errorf("drives: %+v", drive)
	}
	if cards := list.SelectByType((*types.VirtualEthernetCard)(nil)); len(cards) != 1 {
		t.Errorf("%d cards", len(cards))
	}
	l.wantFree("old", free)
	l.wantFree("new", elsewhere)

	// It works as any other does.
	if fault := l.ends(l.relocate(vm, to(l.datastore("third")))); fault != nil {
		t.Errorf("%#v", fault)
	}
	l.wantFree("new", 100*gib)
	_, text = l.ask("GET", "third", "vm-1/vm-1.vmx", nil)
	for _, d := range disks(l.look(vm)) {
		line := fmt.Sprintf("scsi0:%d.fileName = %q\n", *d.UnitNumber, path.Base(flat(d).FileName))
		if !strings.Contains(string(text), line) {
			t.Errorf("after the relocation no %s in\n%s", line, text)
		}
	}
}

func TestRegisterRefuses(t *testing.T) {
	l := start(t, inventory, fast)
	wantFault[*types.AlreadyExists](t, l.ends(l.register("[old] vm-1/vm-1.vmx", "again")))
	wantFault[*types.NotFound](t, l.ends(l.register("[old] vm-9/vm-9.vmx", "")))
	wantFault[*types.NotFound](t, l.ends(l.register("[old] loose/thin.vmdk", "")))
	wantFault[*types.InvalidDatastorePath](t, l.ends(l.register("vm-1/vm-1.vmx", "")))
	wantFault[*types.InvalidDatastore](t, l.ends(l.register("[nowhere] vm-1/vm-1.vmx", "")))

	err := l.vm("running").Unregister(t.Context())
	wantFault[*types.InvalidPowerState](t, callFault(t, err))
}

func TestCreateVMRefuses(t *testing.T) {
	l := start(t, inventory, fast)
	folder, err := l.find.DefaultFolder(t.Context())
	l.must(err)
	pool, err := l.find.ResourcePool(t.Context(), "a/Resources")
	l.must(err)
	create := func(name, home string, disk *types.VirtualDisk) types.BaseMethodFault {
		t.Helper()
		spec := types.VirtualMachineConfigSpec{Name: name, Files: &types.VirtualMachineFileInfo{VmPathName: home}}
		if disk != nil {
			scsi := new(types.ParaVirtualSCSIController)
			scsi.Key = 1000
			spec.DeviceChange = []types.BaseVirtualDeviceConfigSpec{
				&types.VirtualDeviceConfigSpec{Operation: add, Device: scsi},
				&types.VirtualDeviceConfigSpec{Operation: add, FileOperation: create, Device: disk},
			}
		}
		task, err := folder.CreateVM(t.Context(), spec, pool, nil)
		l.must(err)
		return l.ends(task)
	}
	wantFault[*types.InvalidDatastore](t, create("a", "[nowhere]", nil))
	wantFault[*types.InvalidDatastore](t, create("b", "[far]", nil))
	wantFault[*types.NoDiskSpace](t, create("c", "[small]", diskAt("[small]", 0, 4*gib, false)))
	if fault := create("worker", "[new]", diskAt("[new]", 0, 2*gib, true)); fault != nil {
		t.Fatalf("%#v", fault)
	}
	vm := l.vm("worker")
	d := disks(l.look(vm))[0]
	if !*flat(d).ThinProvisioned || flat(d).Uuid == "" || d.CapacityInBytes != 2*gib {
		t.Errorf("%+v", flat(d))
	}
	l.wantFree("new", 100*gib) // thin, and nothing is written
	task, err := vm.Destroy(t.Context())
	l.done(task, err)
	if left := l.list("new", "worker"); left != nil {
		t.Errorf("left behind: %v", left)
	}
}
