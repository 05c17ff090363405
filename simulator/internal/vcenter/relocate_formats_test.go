package vcenter_test

import (
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/disk"
)

// converted pins a disk where it is and gives it a format.
func (l *lab) converted(key int32, on string, backing types.BaseVirtualDeviceBackingInfo) types.VirtualMachineRelocateSpec {
	return types.VirtualMachineRelocateSpec{Disk: []types.VirtualMachineRelocateSpecDiskLocator{
		{DiskId: key, Datastore: l.datastore(on), DiskBackingInfo: backing},
	}}
}

func formatted(thin, eager *bool) *types.VirtualDiskFlatVer2BackingInfo {
	return &types.VirtualDiskFlatVer2BackingInfo{ThinProvisioned: thin, EagerlyScrub: eager}
}

// kind gives a disk's format as its device tells it.
func (l *lab) kind(vm *object.VirtualMachine, key int32) disk.Kind {
	l.Helper()
	for _, device := range l.state(vm).Config.Hardware.Device {
		if d, ok := device.(*types.VirtualDisk); ok && d.Key == key {
			backing := d.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
			switch {
			case *backing.ThinProvisioned:
				return disk.Thin
			case *backing.EagerlyScrub:
				return disk.Eager
			}
			return disk.Thick
		}
	}
	l.Fatalf("no disk %d", key)
	return ""
}

func TestFormatChangesInPlace(t *testing.T) {
	yes, no := types.NewBool(true), types.NewBool(false)
	cases := map[string]struct {
		key     int32
		backing *types.VirtualDiskFlatVer2BackingInfo
		want    disk.Kind
		grows   int64
		copied  int64
	}{
		"thin to thick":      {2000, formatted(no, nil), disk.Thick, 3 * gib, 4 * gib},
		"thin to eager":      {2000, formatted(no, yes), disk.Eager, 3 * gib, 4 * gib},
		"thick to thin":      {2001, formatted(yes, nil), disk.Thin, -gib, gib},
		"thick to eager":     {2001, formatted(no, yes), disk.Eager, 0, 2 * gib},
		"thin stays thin":    {2000, formatted(yes, nil), disk.Thin, 0, 0},
		"nothing said of it": {2000, formatted(nil, nil), disk.Thin, 0, 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			l := start(t, inventory, fast)
			vm, free := l.vm("vm-1"), l.free("old")
			before := l.whereIs(vm)
			l.moves(vm, l.converted(c.key, "old", c.backing))
			if kind := l.kind(vm, c.key); kind != c.want {
				t.Errorf("it is %s, want %s", kind, c.want)
			}
			l.wantFree("old", free-c.grows)
			after := l.whereIs(vm)
			if after.vmx != before.vmx || !same(after.uuids, before.uuids) || len(after.disks) != len(before.disks) {
				t.Errorf("%+v\nwas %+v", after, before)
			}
			if at := l.ledger().Datastores["old"]; at == nil && c.copied > 0 || at != nil && at.ReadBytes != c.copied {
				t.Errorf("%+v, want %d bytes read", at, c.copied)
			}
			if c.copied == 0 && !same(after.disks, before.disks) {
				t.Errorf("disks are %v, were %v", after.disks, before.disks)
			}
		})
	}
}

func TestFormatsThatAreRefused(t *testing.T) {
	yes := types.NewBool(true)
	for name, backing := range map[string]types.BaseVirtualDeviceBackingInfo{
		"thin and eager":  formatted(yes, yes),
		"another backing": new(types.VirtualDiskSparseVer2BackingInfo),
	} {
		t.Run(name, func(t *testing.T) {
			l := start(t, inventory, fast)
			wantFault[*types.InvalidDeviceBacking](t, l.ends(l.relocate(l.vm("vm-1"), l.converted(2000, "old", backing))))
		})
	}
}

func TestTransformIsAFormatForAll(t *testing.T) {
	l := start(t, inventory, fast)
	vm := l.vm("vm-1")
	spec := to(l.datastore("new"))
	spec.Transform = types.VirtualMachineRelocateTransformationSparse
	spec.Disk = []types.VirtualMachineRelocateSpecDiskLocator{
		{DiskId: 2000, Datastore: l.datastore("new"), DiskBackingInfo: formatted(types.NewBool(false), nil)},
	}
	l.moves(vm, spec)
	if first, second := l.kind(vm, 2000), l.kind(vm, 2001); first != disk.Thick || second != disk.Thin {
		t.Errorf("%s and %s", first, second)
	}
	l.wantFree("new", 100*gib-4*gib-gib)
}
