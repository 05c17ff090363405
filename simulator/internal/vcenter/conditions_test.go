package vcenter_test

import (
	"strings"
	"testing"
	"time"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

func (l *lab) currentTime() (*time.Time, error) { return methods.GetCurrentTime(l.Context(), l.client) }

// copies waits until bytes arrive on a datastore: a task that runs may still be at its checks.
func (l *lab) copies(to string) {
	l.Helper()
	l.eventually("the copy", func() bool {
		traffic := l.ledger().Datastores[to]
		return traffic != nil && traffic.WrittenBytes > 0
	})
}

func TestDatastoreIsLostInMidCopy(t *testing.T) {
	l := start(t, inventory, stuck)
	vm := l.vm("vm-1")
	before := l.whereIs(vm)
	task := l.relocate(vm, to(l.datastore("new")))
	l.copies("new")
	l.admin("POST", "/datastores/dc1/new", `{"accessible": false}`)
	lost := wantFault[*types.InaccessibleDatastore](t, l.ends(task))
	if lost.Name != "new" {
		t.Errorf("%+v", lost)
	}
	var ds mo.Datastore
	l.read(l.datastore("new"), &ds, "summary")
	if ds.Summary.Accessible {
		t.Error("it is accessible")
	}
	l.admin("POST", "/datastores/new", `{"accessible": true}`)
	if now := l.whereIs(vm); now.vmx != before.vmx {
		t.Errorf("home is %s", now.vmx)
	}
	l.until(l.relocate(vm, to(l.datastore("new"))), isRunning)
}

func TestDatastoreFillsUpInMidCopy(t *testing.T) {
	l := start(t, inventory, 1e-2)
	task := l.relocate(l.vm("vm-1"), to(l.datastore("new")))
	l.copies("new")
	l.admin("POST", "/datastores/new", `{"used_elsewhere": "100GiB"}`)
	wantFault[*types.NoDiskSpace](t, l.ends(task))
	l.admin("POST", "/datastores/new", `{"used_elsewhere": 0, "capacity": "1TiB"}`)
	l.wantFree("new", 1<<40)
}

func TestDatastoreStandsStill(t *testing.T) {
	l := start(t, inventory, fast)
	l.admin("POST", "/datastores/new", `{"stalled": true}`)
	task := l.relocate(l.vm("vm-1"), to(l.datastore("new")))
	l.until(task, isRunning)
	l.admin("POST", "/datastores/new", `{"rate": "500MB/s"}`)
	if fault := l.ends(task); fault != nil {
		t.Errorf("%#v", fault)
	}
}

func TestHostGoesAwayInMidCopy(t *testing.T) {
	l := start(t, inventory, stuck)
	vm := l.vm("vm-1")
	host, err := vm.HostSystem(t.Context())
	l.must(err)
	name, err := host.ObjectName(t.Context())
	l.must(err)
	task := l.relocate(vm, to(l.datastore("new")))
	l.copies("new")
	l.admin("POST", "/hosts/"+name, `{"connection": "disconnected"}`)
	wantFault[*types.HostCommunication](t, l.ends(task))
	l.admin("POST", "/hosts/"+name, `{"connection": "connected"}`)
	l.until(l.relocate(vm, to(l.datastore("new"))), isRunning)
}

func TestAdminSaysWhatIsWrong(t *testing.T) {
	l := start(t, inventory, fast)
	cases := []struct {
		path, body string
		status     int
		says       string
	}{
		{"/faults", ``, 400, "there is no fault in it"},
		{"/faults", `{"method": "RelocateVM_Task", "fault": "Nonsense"}`, 400, `no fault \"Nonsense\"`},
		{"/faults", `{"metod": "RelocateVM_Task"}`, 400, `unknown field \"metod\"`},
		{"/restart", `{"down": "soon"}`, 400, "is not an amount of time"},
		{"/restart", `{"tasks": "burn"}`, 400, "write keep or forget"},
		{"/restart", `{"running": "walk"}`, 400, "write fail or continue"},
		{"/restart", `{"as": "gone"}`, 400, "write refused or unavailable"},
		{"/stop", `{"down": "1s"}`, 400, "POST /vrelocate/restart"},
		{"/sessions", `{"max": -1}`, 400, "0 for any number"},
		{"/clock", `{"offset": "much"}`, 400, "is not an offset of a clock"},
		{"/hosts/a1", `{"connection": "loose"}`, 400, "write one of"},
		{"/hosts/zz", `{"connection": "connected"}`, 404, `no HostSystem \"zz\"`},
		{"/datastores/old", `{}`, 400, "nothing is to change"},
		{"/datastores/old", `{"rate": "5MB"}`, 400, "write 200MB/s"},
		{"/datastores/zz", `{"accessible": true}`, 404, `no Datastore \"zz\"`},
	}
	for _, c := range cases {
		status, said := l.askAdmin("POST", c.path, c.body)
		if status != c.status || !strings.Contains(said, c.says) {
			t.Errorf("%s %s: %d %s", c.path, c.body, status, said)
		}
	}
}
