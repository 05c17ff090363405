package vcenter_test

import (
	"testing"

	"github.com/vmware/govmomi/object"
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
	l := start(t, inventory, fast)
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
