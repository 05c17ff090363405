package vcenter_test

import (
	"bytes"
	"io"
	"slices"
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
	"github.com/vmware/govmomi/vmdk"
)

// descriptor downloads a disk's descriptor.
func (l *lab) descriptor(datastore, name string) *vmdk.Descriptor {
	l.Helper()
	ds, err := l.find.Datastore(l.Context(), datastore)
	l.must(err)
	body, _, err := ds.Download(l.Context(), name, &soap.DefaultDownload)
	l.must(err)
	defer func() { _ = body.Close() }()
	text, err := io.ReadAll(body)
	l.must(err)
	parsed, err := vmdk.ParseDescriptor(bytes.NewReader(text))
	l.must(err)
	return parsed
}

// info asks for a disk's type and parents.
func (l *lab) info(name string) []object.VirtualDiskInfo {
	l.Helper()
	infos, err := l.disks().QueryVirtualDiskInfo(l.Context(), name, l.dc, true)
	l.must(err)
	return infos
}

// makeDisk starts making a disk of 3 GiB on the datastore new.
func (l *lab) makeDisk(name, kind string) *object.Task {
	l.Helper()
	task, err := l.disks().CreateVirtualDisk(l.Context(), name, l.dc, &types.FileBackedVirtualDiskSpec{
		VirtualDiskSpec: types.VirtualDiskSpec{DiskType: kind, AdapterType: "lsiLogic"},
		CapacityKb:      3 << 20,
	})
	l.must(err)
	return task
}

func (l *lab) ended(task *object.Task, err error) {
	l.Helper()
	l.must(err)
	if fault := l.ends(task); fault != nil {
		l.Fatalf("%#v", fault)
	}
}

func TestMakeAndDeleteDisk(t *testing.T) {
	l := start(t, inventory, fast)
	for kind, takes := range map[string]int64{"thin": 0, "preallocated": 3 * gib, "eagerZeroedThick": 3 * gib} {
		t.Run(kind, func(t *testing.T) {
			written := l.ledger().Datastores["new"]
			name := "[new] " + kind + ".vmdk"
			l.ended(l.makeDisk(name, kind), nil)
			l.wantFree("new", 100*gib-takes)
			wantFault[*types.FileAlreadyExists](t, l.ends(l.makeDisk(name, kind)))
			if is := l.info(name); len(is) != 1 || is[0].DiskType != kind || is[0].Name != name {
				t.Errorf("it is %+v", is)
			}
			zeroed := int64(0)
			if now := l.ledger().Datastores["new"]; now != nil {
				zeroed = now.WrittenBytes
				if written != nil {
					zeroed -= written.WrittenBytes
				}
			}
			if eager := kind == "eagerZeroedThick"; eager != (zeroed == 3*gib) || !eager && zeroed != 0 {
				t.Errorf("%d bytes were zeroed", zeroed)
			}

			const uuid = "60 00 C2 9e a7 e8 26 9c-7d 20 45 4c 72 2a af 40"
			l.must(l.disks().SetVirtualDiskUuid(t.Context(), name, l.dc, uuid))
			if l.uuid(name) != uuid {
				t.Errorf("uuid is %s", l.uuid(name))
			}
			err := l.disks().SetVirtualDiskUuid(t.Context(), name, l.dc, "mine")
			if bad := wantFault[*types.InvalidArgument](t, callFault(t, err)); bad.InvalidProperty != "uuid" {
				t.Errorf("it is %s that is wrong", bad.InvalidProperty)
			}
			l.ended(l.disks().DeleteVirtualDisk(t.Context(), name, l.dc))
			l.wantFree("new", 100*gib)
		})
	}
}

