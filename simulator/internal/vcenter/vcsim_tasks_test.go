package vcenter_test

import (
	"bytes"
	"slices"
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

// newDisk gives a disk that a reconfiguration adds, of 2 GiB.
func newDisk(l *lab, devices object.VirtualDeviceList, datastore string, thin bool) *types.VirtualDisk {
	l.Helper()
	controller, err := devices.FindDiskController("")
	l.must(err)
	d := devices.CreateDisk(controller, l.datastore(datastore), "")
	d.CapacityInKB = 2 << 20
	backing := d.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
	backing.FileName = "[" + datastore + "]"
	backing.ThinProvisioned = types.NewBool(thin)
	return d
}

func TestWhatVcsimDoesIsMadeTrue(t *testing.T) {
	l := start(t, inventory, fast)
	vm := l.vm("vm-1")
	free := l.free("old")

	devices, err := vm.Device(t.Context())
	l.must(err)
	l.must(vm.AddDevice(t.Context(), newDisk(l, devices, "old", false)))
	l.wantFree("old", free-2*gib)
	where := l.whereIs(vm)
	if len(where.disks) != 3 {
		t.Fatalf("disks: %v", where.disks)
	}
	for key, name := range where.disks {
		if l.uuid(name) == "" || where.uuids[key] == "" {
			t.Errorf("%s has uuid %q, its backing %q", name, l.uuid(name), where.uuids[key])
		}
	}

	if fault := l.ends(l.relocate(vm, to(l.datastore("new")))); fault != nil {
		t.Fatalf("%#v", fault)
	}
	l.wantFree("new", 95*gib)

	task, err := vm.Destroy(t.Context())
	l.must(err)
	if fault := l.ends(task); fault != nil {
		t.Fatalf("%#v", fault)
	}
	l.wantFree("new", 100*gib)
}

func TestDetachedDiskKeepsItsPlaceAndSpace(t *testing.T) {
	l := start(t, inventory, fast)
	vm := l.vm("vm-1")
	free := l.free("old")
	devices, err := vm.Device(t.Context())
	l.must(err)
	d := devices.SelectByType((*types.VirtualDisk)(nil))[0]
	uuid := d.GetVirtualDevice().Backing.(*types.VirtualDiskFlatVer2BackingInfo).Uuid
	l.must(vm.RemoveDevice(t.Context(), true, d)) // keeps the files
	l.wantFree("old", free)

	l.folder("[new] moved")
	if fault := l.ends(l.moveDisk("[old] vm-1/vm-1.vmdk", "[new] moved/vm-1.vmdk", false)); fault != nil {
		t.Fatalf("%#v", fault)
	}

	// Attached to another VM it is the same disk.
	other := l.vm("vm-2")
	devices, err = other.Device(t.Context())
	l.must(err)
	controller, err := devices.FindDiskController("")
	l.must(err)
	l.must(other.AddDevice(t.Context(), devices.CreateDisk(controller, l.datastore("new"), "[new] moved/vm-1.vmdk")))
	found := false
	for _, known := range l.whereIs(other).uuids {
		found = found || known == uuid
	}
	if !found {
		t.Errorf("no disk of the VM has uuid %s: %v", uuid, l.whereIs(other).uuids)
	}
}

func TestDestroyedVMLeavesADetachedDisk(t *testing.T) {
	l := start(t, inventory, fast)
	vm := l.vm("vm-1")
	free := l.free("old")
	devices, err := vm.Device(t.Context())
	l.must(err)
	l.must(vm.RemoveDevice(t.Context(), true, devices.SelectByType((*types.VirtualDisk)(nil))[0]))
	task, err := vm.Destroy(t.Context())
	l.must(err)
	if fault := l.ends(task); fault != nil {
		t.Fatalf("%#v", fault)
	}
	if left := l.list("old", "vm-1"); !slices.Equal(left, []string{"vm-1-flat.vmdk", "vm-1.vmdk"}) {
		t.Errorf("left behind: %v", left)
	}
	l.wantFree("old", free+2*gib) // the other disk's
	if _, err := l.find.VirtualMachine(t.Context(), "vm-1"); err == nil {
		t.Error("the VM is still there")
	}

	running, err := l.vm("running").Destroy(t.Context())
	l.must(err)
	wantFault[*types.InvalidPowerState](t, l.ends(running))
}

func TestRefreshLooksAtTheFiles(t *testing.T) {
	l := start(t, inventory, fast)
	free := l.free("old")
	// A file that comes over HTTP is counted when somebody looks.
	ds := object.NewDatastore(l.client.Client, l.datastore("old"))
	ds.InventoryPath, ds.DatacenterPath = "/dc1/datastore/old", "/dc1"
	l.must(ds.Upload(t.Context(), bytes.NewReader(make([]byte, 5<<20)), "big.iso", nil))
	_, err := methods.RefreshDatastore(t.Context(), l.client, &types.RefreshDatastore{This: ds.Reference()})
	l.must(err)
	if now := l.free("old"); now != free-5<<20 {
		t.Errorf("%d bytes free, had %d", now, free)
	}
}
