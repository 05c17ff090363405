package vcenter_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/limits"
)

// oneHost is a vCenter whose VMs are all on a host of their cluster, n on each.
func oneHost(n int, more string) string {
	return fmt.Sprintf(`
datacenters:
  - name: dc1
    clusters: [{name: a, hosts: [a1, a2]}]
    datastores:
      - {name: old, capacity: 4TiB, hosts: [a]}
      - {name: new, capacity: 4TiB, hosts: [a]}
    vms:
      - {name: "x-{01..%02d}", cluster: a, host: a1, datastore: old, disks: [{size: 2GiB, used: 1GiB}]}
      - {name: "y-{01..%02d}", cluster: a, host: a2, datastore: old, disks: [{size: 2GiB, used: 1GiB}]}
      - {name: "on-{01..%02d}", cluster: a, host: a1, datastore: old, running: true, disks: [{size: 2GiB, used: 1GiB}]}
    disks: [{path: "[old] loose/disk-{01..20}.vmdk", size: 1GiB}]
%s`, n, n, n, more)
}

// relocateAll starts relocations of VMs of a pattern such as x-%02d, in their order.
func (l *lab) relocateAll(pattern string, count int) []*object.Task {
	l.Helper()
	target := l.datastore("new")
	var tasks []*object.Task
	for n := range count {
		tasks = append(tasks, l.relocate(l.vm(fmt.Sprintf(pattern, n+1)), to(target)))
	}
	return tasks
}

// wantStates waits until the first of some tasks run, and checks that the rest is queued.
func (l *lab) wantStates(tasks []*object.Task, running int) {
	l.Helper()
	for _, task := range tasks[:running] {
		l.until(task, isRunning)
	}
	for n, task := range tasks[running:] {
		if info := l.infoOf(task); info.State != types.TaskInfoStateQueued || info.StartTime != nil || info.QueueTime.IsZero() {
			l.Errorf("task %d: %+v", running+n+1, info)
		}
	}
}

// limits reads the admin port.
func (l *lab) limits() limits.Page {
	l.Helper()
	res, err := http.Get(l.sim.Ready().Admin + "/vrelocate/limits")
	l.must(err)
	defer func() { _ = res.Body.Close() }()
	var page limits.Page
	l.must(json.NewDecoder(res.Body).Decode(&page))
	return page
}