func TestEagerDiskIsZeroedInItsTime(t *testing.T) {
	l := start(t, inventory, stuck)
	l.ended(l.makeDisk("[new] thick.vmdk", "preallocated"), nil) // takes no time
	before := l.free("new")
	task := l.makeDisk("[new] eager.vmdk", "eagerZeroedThick")
	l.until(task, isRunning)
	l.eventually("its space is taken, all at once", func() bool { return l.free("new") == before-3*gib })
	locked, err := l.disks().DeleteVirtualDisk(t.Context(), "[new] eager.vmdk", l.dc)
	l.must(err)
	wantFault[*types.FileLocked](t, l.ends(locked))

	l.must(task.Cancel(t.Context()))
	wantFault[*types.RequestCanceled](t, l.ends(task))
	l.wantFree("new", 97*gib)
	if there := l.list("new", ""); slices.Contains(there, "eager.vmdk") {
		t.Errorf("left behind: %v", there)
	}
}

func TestExtendDisk(t *testing.T) {
	yes, no := true, false
	cases := map[string]struct {
		disk      string
		eagerZero *bool
		takes     int64 // more than before
		is        string
	}{
		"thin":                 {"[old] loose/thin.vmdk", nil, 0, "thin"},
		"thin, zeroed":         {"[old] loose/thin.vmdk", &yes, 4 * gib, "thin"},
		"thick":                {"[old] loose/thick.vmdk", nil, 6 * gib, "preallocated"},
		"eager":                {"[new] eager.vmdk", nil, 5 * gib, "eagerZeroedThick"},
		"eager, no more of it": {"[new] eager.vmdk", &no, 5 * gib, "preallocated"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			l := start(t, inventory, fast)
			l.ended(l.makeDisk("[new] eager.vmdk", "eagerZeroedThick"), nil)
			before := l.free("old") + l.free("new")
			l.ended(l.disks().ExtendVirtualDisk(t.Context(), c.disk, l.dc, 8<<20, c.eagerZero))
			if took := before - l.free("old") - l.free("new"); took != c.takes {
				t.Errorf("took %d, want %d", took, c.takes)
			}
			if is := l.info(c.disk); is[0].DiskType != c.is {
				t.Errorf("it is %s", is[0].DiskType)
			}
			chs, err := methods.QueryVirtualDiskGeometry(t.Context(), l.client, &types.QueryVirtualDiskGeometry{
				This: l.disks().Reference(), Name: c.disk, Datacenter: types.NewReference(l.dc.Reference())})
			l.must(err)
			if g := chs.Returnval; g.Cylinder*int64(g.Head)*int64(g.Sector)/2048 != 8189 { // MiB in whole cylinders
				t.Errorf("geometry is %+v", g)
			}
		})
	}
}

func TestExtendDiskRefuses(t *testing.T) {
	l := start(t, inventory, fast)
	extend := func(name string, kib int64) types.BaseMethodFault {
		task, err := l.disks().ExtendVirtualDisk(t.Context(), name, l.dc, kib, nil)
		l.must(err)
		return l.ends(task)
	}
	smaller := wantFault[*types.InvalidArgument](t, extend("[old] loose/thick.vmdk", 1<<20))
	if smaller.InvalidProperty != "newCapacityKb" {
		t.Errorf("it is %s that is wrong", smaller.InvalidProperty)
	}
	wantFault[*types.NoDiskSpace](t, extend("[old] loose/thick.vmdk", 200<<20))
	wantFault[*types.FileLocked](t, extend("[old] running/running.vmdk", 8<<20))
	wantFault[*types.FileNotFound](t, extend("[old] loose/none.vmdk", 8<<20))
}

func TestExtendedDiskOfAVM(t *testing.T) {
	l := start(t, inventory, fast)
	l.ended(l.disks().ExtendVirtualDisk(t.Context(), "[old] vm-1/vm-1.vmdk", l.dc, 8<<20, nil))
	var vm mo.VirtualMachine
	l.read(l.vm("vm-1"), &vm, "config.hardware.device")
	disks := object.VirtualDeviceList(vm.Config.Hardware.Device).SelectByType((*types.VirtualDisk)(nil))
	if bytes := disks[0].(*types.VirtualDisk).CapacityInBytes; bytes != 8*gib {
		t.Errorf("the VM's disk has %d bytes", bytes)
	}
}

