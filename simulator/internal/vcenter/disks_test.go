package vcenter_test

import (
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"
)

func (l *lab) disks() *object.VirtualDiskManager {
	return object.NewVirtualDiskManager(l.client.Client)
}

// folder makes a folder on a datastore.
func (l *lab) folder(name string) {
	l.Helper()
	l.must(object.NewFileManager(l.client.Client).MakeDirectory(l.Context(), name, l.dc, true))
}

func (l *lab) moveDisk(from, to string, force bool) *object.Task {
	l.Helper()
	task, err := l.disks().MoveVirtualDisk(l.Context(), from, l.dc, to, l.dc, force)
	l.must(err)
	return task
}

func (l *lab) uuid(name string) string {
	l.Helper()
	uuid, err := l.disks().QueryVirtualDiskUuid(l.Context(), name, l.dc)
	l.must(err)
	return uuid
}

func TestMoveDiskKeepsWhatItIs(t *testing.T) {
	for name, takes := range map[string]int64{"thin": gib, "thick": 2 * gib} {
		t.Run(name, func(t *testing.T) {
			l := start(t, inventory, fast)
			from, to := "[old] loose/"+name+".vmdk", "[new] moved/"+name+".vmdk"
			l.folder("[new] moved")
			uuid, free := l.uuid(from), l.free("old")

			if fault := l.ends(l.moveDisk(from, to, false)); fault != nil {
				t.Fatalf("%#v", fault)
			}
			if l.uuid(to) != uuid {
				t.Errorf("uuid is %s, was %s", l.uuid(to), uuid)
			}
			l.wantFree("new", 100*gib-takes)
			l.wantFree("old", free+takes)
			if _, err := l.disks().QueryVirtualDiskUuid(t.Context(), from, l.dc); err == nil {
				t.Error("the source is still there")
			}
			if there := l.list("new", "moved"); len(there) != 2 {
				t.Errorf("on the target: %v", there)
			}
		})
	}
}

func TestMoveDiskWithinDatastoreIsARename(t *testing.T) {
	l := start(t, inventory, stuck) // a copy would never end
	free := l.free("old")
	if fault := l.ends(l.moveDisk("[old] loose/thick.vmdk", "[old] loose/renamed.vmdk", false)); fault != nil {
		t.Fatalf("%#v", fault)
	}
	if fault := l.ends(l.moveDisk("[old] loose/renamed.vmdk", "[old] loose/renamed.vmdk", false)); fault != nil {
		t.Fatalf("to where it is: %#v", fault)
	}
	if l.free("old") != free {
		t.Errorf("%d bytes free, had %d", l.free("old"), free)
	}
}

func TestMoveDiskRefuses(t *testing.T) {
	l := start(t, inventory, fast)
	l.folder("[new] there")
	copied, err := l.disks().CopyVirtualDisk(t.Context(), "[old] loose/thin.vmdk", l.dc, "[new] there/taken.vmdk", l.dc, nil, false)
	l.must(err)
	if fault := l.ends(copied); fault != nil {
		t.Fatalf("%#v", fault)
	}
	cases := map[string]struct {
		from, to string
		check    func(*testing.T, types.BaseMethodFault)
	}{
		"a source that is not there": {"[old] loose/none.vmdk", "[new] there/none.vmdk",
			func(t *testing.T, f types.BaseMethodFault) { wantFault[*types.FileNotFound](t, f) }},
		"a folder that is not there": {"[old] loose/thin.vmdk", "[new] nowhere/thin.vmdk",
			func(t *testing.T, f types.BaseMethodFault) { wantFault[*types.FileNotFound](t, f) }},
		"a name that is taken": {"[old] loose/thin.vmdk", "[new] there/taken.vmdk",
			func(t *testing.T, f types.BaseMethodFault) { wantFault[*types.FileAlreadyExists](t, f) }},
		"a datastore that is too small": {"[old] vm-1/vm-1_1.vmdk", "[small] x.vmdk",
			func(t *testing.T, f types.BaseMethodFault) {
				if full := wantFault[*types.NoDiskSpace](t, f); full.Datastore != "small" {
					t.Errorf("datastore %q", full.Datastore)
				}
			}},
		"a disk of a running VM": {"[old] running/running.vmdk", "[new] there/running.vmdk",
			func(t *testing.T, f types.BaseMethodFault) { wantFault[*types.FileLocked](t, f) }},
	}
	// Leaves 1 GiB on the small datastore.
	if fault := l.ends(l.moveDisk("[old] loose/thick.vmdk", "[small] thick.vmdk", false)); fault != nil {
		t.Fatalf("%#v", fault)
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) { c.check(t, l.ends(l.moveDisk(c.from, c.to, false))) })
	}

	t.Run("force overwrites", func(t *testing.T) {
		uuid := l.uuid("[old] loose/thin.vmdk")
		if fault := l.ends(l.moveDisk("[old] loose/thin.vmdk", "[new] there/taken.vmdk", true)); fault != nil {
			t.Fatalf("%#v", fault)
		}
		if l.uuid("[new] there/taken.vmdk") != uuid {
			t.Error("not the moved disk")
		}
		l.wantFree("new", 99*gib)
	})
	calls := map[string]struct {
		from  string
		check func(*testing.T, types.BaseMethodFault)
	}{
		"a path that is none": {"loose/thin.vmdk",
			func(t *testing.T, f types.BaseMethodFault) { wantFault[*types.InvalidDatastorePath](t, f) }},
		"a datastore that is not there": {"[nowhere] thin.vmdk",
			func(t *testing.T, f types.BaseMethodFault) { wantFault[*types.InvalidDatastore](t, f) }},
		"a file that is no disk": {"[old] vm-1/vm-1.vmx",
			func(t *testing.T, f types.BaseMethodFault) { wantFault[*types.InvalidArgument](t, f) }},
	}
	for name, c := range calls {
		t.Run(name, func(t *testing.T) {
			_, err := l.disks().MoveVirtualDisk(t.Context(), c.from, l.dc, "[new] there/x.vmdk", l.dc, false)
			c.check(t, callFault(t, err))
		})
	}
}

