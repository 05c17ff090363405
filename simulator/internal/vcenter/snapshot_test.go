package vcenter_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// snap takes a snapshot.
func (l *lab) snap(vm *object.VirtualMachine, name string) types.ManagedObjectReference {
	l.Helper()
	task, err := vm.CreateSnapshot(l.Context(), name, "of a test", false, false)
	l.must(err)
	info, err := task.WaitForResult(l.Context(), nil)
	l.must(err)
	return info.Result.(types.ManagedObjectReference)
}

func (l *lab) state(vm mo.Reference) mo.VirtualMachine {
	l.Helper()
	var m mo.VirtualMachine
	l.read(vm, &m, "config", "snapshot", "rootSnapshot", "layout", "layoutEx", "runtime", "storage", "summary", "datastore")
	return m
}

// chains gives the files of each disk by key, the disk itself first, as the devices tell of them.
func chains(devices []types.BaseVirtualDevice) map[int32][]string {
	all := make(map[int32][]string)
	for _, device := range devices {
		d, ok := device.(*types.VirtualDisk)
		if !ok {
			continue
		}
		for backing := d.Backing.(*types.VirtualDiskFlatVer2BackingInfo); backing != nil; backing = backing.Parent {
			all[d.Key] = append(all[d.Key], backing.FileName)
		}
	}
	return all
}

// wantChain checks a disk's chain: in the device, in both layouts, and in the files of the datastore.
func (l *lab) wantChain(vm mo.Reference, key int32, want ...string) {
	l.Helper()
	m := l.state(vm)
	if got := chains(m.Config.Hardware.Device)[key]; !slices.Equal(got, want) {
		l.Errorf("disk %d is %v, want %v", key, got, want)
	}
	for _, d := range m.Layout.Disk {
		if d.Key == key && !slices.Equal(d.DiskFile, want) {
			l.Errorf("layout has %v, want %v", d.DiskFile, want)
		}
	}
	names := make(map[int32]types.VirtualMachineFileLayoutExFileInfo)
	for _, file := range m.LayoutEx.File {
		names[file.Key] = file
	}
	for _, d := range m.LayoutEx.Disk {
		if d.Key != key {
			continue
		}
		var got []string
		for n, unit := range d.Chain {
			descriptor, extent := names[unit.FileKey[0]], names[unit.FileKey[1]]
			got = append(got, descriptor.Name)
			ending := "-delta.vmdk"
			if n == len(d.Chain)-1 {
				ending = "-flat.vmdk"
			}
			if descriptor.Type != "diskDescriptor" || extent.Type != "diskExtent" || !strings.HasSuffix(extent.Name, ending) {
				l.Errorf("unit %d of the chain: %s %s, %s %s", n, descriptor.Type, descriptor.Name, extent.Type, extent.Name)
			}
		}
		if !slices.Equal(got, want) {
			l.Errorf("layoutEx has %v, want %v", got, want)
		}
	}
	for _, name := range want {
		var path object.DatastorePath
		path.FromString(name)
		folder, file, _ := strings.Cut(path.Path, "/")
		if !slices.Contains(l.list(path.Datastore, folder), file) {
			l.Errorf("%s is not there", name)
		}
	}
}

func (l *lab) wantFiles(datastore, folder string, want ...string) {
	l.Helper()
	got := slices.DeleteFunc(l.list(datastore, folder), func(name string) bool { return !strings.Contains(name, ".vm") })
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		l.Errorf("in [%s] %s: %v\nwant %v", datastore, folder, got, want)
	}
}

func TestSnapshotPutsDeltasOnDisks(t *testing.T) {
	l := start(t, inventory, fast)
	vm := l.vm("vm-1")
	before, free := l.state(vm), l.free("old")
	taken := l.snap(vm, "first")

	l.wantChain(vm, 2000, "[old] vm-1/vm-1-000001.vmdk", "[old] vm-1/vm-1.vmdk")
	l.wantChain(vm, 2001, "[old] vm-1/vm-1_1-000001.vmdk", "[old] vm-1/vm-1_1.vmdk")
	l.wantFiles("old", "vm-1", "vm-1.vmx", "vm-1.vmsd", "vm-1-Snapshot1.vmsn",
		"vm-1.vmdk", "vm-1-flat.vmdk", "vm-1-000001.vmdk", "vm-1-000001-delta.vmdk",
		"vm-1_1.vmdk", "vm-1_1-flat.vmdk", "vm-1_1-000001.vmdk", "vm-1_1-000001-delta.vmdk")
	l.wantFree("old", free) // a delta starts empty

	after := l.state(vm)
	if after.Snapshot == nil || *after.Snapshot.CurrentSnapshot != taken || !slices.Equal(after.RootSnapshot, []types.ManagedObjectReference{taken}) {
		t.Fatalf("snapshots are %+v, roots %v", after.Snapshot, after.RootSnapshot)
	}
	if root := after.Snapshot.RootSnapshotList[0]; root.Name != "first" || root.Description != "of a test" || root.Id != 1 ||
		root.State != types.VirtualMachinePowerStatePoweredOff || root.Vm != vm.Reference() {
		t.Errorf("%+v", root)
	}
	for _, device := range after.Config.Hardware.Device {
		d, ok := device.(*types.VirtualDisk)
		if !ok {
			continue
		}
		backing := d.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
		parent := backing.Parent
		if parent == nil || parent.Uuid != backing.Uuid || parent.Uuid == "" || *parent.Datastore != l.datastore("old") ||
			*parent.ThinProvisioned != (d.Key == 2000) || backing.DeltaDiskFormat != "redoLogFormat" || !*backing.ThinProvisioned {
			t.Errorf("%+v on %+v", backing, parent)
		}
	}

	// The snapshot has the disks as they were.
	var s mo.VirtualMachineSnapshot
	l.read(taken, &s, "config", "vm", "childSnapshot")
	if s.Vm != vm.Reference() || len(s.ChildSnapshot) != 0 {
		t.Errorf("vm %v, children %v", s.Vm, s.ChildSnapshot)
	}
	was, is := chains(before.Config.Hardware.Device), chains(s.Config.Hardware.Device)
	if len(is) != 2 || !slices.Equal(was[2000], is[2000]) || !slices.Equal(was[2001], is[2001]) {
		t.Errorf("the snapshot has %v, the VM had %v", is, was)
	}
	if len(after.LayoutEx.Snapshot) != 1 || after.LayoutEx.Snapshot[0].Key != taken || after.LayoutEx.Snapshot[0].MemoryKey != -1 ||
		len(after.LayoutEx.Snapshot[0].Disk) != 2 || len(after.LayoutEx.Snapshot[0].Disk[0].Chain) != 1 {
		t.Errorf("layoutEx.snapshot: %+v", after.LayoutEx.Snapshot)
	}
	data := slices.IndexFunc(after.LayoutEx.File, func(f types.VirtualMachineFileLayoutExFileInfo) bool {
		return f.Key == after.LayoutEx.Snapshot[0].DataKey
	})
	if data < 0 || after.LayoutEx.File[data].Name != "[old] vm-1/vm-1-Snapshot1.vmsn" || after.LayoutEx.File[data].Type != "snapshotData" {
		t.Errorf("the snapshot's data is file %d of %+v", data, after.LayoutEx.File)
	}
	for _, file := range before.LayoutEx.File { // files keep their keys
		if !slices.ContainsFunc(after.LayoutEx.File, func(f types.VirtualMachineFileLayoutExFileInfo) bool {
			return f.Key == file.Key && f.Name == file.Name
		}) {
			t.Errorf("%s had key %d", file.Name, file.Key)
		}
	}
}

