package vcenter_test

import (
	"testing"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/find"

	"vrelocate/simulator/internal/faultplan"
	inventories "vrelocate/simulator/internal/inventory"
	"vrelocate/simulator/internal/limits"
	"vrelocate/simulator/internal/scenario"
	"vrelocate/simulator/internal/server"
	"vrelocate/simulator/internal/vcenter"
)

// wantCounted checks that a datastore's account says of it what its files do.
func (l *lab) wantCounted(datastores ...string) {
	l.Helper()
	for _, name := range datastores {
		account := l.free(name)
		l.refresh(name)
		if files := l.free(name); account != files {
			l.Errorf("%s: %d bytes are free by its account, %d by its files", name, account, files)
		}
	}
}

// looking sees what datastores hold now, and gives what puts that into their accounts.
func (l *lab) looking(vc *vcenter.VCenter, datastores ...string) (take func()) {
	l.Helper()
	var takes []func()
	for _, name := range datastores {
		one, err := vc.LookAt(l.datastore(name))
		l.must(err)
		takes = append(takes, one)
	}
	return func() {
		for _, one := range takes {
			one()
		}
	}
}

// opened makes a lab of which the vCenter itself is at hand.
func opened(t *testing.T) (*lab, *vcenter.VCenter) {
	t.Helper()
	beside(t)
	described, err := scenario.Parse([]byte(inventory))
	if err != nil {
		t.Fatal(err)
	}
	vc, served := serve(t, described)
	client, err := govmomi.NewClient(t.Context(), served.URL(), true)
	if err != nil {
		t.Fatal(err)
	}
	l := &lab{T: t, client: client, find: find.NewFinder(client.Client)}
	l.dc, err = l.find.DefaultDatacenter(t.Context())
	l.must(err)
	l.find.SetDatacenter(l.dc)
	return l, vc
}

func serve(t *testing.T, described *scenario.Scenario) (*vcenter.VCenter, *server.Server) {
	t.Helper()
	making.Lock()
	defer making.Unlock()
	model := inventories.EmptyModel()
	t.Cleanup(model.Remove)
	if err := model.Create(); err != nil {
		t.Fatal(err)
	}
	if _, err := inventories.Build(t.Context(), model, described); err != nil {
		t.Fatal(err)
	}
	vc, err := vcenter.TakeOver(model, vcenter.Options{
		Speed: fast, Faults: new(faultplan.Plan), Tasks: vcenter.DefaultTasks, Limits: limits.Default,
	})
	if err != nil {
		t.Fatal(err)
	}
	served, err := server.Start(model, server.Options{Listen: "127.0.0.1:0", Username: "user", Password: "pass"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(served.Stop)
	return vc, served
}

func TestFilesMoveWhileTheirDatastoreIsRefreshed(t *testing.T) {
	const old, fresh, vm = "old", "new", "vm-1"
	const disk = "[old] loose/thin.vmdk"
	cases := []struct {
		name   string
		change func(l *lab)
	}{
		{"a VM is relocated", func(l *lab) { l.moves(l.vm(vm), to(l.datastore(fresh))) }},
		{"a VM comes and goes", func(l *lab) {
			l.moves(l.vm(vm), to(l.datastore(fresh)))
			l.moves(l.vm(vm), to(l.datastore(old)))
		}},
		{"a VM is cloned", func(l *lab) { l.clone(l.vm(vm), "clone", l.cloneTo(fresh)) }},
		{"a disk is moved", func(l *lab) { l.ended(l.moveDisk(disk, "[new] disk.vmdk", false), nil) }},
		{"a disk is made", func(l *lab) { l.ended(l.makeDisk("[new] thick.vmdk", "preallocated"), nil) }},
		{"a disk is inflated", func(l *lab) { l.ended(l.disks().InflateVirtualDisk(l.Context(), disk, l.dc)) }},
		{"a folder is moved", func(l *lab) {
			l.done(l.files().MoveDatastoreFile(l.Context(), "[old] loose", l.dc, "[new] tight", l.dc, false))
		}},
		{"a folder is deleted", func(l *lab) { l.done(l.files().DeleteDatastoreFile(l.Context(), "[old] loose", l.dc)) }},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			l, vc := opened(t)
			take := l.looking(vc, old, fresh)
			before := l.free(old) + l.free(fresh)*2
			c.change(l)
			if c.name != "a VM comes and goes" && l.free(old)+l.free(fresh)*2 == before {
				t.Error("nothing changed")
			}
			take()
			l.wantCounted(old, fresh)
		})
	}
}

// TestSpaceIsKeptWhileItsDatastoreIsRefreshed: what a task has taken and not yet written is not free.
func TestSpaceIsKeptWhileItsDatastoreIsRefreshed(t *testing.T) {
	l := start(t, inventory, stuck)
	before := l.free("old")
	task, err := l.disks().InflateVirtualDisk(t.Context(), "[old] loose/thin.vmdk", l.dc)
	l.must(err)
	l.eventually("its space is taken, all at once", func() bool { return l.free("old") == before-3*gib })
	l.refresh("old")
	if free := l.free("old"); free != before-3*gib {
		t.Errorf("%d bytes are free again", free-before+3*gib)
	}
	l.must(task.Cancel(t.Context()))
	l.ends(task)
	if free := l.free("old"); free != before {
		t.Errorf("%d bytes are free, want %d", free, before)
	}
	l.wantCounted("old")
}