func TestMoveDiskIsCancelled(t *testing.T) {
	l := start(t, inventory, stuck)
	l.folder("[new] moved")
	old, fresh := l.free("old"), l.free("new")
	task := l.moveDisk("[old] loose/thick.vmdk", "[new] moved/thick.vmdk", false)
	info := l.until(task, func(info types.TaskInfo) bool { return isRunning(info) && info.Progress == 0 })
	if *info.Entity != l.datastore("old") { // a ManagedEntity, which pyVmomi needs
		t.Errorf("entity is %s", info.Entity)
	}
	second := l.moveDisk("[old] loose/thick.vmdk", "[new] moved/other.vmdk", false)
	if locked := wantFault[*types.FileLocked](t, l.ends(second)); locked.File != "[old] loose/thick.vmdk" {
		t.Errorf("locked is %q", locked.File)
	}

	l.must(task.Cancel(t.Context()))
	wantFault[*types.RequestCanceled](t, l.ends(task))
	if l.free("old") != old || l.free("new") != fresh {
		t.Errorf("free %d and %d, had %d and %d", l.free("old"), l.free("new"), old, fresh)
	}
	if left := l.list("new", "moved"); len(left) != 0 {
		t.Errorf("left on the target: %v", left)
	}
	l.uuid("[old] loose/thick.vmdk")
}

func TestThickCopyTakesItsSpaceAtOnce(t *testing.T) {
	l := start(t, inventory, stuck)
	l.folder("[new] moved")
	task := l.moveDisk("[old] loose/thick.vmdk", "[new] moved/thick.vmdk", false)
	l.until(task, func(info types.TaskInfo) bool { return isRunning(info) && l.free("new") < 99*gib })
	l.wantFree("new", 98*gib)
	l.must(task.Cancel(t.Context()))
	l.ends(task)
}

func TestCopyDisk(t *testing.T) {
	thin := &types.VirtualDiskSpec{DiskType: "thin", AdapterType: "lsiLogic"}
	cases := map[string]struct {
		spec    types.BaseVirtualDiskSpec
		takes   int64
		adapter string
	}{
		"without a spec it is preallocated": {nil, 4 * gib, "buslogic"},
		"thin":                              {thin, gib, "lsilogic"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			l := start(t, "copy_dest_spec: true\n"+inventory, fast)
			free := l.free("old")
			task, err := l.disks().CopyVirtualDisk(t.Context(), "[old] loose/thin.vmdk", l.dc, "[new] copy.vmdk", l.dc, c.spec, false)
			l.must(err)
			if fault := l.ends(task); fault != nil {
				t.Fatalf("%#v", fault)
			}
			if l.uuid("[new] copy.vmdk") == l.uuid("[old] loose/thin.vmdk") {
				t.Error("the copy has the original's uuid")
			}
			l.wantFree("new", 100*gib-c.takes)
			if l.free("old") != free {
				t.Error("the original's space changed")
			}
			if got := l.descriptor("new", "copy.vmdk").DDB["adapterType"]; got != c.adapter {
				t.Errorf("adapter is %q, want %q", got, c.adapter)
			}
		})
	}
	t.Run("a vCenter implements no spec", func(t *testing.T) {
		l := start(t, inventory, fast)
		_, err := l.disks().CopyVirtualDisk(t.Context(), "[old] loose/thin.vmdk", l.dc, "[new] copy.vmdk", l.dc, thin, false)
		wantFault[*types.NotImplemented](t, callFault(t, err))
	})
	t.Run("force is ignored", func(t *testing.T) {
		l := start(t, inventory, fast)
		task, err := l.disks().CopyVirtualDisk(t.Context(), "[old] loose/thin.vmdk", l.dc, "[old] loose/thick.vmdk", l.dc, nil, true)
		l.must(err)
		wantFault[*types.FileAlreadyExists](t, l.ends(task))
	})
}
