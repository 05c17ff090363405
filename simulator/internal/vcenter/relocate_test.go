package vcenter_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// whereabouts is everything that tells where a VM is.
type whereabouts struct {
	vmx        string
	disks      map[int32]string // by key
	uuids      map[int32]string
	thin       map[int32]bool
	backings   map[int32]string // datastore names
	datastores []string
	files      map[string]int64 // layoutEx: sizes
}

func (l *lab) whereIs(vm *object.VirtualMachine) whereabouts {
	l.Helper()
	var m mo.VirtualMachine
	l.read(vm, &m, "config", "datastore", "layoutEx", "layout", "summary", "storage")
	w := whereabouts{
		vmx: m.Config.Files.VmPathName, disks: map[int32]string{}, uuids: map[int32]string{}, thin: map[int32]bool{},
		backings: map[int32]string{}, files: map[string]int64{},
	}
	for _, device := range m.Config.Hardware.Device {
		if d, ok := device.(*types.VirtualDisk); ok {
			backing := d.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
			w.disks[d.Key], w.uuids[d.Key] = backing.FileName, backing.Uuid
			w.thin[d.Key] = *backing.ThinProvisioned
			w.backings[d.Key] = l.nameOf(*backing.Datastore)
		}
	}
	for _, ref := range m.Datastore {
		w.datastores = append(w.datastores, l.nameOf(ref))
	}
	slices.Sort(w.datastores)
	var committed int64
	for _, file := range m.LayoutEx.File {
		w.files[file.Name] = file.Size
		committed += file.Size
	}
	if m.Summary.Config.VmPathName != w.vmx {
		l.Errorf("summary.config.vmPathName is %s, config.files.vmPathName %s", m.Summary.Config.VmPathName, w.vmx)
	}
	if m.Summary.Storage.Committed != committed {
		l.Errorf("summary.storage.committed is %d, the files of layoutEx take %d", m.Summary.Storage.Committed, committed)
	}
	if home := w.vmx[:strings.LastIndex(w.vmx, "/")]; m.Config.Files.LogDirectory != home {
		l.Errorf("logDirectory is %s, the VM's home %s", m.Config.Files.LogDirectory, home)
	}
	for _, d := range m.Layout.Disk {
		if !slices.Contains(d.DiskFile, w.disks[d.Key]) {
			l.Errorf("layout.disk %d is %v, the disk's backing %s", d.Key, d.DiskFile, w.disks[d.Key])
		}
	}
	for _, ref := range m.Datastore {
		var ds mo.Datastore
		l.read(ref, &ds, "vm", "name")
		if !slices.Contains(ds.Vm, vm.Reference()) {
			l.Errorf("datastore %s does not list the VM", ds.Name)
		}
	}
	return w
}

func (l *lab) nameOf(ref types.ManagedObjectReference) string {
	l.Helper()
	var entity mo.ManagedEntity
	l.read(ref, &entity, "name")
	return entity.Name
}

// holds tells whether a datastore lists a VM.
func (l *lab) holds(datastore string, vm *object.VirtualMachine) bool {
	l.Helper()
	var ds mo.Datastore
	l.read(l.datastore(datastore), &ds, "vm")
	return slices.Contains(ds.Vm, vm.Reference())
}

func TestRelocateMovesEverything(t *testing.T) {
	l := start(t, inventory, fast)
	vm := l.vm("vm-1")
	before := l.whereIs(vm)
	oldFree := l.free("old")

	if fault := l.ends(l.relocate(vm, to(l.datastore("new")))); fault != nil {
		t.Fatalf("%#v", fault)
	}

	after := l.whereIs(vm)
	if after.vmx != "[new] vm-1/vm-1.vmx" {
		t.Errorf("vmPathName is %s", after.vmx)
	}
	if want := map[int32]string{2000: "[new] vm-1/vm-1.vmdk", 2001: "[new] vm-1/vm-1_1.vmdk"}; !same(after.disks, want) {
		t.Errorf("disks are %v, want %v", after.disks, want)
	}
	if !same(after.uuids, before.uuids) || !same(after.thin, before.thin) {
		t.Errorf("uuids %v and types %v were %v and %v", after.uuids, after.thin, before.uuids, before.thin)
	}
	if !slices.Equal(after.datastores, []string{"new"}) {
		t.Errorf("datastores are %v", after.datastores)
	}
	if after.files["[new] vm-1/vm-1-flat.vmdk"] != gib || after.files["[new] vm-1/vm-1_1-flat.vmdk"] != 2*gib {
		t.Errorf("layoutEx is %v", after.files)
	}
	for name := range after.files {
		if !strings.HasPrefix(name, "[new] vm-1/") {
			t.Errorf("layoutEx still has %s", name)
		}
	}
	if l.holds("old", vm) {
		t.Error("the old datastore still lists the VM")
	}
	l.wantFree("new", 97*gib)
	l.wantFree("old", oldFree+3*gib)
	if left := l.list("old", "vm-1"); left != nil {
		t.Errorf("left behind: %v", left)
	}
	if there := l.list("new", "vm-1"); !slices.Contains(there, "vm-1-flat.vmdk") || !slices.Contains(there, "vm-1.vmx") {
		t.Errorf("on the new datastore: %v", there)
	}
}

