package vcenter_test

import (
	"strings"
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

func (l *lab) files() *object.FileManager { return object.NewFileManager(l.client.Client) }

// done waits for a task that should succeed.
func (l *lab) done(task *object.Task, err error) {
	l.Helper()
	l.must(err)
	if fault := l.ends(task); fault != nil {
		l.Fatalf("%#v", fault)
	}
}

func TestFilesMoveWithTheirSpace(t *testing.T) {
	l := start(t, inventory, fast)
	free := l.free("old")
	ctx := t.Context()

	l.done(l.files().CopyDatastoreFile(ctx, "[old] loose", l.dc, "[new] copied", l.dc, false))
	l.wantFree("new", 97*gib)
	l.wantFree("old", free)
	if there := l.list("new", "copied"); len(there) != 4 {
		t.Errorf("copied: %v", there)
	}

	l.done(l.files().MoveDatastoreFile(ctx, "[new] copied", l.dc, "[third] moved", l.dc, false))
	l.wantFree("new", 100*gib)
	l.wantFree("third", 97*gib)

	// A disk as two files: what it takes goes with its descriptor.
	for _, name := range []string{"thick-flat.vmdk", "thick.vmdk"} {
		l.done(l.files().MoveDatastoreFile(ctx, "[third] moved/"+name, l.dc, "[new] "+name, l.dc, false))
	}
	l.wantFree("new", 98*gib)
	l.wantFree("third", 99*gib)

	l.done(l.files().DeleteDatastoreFile(ctx, "[third] moved", l.dc))
	l.wantFree("third", 100*gib)
}

func TestFilesRefuse(t *testing.T) {
	l := start(t, strings.Replace(inventory, "    vms:\n", "      - {name: tiny, capacity: 1GiB, hosts: [a]}\n    vms:\n", 1), fast)
	ctx := t.Context()
	cases := map[string]struct {
		do    func() (*object.Task, error)
		check func(*testing.T, types.BaseMethodFault)
	}{
		"to delete what is not there": {
			func() (*object.Task, error) { return l.files().DeleteDatastoreFile(ctx, "[old] none", l.dc) },
			func(t *testing.T, f types.BaseMethodFault) { wantFault[*types.FileNotFound](t, f) },
		},
		"to delete the datastore": {
			func() (*object.Task, error) { return l.files().DeleteDatastoreFile(ctx, "[old] ..", l.dc) },
			func(t *testing.T, f types.BaseMethodFault) { wantFault[*types.CannotDeleteFile](t, f) },
		},
		"to delete a running VM's folder": {
			func() (*object.Task, error) { return l.files().DeleteDatastoreFile(ctx, "[old] running", l.dc) },
			func(t *testing.T, f types.BaseMethodFault) { wantFault[*types.FileLocked](t, f) },
		},
		"to copy a running VM's disk": {
			func() (*object.Task, error) {
				return l.files().CopyDatastoreFile(ctx, "[old] running/running-flat.vmdk", l.dc, "[new] x", l.dc, false)
			},
			func(t *testing.T, f types.BaseMethodFault) { wantFault[*types.FileLocked](t, f) },
		},
		"to move a folder into itself": {
			func() (*object.Task, error) {
				return l.files().MoveDatastoreFile(ctx, "[old] loose", l.dc, "[old] loose/inside", l.dc, false)
			},
			func(t *testing.T, f types.BaseMethodFault) { wantFault[*types.InvalidArgument](t, f) },
		},
		"to copy what does not fit": {
			func() (*object.Task, error) {
				return l.files().CopyDatastoreFile(ctx, "[old] vm-1", l.dc, "[tiny] vm-1", l.dc, false)
			},
			func(t *testing.T, f types.BaseMethodFault) {
				if full := wantFault[*types.NoDiskSpace](t, f); full.Datastore != "tiny" {
					t.Errorf("%+v", full)
				}
			},
		},
		"to overwrite": {
			func() (*object.Task, error) {
				return l.files().CopyDatastoreFile(ctx, "[old] loose/thin.vmdk", l.dc, "[old] loose/thick.vmdk", l.dc, false)
			},
			func(t *testing.T, f types.BaseMethodFault) { wantFault[*types.FileAlreadyExists](t, f) },
		},
		"to move to a folder that is not there": {
			func() (*object.Task, error) {
				return l.files().MoveDatastoreFile(ctx, "[old] loose/thin.vmdk", l.dc, "[old] none/thin.vmdk", l.dc, false)
			},
			func(t *testing.T, f types.BaseMethodFault) { wantFault[*types.FileNotFound](t, f) },
		},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			task, err := c.do()
			l.must(err)
			c.check(t, l.ends(task))
		})
	}

	wantFault[*types.FileAlreadyExists](t, callFault(t, l.files().MakeDirectory(ctx, "[old] loose", l.dc, false)))
	wantFault[*types.FileNotFound](t, callFault(t, l.files().MakeDirectory(ctx, "[old] a/b/c", l.dc, false)))
	l.must(l.files().MakeDirectory(ctx, "[old] a/b/c", l.dc, true))
}