func TestInflateDisk(t *testing.T) {
	l := start(t, inventory, fast)
	free := l.free("old")
	l.ended(l.disks().InflateVirtualDisk(t.Context(), "[old] loose/thin.vmdk", l.dc))
	if took := free - l.free("old"); took != 3*gib {
		t.Errorf("took %d", took)
	}
	if is := l.info("[old] loose/thin.vmdk"); is[0].DiskType != "eagerZeroedThick" {
		t.Errorf("it is %s", is[0].DiskType)
	}
	if zeroed := l.ledger().Datastores["old"].WrittenBytes; zeroed != 3*gib {
		t.Errorf("%d bytes were zeroed", zeroed)
	}
}

func TestInflateDiskFails(t *testing.T) {
	l := start(t, inventory+"\nfaults: [{method: InflateVirtualDisk_Task, fault: FileFault, at: 50%}]", fast)
	free := l.free("old")
	task, err := l.disks().InflateVirtualDisk(t.Context(), "[old] loose/thin.vmdk", l.dc)
	l.must(err)
	if fault := wantFault[*types.FileFault](t, l.ends(task)); fault.File != "[old] loose/thin.vmdk" {
		t.Errorf("of %q", fault.File)
	}
	if l.free("old") != free || l.info("[old] loose/thin.vmdk")[0].DiskType != "thin" {
		t.Error("something of it stayed")
	}
}

func TestZeroedDisks(t *testing.T) {
	l := start(t, inventory, fast)
	at := types.NewReference(l.dc.Reference())
	run := func(call func() (types.ManagedObjectReference, error)) {
		t.Helper()
		ref, err := call()
		l.must(err)
		l.ended(object.NewTask(l.client.Client, ref), nil)
	}
	run(func() (types.ManagedObjectReference, error) {
		res, err := methods.EagerZeroVirtualDisk_Task(t.Context(), l.client,
			&types.EagerZeroVirtualDisk_Task{This: l.disks().Reference(), Name: "[old] loose/thick.vmdk", Datacenter: at})
		l.must(err)
		return res.Returnval, err
	})
	if is := l.info("[old] loose/thick.vmdk"); is[0].DiskType != "eagerZeroedThick" {
		t.Errorf("it is %s", is[0].DiskType)
	}
	run(func() (types.ManagedObjectReference, error) {
		res, err := methods.ZeroFillVirtualDisk_Task(t.Context(), l.client,
			&types.ZeroFillVirtualDisk_Task{This: l.disks().Reference(), Name: "[old] loose/thin.vmdk", Datacenter: at})
		l.must(err)
		return res.Returnval, err
	})
	if is := l.info("[old] loose/thin.vmdk"); is[0].DiskType != "thin" {
		t.Errorf("it is %s", is[0].DiskType)
	}
	if zeroed := l.ledger().Datastores["old"].WrittenBytes; zeroed != 4*gib+gib {
		t.Errorf("%d bytes were zeroed", zeroed)
	}
	free := l.free("old")
	l.ended(l.disks().ShrinkVirtualDisk(t.Context(), "[old] loose/thin.vmdk", l.dc, nil))
	run(func() (types.ManagedObjectReference, error) {
		res, err := methods.DefragmentVirtualDisk_Task(t.Context(), l.client,
			&types.DefragmentVirtualDisk_Task{This: l.disks().Reference(), Name: "[old] loose/thin.vmdk", Datacenter: at})
		l.must(err)
		return res.Returnval, err
	})
	if l.free("old") != free {
		t.Error("a flat disk was shrunk")
	}
	res, err := methods.QueryVirtualDiskFragmentation(t.Context(), l.client,
		&types.QueryVirtualDiskFragmentation{This: l.disks().Reference(), Name: "[old] loose/thin.vmdk", Datacenter: at})
	l.must(err)
	if res.Returnval != 0 {
		t.Errorf("fragmented to %d %%", res.Returnval)
	}
}