func TestRelocateHonoursLocators(t *testing.T) {
	locator := func(key int32, ds types.ManagedObjectReference) types.VirtualMachineRelocateSpecDiskLocator {
		return types.VirtualMachineRelocateSpecDiskLocator{DiskId: key, Datastore: ds}
	}
	cases := map[string]struct {
		spec  func(*lab) types.VirtualMachineRelocateSpec
		vmx   string
		disks map[int32]string
		on    []string
	}{
		"one disk pinned, the rest follows the home": {
			func(l *lab) types.VirtualMachineRelocateSpec {
				spec := to(l.datastore("new"))
				spec.Disk = []types.VirtualMachineRelocateSpecDiskLocator{locator(2000, l.datastore("old"))}
				return spec
			},
			"[new] vm-1/vm-1.vmx",
			map[int32]string{2000: "[old] vm-1/vm-1.vmdk", 2001: "[new] vm-1/vm-1_1.vmdk"},
			[]string{"new", "old"},
		},
		"one disk elsewhere": {
			func(l *lab) types.VirtualMachineRelocateSpec {
				spec := to(l.datastore("new"))
				spec.Disk = []types.VirtualMachineRelocateSpecDiskLocator{locator(2001, l.datastore("third"))}
				return spec
			},
			"[new] vm-1/vm-1.vmx",
			map[int32]string{2000: "[new] vm-1/vm-1.vmdk", 2001: "[third] vm-1/vm-1_1.vmdk"},
			[]string{"new", "third"},
		},
		"a disk alone, the home stays": {
			func(l *lab) types.VirtualMachineRelocateSpec {
				return types.VirtualMachineRelocateSpec{
					Disk: []types.VirtualMachineRelocateSpecDiskLocator{locator(2001, l.datastore("new"))},
				}
			},
			"[old] vm-1/vm-1.vmx",
			map[int32]string{2000: "[old] vm-1/vm-1.vmdk", 2001: "[new] vm-1/vm-1_1.vmdk"},
			[]string{"new", "old"},
		},
		"the home alone": {
			func(l *lab) types.VirtualMachineRelocateSpec {
				spec := to(l.datastore("new"))
				spec.Disk = []types.VirtualMachineRelocateSpecDiskLocator{
					locator(2000, l.datastore("old")), locator(2001, l.datastore("old")),
				}
				return spec
			},
			"[new] vm-1/vm-1.vmx",
			map[int32]string{2000: "[old] vm-1/vm-1.vmdk", 2001: "[old] vm-1/vm-1_1.vmdk"},
			[]string{"new", "old"},
		},
		"to where it is": {
			func(l *lab) types.VirtualMachineRelocateSpec { return to(l.datastore("old")) },
			"[old] vm-1/vm-1.vmx",
			map[int32]string{2000: "[old] vm-1/vm-1.vmdk", 2001: "[old] vm-1/vm-1_1.vmdk"},
			[]string{"old"},
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			l := start(t, inventory, fast)
			vm := l.vm("vm-1")
			if fault := l.ends(l.relocate(vm, c.spec(l))); fault != nil {
				t.Fatalf("%#v", fault)
			}
			after := l.whereIs(vm)
			if after.vmx != c.vmx || !same(after.disks, c.disks) || !slices.Equal(after.datastores, c.on) {
				t.Errorf("home %s, disks %v on %v; want %s, %v on %v", after.vmx, after.disks, after.datastores, c.vmx, c.disks, c.on)
			}
		})
	}
}

func TestRelocateThereAndBack(t *testing.T) {
	l := start(t, inventory, fast)
	vm := l.vm("vm-1")
	before, free := l.whereIs(vm), l.free("old")
	for _, name := range []string{"new", "third", "old"} {
		if fault := l.ends(l.relocate(vm, to(l.datastore(name)))); fault != nil {
			t.Fatalf("to %s: %#v", name, fault)
		}
	}
	after := l.whereIs(vm)
	if after.vmx != before.vmx || !same(after.disks, before.disks) || !same(after.files, before.files) {
		t.Errorf("%+v\nwas %+v", after, before)
	}
	if l.free("old") != free {
		t.Errorf("old has %d bytes free, had %d", l.free("old"), free)
	}
	l.wantFree("new", 100*gib)
}

func TestRelocateConvertsDisks(t *testing.T) {
	l := start(t, inventory, fast)
	vm := l.vm("vm-1")
	spec := to(l.datastore("new"))
	for key, thin := range map[int32]bool{2000: false, 2001: true} {
		spec.Disk = append(spec.Disk, types.VirtualMachineRelocateSpecDiskLocator{
			DiskId: key, Datastore: l.datastore("new"),
			DiskBackingInfo: &types.VirtualDiskFlatVer2BackingInfo{ThinProvisioned: types.NewBool(thin)},
		})
	}
	if fault := l.ends(l.relocate(vm, spec)); fault != nil {
		t.Fatalf("%#v", fault)
	}
	after := l.whereIs(vm)
	if after.thin[2000] || !after.thin[2001] {
		t.Errorf("thin: %v", after.thin)
	}
	l.wantFree("new", 95*gib) // 4 GiB thick now, 2 GiB thin now of which half is written
}

func TestRelocateAvoidsStrangersFolders(t *testing.T) {
	l := start(t, inventory, fast)
	files := object.NewFileManager(l.client.Client)
	l.must(files.MakeDirectory(t.Context(), "[new] vm-1", l.dc, false))
	vm := l.vm("vm-1")
	if fault := l.ends(l.relocate(vm, to(l.datastore("new")))); fault != nil {
		t.Fatalf("%#v", fault)
	}
	if after := l.whereIs(vm); after.vmx != "[new] vm-1_1/vm-1.vmx" || after.disks[2000] != "[new] vm-1_1/vm-1.vmdk" {
		t.Errorf("home %s, disks %v", after.vmx, after.disks)
	}
}

func same[K comparable, V comparable](a, b map[K]V) bool {
	if len(a) != len(b) {
		return false
	}
	for key, value := range a {
		if b[key] != value {
			return false
		}
	}
	return true
}