func TestSnapshotWithMemoryTakesItsSpace(t *testing.T) {
	l := start(t, inventory, fast)
	vm, free := l.vm("running"), l.free("old")
	l.done(vm.CreateSnapshot(t.Context(), "live", "", true, true))
	l.wantFree("old", free-gib) // running has 1 GiB of memory
	m := l.state(vm)
	if root := m.Snapshot.RootSnapshotList[0]; root.State != types.VirtualMachinePowerStatePoweredOn || root.Quiesced {
		t.Errorf("%+v", root) // not quiesced: there are no VMware Tools
	}
	layout := m.LayoutEx.Snapshot[0]
	at := slices.IndexFunc(m.LayoutEx.File, func(f types.VirtualMachineFileLayoutExFileInfo) bool { return f.Key == layout.MemoryKey })
	if at < 0 || m.LayoutEx.File[at].Name != "[old] running/running-Snapshot1.vmem" || m.LayoutEx.File[at].Size != gib {
		t.Errorf("memory is file %d of %+v", at, m.LayoutEx.File)
	}
	l.done(vm.RemoveAllSnapshot(t.Context(), nil))
	l.wantFree("old", free)
	l.wantFiles("old", "running", "running.vmx", "running.vmsd", "running.vmdk", "running-flat.vmdk")
}

func TestSnapshotWithMemoryIsCancelled(t *testing.T) {
	l := start(t, inventory, stuck)
	vm, free := l.vm("running"), l.free("old")
	task, err := vm.CreateSnapshot(t.Context(), "live", "", true, false)
	l.must(err)
	l.until(task, func(info types.TaskInfo) bool { return isRunning(info) && info.Progress == 0 })
	_, err = vm.CreateSnapshot(t.Context(), "other", "", false, false)
	wantFault[*types.TaskInProgress](t, callFault(t, err))
	l.must(task.Cancel(t.Context()))
	wantFault[*types.RequestCanceled](t, l.ends(task))
	l.wantFree("old", free)
	l.wantChain(vm, 2000, "[old] running/running.vmdk")
	if m := l.state(vm); m.Snapshot != nil {
		t.Errorf("%+v", m.Snapshot)
	}
}

func TestSnapshotTreeIsRenamedAndCounted(t *testing.T) {
	l := start(t, inventory, fast)
	vm := l.vm("vm-1")
	first := l.snap(vm, "first")
	second := l.snap(vm, "second")
	_, err := methods.RenameSnapshot(t.Context(), l.client.Client, &types.RenameSnapshot{This: second, Name: "renamed"})
	l.must(err)
	m := l.state(vm)
	root := m.Snapshot.RootSnapshotList[0]
	if root.Snapshot != first || len(root.ChildSnapshotList) != 1 || root.ChildSnapshotList[0].Name != "renamed" ||
		root.ChildSnapshotList[0].Description != "of a test" || *m.Snapshot.CurrentSnapshot != second {
		t.Errorf("%+v, current %v", root, m.Snapshot.CurrentSnapshot)
	}
	var s mo.VirtualMachineSnapshot
	l.read(first, &s, "childSnapshot")
	if !slices.Equal(s.ChildSnapshot, []types.ManagedObjectReference{second}) {
		t.Errorf("children are %v", s.ChildSnapshot)
	}
	l.wantChain(vm, 2000, "[old] vm-1/vm-1-000002.vmdk", "[old] vm-1/vm-1-000001.vmdk", "[old] vm-1/vm-1.vmdk")

	for n := 3; n <= 32; n++ {
		l.snap(vm, "deep")
	}
	task, err := vm.CreateSnapshot(t.Context(), "too deep", "", false, false)
	l.must(err)
	wantFault[*types.TooManySnapshotLevels](t, l.ends(task))
}