func TestColdRelocationsWaitForTheirHost(t *testing.T) {
	l := start(t, oneHost(10, ""), stuck)
	x := l.relocateAll("x-%02d", 10)
	y := l.relocateAll("y-%02d", 2)
	l.wantStates(x, 8)
	l.wantStates(y, 2) // another host
	if got, want := l.limits().Hosts["a1"], (limits.State{Capacity: 16, Used: 16, MostUsed: 16, Running: 8, MostRunning: 8, Waiting: 2}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	page := l.ledger()
	if page.Running != 12 || page.Working != 10 || page.Operations["RelocateVM_Task"]["x-09"].Queued != 1 ||
		page.Operations["RelocateVM_Task"]["x-08"].Queued != 0 {
		t.Errorf("ledger: %+v", page)
	}

	// Who has waited longest is next.
	l.must(x[3].Cancel(t.Context()))
	l.until(x[8], isRunning)
	if state := l.infoOf(x[9]).State; state != types.TaskInfoStateQueued {
		t.Errorf("the tenth is %s", state)
	}
}

func TestQueuedTaskIsCancelledAtOnce(t *testing.T) {
	l := start(t, oneHost(10, "tasks: {cancel_latency: 1h}"), stuck)
	tasks := l.relocateAll("x-%02d", 10)
	wantFault[*types.TaskInProgress](t, callFault(t, func() error { // the VM is busy though nothing is done yet
		_, err := l.vm("x-09").PowerOn(t.Context())
		return err
	}()))
	l.must(tasks[8].Cancel(t.Context()))
	wantFault[*types.RequestCanceled](t, l.ends(tasks[8]))
	info := l.infoOf(tasks[8])
	if info.StartTime != nil || info.CompleteTime == nil || !info.Cancelled || info.Progress != 0 {
		t.Errorf("%+v", info)
	}
	if there := l.list("new", "x-09"); there != nil {
		t.Errorf("on the target: %v", there)
	}
	if waiting := l.limits().Hosts["a1"].Waiting; waiting != 1 {
		t.Errorf("%d wait", waiting)
	}
	page := l.ledger()
	if counts := page.Operations["RelocateVM_Task"]["x-09"]; counts.Started != 1 || counts.Cancelled != 1 || page.Running != 9 {
		t.Errorf("ledger: %+v, %d running", counts, page.Running)
	}
	on, err := l.vm("x-09").PowerOn(t.Context()) // it is free again
	l.must(err)
	if fault := l.ends(on); fault != nil {
		t.Errorf("%#v", fault)
	}
}

// A running VM's files cost a host four times as much, and the datastores too.
func TestStorageVMotionsOfAHost(t *testing.T) {
	l := start(t, oneHost(4, ""), stuck)
	tasks := l.relocateAll("on-%02d", 3)
	l.wantStates(tasks, 2)
	if host := l.limits().Hosts["a1"]; host.Used != 16 || host.Running != 2 || host.Waiting != 1 {
		t.Errorf("host: %+v", host)
	}
	for _, name := range []string{"old", "new"} {
		if ds := l.limits().Datastores[name]; ds.Used != 32 || ds.Capacity != 128 {
			t.Errorf("%s: %+v", name, ds)
		}
	}
	cold := l.relocateAll("x-%02d", 1) // on the same host
	l.wantStates(cold, 0)
}

func TestLimitsAreSettable(t *testing.T) {
	l := start(t, oneHost(12, "limits: {host: unlimited, tasks: 5}"), stuck)
	tasks := l.relocateAll("x-%02d", 7)
	l.wantStates(tasks, 5)
	if page := l.limits(); page.Tasks.Running != 5 || page.Tasks.Waiting != 2 || len(page.Hosts) != 0 {
		t.Errorf("%+v", page)
	}

	l = start(t, oneHost(12, "limits: {host: 0, tasks: 0, datastore: 0}"), stuck)
	l.wantStates(l.relocateAll("x-%02d", 12), 12)
}

func TestDisksMovesCostAHostThatMountsBoth(t *testing.T) {
	l := start(t, oneHost(1, ""), stuck)
	l.folder("[new] moved")
	var tasks []*object.Task
	for n := range 17 { // two hosts of eight each
		name := fmt.Sprintf("disk-%02d.vmdk", n+1)
		tasks = append(tasks, l.moveDisk("[old] loose/"+name, "[new] moved/"+name, false))
	}
	l.wantStates(tasks, 16)
}

// A clone on one host costs it twice, as a source and as a target; one on another host costs each once.
func TestClonesOfAHost(t *testing.T) {
	l := start(t, oneHost(6, ""), stuck)
	folder, pool := l.folders().VmFolder, l.pool()
	var tasks []*object.Task
	for n := range 5 {
		name := fmt.Sprintf("x-%02d", n+1)
		task, err := l.vm(name).Clone(t.Context(), folder, "copy of "+name, types.VirtualMachineCloneSpec{
			Location: types.VirtualMachineRelocateSpec{Pool: &pool},
		})
		l.must(err)
		tasks = append(tasks, task)
	}
	l.wantStates(tasks, 4)
	if host := l.limits().Hosts["a1"]; host.Used != 16 || host.Running != 4 {
		t.Errorf("%+v", host)
	}
}

// What was queued runs in the end, and never more at a time than there is room for.
func TestAllRunInTheEnd(t *testing.T) {
	const vms = 12
	l := start(t, oneHost(vms, ""), 30)
	tasks := append(l.relocateAll("x-%02d", vms), l.relocateAll("on-%02d", vms)...)
	for _, task := range tasks {
		if fault := l.ends(task); fault != nil {
			t.Fatalf("%#v", fault)
		}
	}
	host := l.limits().Hosts["a1"]
	if host.Used != 0 || host.Running != 0 || host.Waiting != 0 || host.MostUsed > 16 || host.MostRunning > 8 {
		t.Errorf("%+v", host)
	}
	if page := l.ledger(); page.MostWorking > 8 || page.Working != 0 || len(page.Overlaps) != 0 {
		t.Errorf("%d worked at the same time, %d work, overlaps: %v", page.MostWorking, page.Working, page.Overlaps)
	}
}