func TestFilesTakeTheirTimeAndAreCancelled(t *testing.T) {
	l := start(t, inventory, stuck)
	ctx := t.Context()
	old, fresh := l.free("old"), l.free("new")
	copying, err := l.files().CopyDatastoreFile(ctx, "[old] loose", l.dc, "[new] copied", l.dc, false)
	l.must(err)
	info := l.until(copying, isRunning)
	if *info.Entity != l.datastore("old") || !info.Cancelable {
		t.Errorf("%+v", info)
	}
	// What a task has is locked, for files and for a VM that would be given the disk.
	_, err = l.files().MoveDatastoreFile(ctx, "[old] loose", l.dc, "[third] moved", l.dc, false)
	wantFault[*types.FileLocked](t, callFault(t, err))
	deleting, err := l.files().DeleteDatastoreFile(ctx, "[old] loose/thin.vmdk", l.dc)
	l.must(err)
	wantFault[*types.FileLocked](t, l.ends(deleting))

	l.must(copying.Cancel(ctx))
	wantFault[*types.RequestCanceled](t, l.ends(copying))
	if l.free("old") != old || l.free("new") != fresh || l.list("new", "copied") != nil {
		t.Errorf("%d and %d free, had %d and %d; on the target %v", l.free("old"), l.free("new"), old, fresh, l.list("new", "copied"))
	}
	l.done(l.files().MoveDatastoreFile(ctx, "[old] loose", l.dc, "[old] renamed", l.dc, false)) // at once, however slow
	if l.free("old") != old || len(l.list("old", "renamed")) != 4 {
		t.Errorf("%d free, had %d: %v", l.free("old"), old, l.list("old", "renamed"))
	}
}

func TestFilesOfABusyVMAreLocked(t *testing.T) {
	l := start(t, inventory, stuck)
	relocation := l.relocate(l.vm("vm-1"), to(l.datastore("new")))
	l.until(relocation, isRunning)
	for _, name := range []string{"[old] vm-1", "[old] vm-1/vm-1.vmx", "[old] vm-1/vm-1_1-flat.vmdk"} {
		deleting, err := l.files().DeleteDatastoreFile(t.Context(), name, l.dc)
		l.must(err)
		wantFault[*types.FileLocked](t, l.ends(deleting))
	}
	l.must(relocation.Cancel(t.Context()))
	l.ends(relocation)

	// Of a VM that is off nothing is locked.
	l.done(l.files().DeleteDatastoreFile(t.Context(), "[old] vm-1", l.dc))
	if l.list("old", "vm-1") != nil {
		t.Error("the folder is still there")
	}
}

func TestFilesAreNamedByURL(t *testing.T) {
	l := start(t, inventory, fast)
	address := l.address("old", "loose/thin.vmdk").String()
	task, err := methods.MoveDatastoreFile_Task(t.Context(), l.client, &types.MoveDatastoreFile_Task{
		This: *l.client.ServiceContent.FileManager, SourceName: address, DestinationName: l.address("old", "thin.vmdk").String()})
	l.must(err)
	l.done(object.NewTask(l.client.Client, task.Returnval), nil)
	if len(l.list("old", "loose")) != 3 {
		t.Errorf("%v", l.list("old", "loose"))
	}
}
