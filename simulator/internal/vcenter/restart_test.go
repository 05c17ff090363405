package vcenter_test

import (
	"context"
	"errors"
	"syscall"
	"testing"
	"time"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// back logs in again, to a vCenter that has come back.
func (l *lab) back() {
	l.Helper()
	l.client = login(l.T, l.sim)
}

// again gives a task to the present session.
func (l *lab) again(task *object.Task) *object.Task {
	return object.NewTask(l.client.Client, task.Reference())
}

func TestRestartRefusesConnections(t *testing.T) {
	l := start(t, inventory, stuck)
	task := l.relocate(l.vm("vm-1"), to(l.datastore("new")))
	l.until(task, isRunning)
	waits := make(chan error)
	go func() { _, err := task.WaitForResult(context.Background()); waits <- err }()
	l.eventually("the wait", func() bool { return l.ledger().Polls > 0 })

	l.admin("POST", "/stop", `{"running": "continue"}`)
	if err := <-waits; err == nil {
		t.Error("the connections are not cut")
	}
	if _, err := govmomi.NewClient(t.Context(), l.sim.URL(), true); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("it answers: %v", err)
	}
	if away := l.admin("GET", "", "")["away"]; away != "refused" {
		t.Errorf("away: %v", away)
	}
	if status, said := l.askAdmin("POST", "/stop", ""); status != 400 {
		t.Errorf("stopped twice: %d %s", status, said)
	}
	l.admin("POST", "/start", "")
	l.back()
	l.until(l.again(task), isRunning)
	if logins := l.ledger().Logins; logins.Dropped != 1 || logins.Now != 1 {
		t.Errorf("%+v", logins)
	}
}

func TestRestartBehindItsProxy(t *testing.T) {
	l := start(t, inventory, fast)
	l.admin("POST", "/stop", `{"as": "unavailable"}`)
	res, _ := l.ask("GET", "old", "", nil)
	if res.StatusCode != 503 {
		t.Errorf("%d", res.StatusCode)
	}
	l.admin("POST", "/start", "")
	l.back()
}

func TestRestartComesBackByItself(t *testing.T) {
	l := start(t, inventory, fast)
	l.admin("POST", "/restart", `{"down": "50ms"}`)
	l.eventually("the vCenter's return", func() bool { return l.admin("GET", "", "")["away"] == "" })
	l.back()
	l.admin("POST", "/restart", "")
	l.back()
	l.admin("POST", "/restart", `{"down": "1h"}`)
	l.admin("POST", "/start", "")
	l.back()
}

func TestWorkUnderARestart(t *testing.T) {
	cases := map[string]struct {
		body            string
		fails, readable bool
	}{
		"fails, and its task tells so":       {"", true, true},
		"fails, and its task is forgotten":   {`{"tasks": "forget"}`, true, false},
		"goes on, and its task is followed":  {`{"running": "continue"}`, false, true},
		"goes on, and its task is forgotten": {`{"running": "continue", "tasks": "forget"}`, false, false},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			l := start(t, inventory, stuck)
			vm, third := l.vm("vm-1"), l.datastore("third")
			task := l.relocate(vm, to(l.datastore("new")))
			l.until(task, isRunning)
			l.admin("POST", "/restart", c.body)
			l.back()

			counts := func() (failed, succeeded int) {
				of := l.ledger().Operations["RelocateVM_Task"]["vm-1"]
				return of.Failed, of.Succeeded
			}
			if c.fails {
				l.eventually("the end of the work", func() bool { failed, _ := counts(); return failed == 1 })
			} else if running := l.ledger().Running; running != 1 {
				t.Errorf("%d are running", running)
			}
			var now mo.Task
			err := l.client.RetrieveOne(t.Context(), task.Reference(), []string{"info"}, &now)
			switch {
			case !c.readable:
				wantFault[*types.ManagedObjectNotFound](t, callFault(t, err))
			case err != nil:
				t.Fatal(err)
			case c.fails:
				wantFault[*types.SystemError](t, l.ends(l.again(task)))
			}

			// The work itself, seen from the VM: it is where it was and free, or busy until the copy is done.
			again := object.NewVirtualMachine(l.client.Client, vm.Reference())
			_, err = again.Relocate(t.Context(), to(third), types.VirtualMachineMovePriorityDefaultPriority)
			if c.fails {
				l.must(err)
			} else {
				wantFault[*types.TaskInProgress](t, callFault(t, err))
			}
			if overlaps := l.ledger().Overlaps; len(overlaps) != 0 {
				t.Errorf("overlapping: %v", overlaps)
			}
		})
	}
}

func TestClockIsWrong(t *testing.T) {
	l := start(t, inventory+"clock: {offset: -1h}\n", fast)
	off := func(what string, told time.Time, by time.Duration) {
		t.Helper()
		if ahead := time.Until(told); ahead < by-time.Minute || ahead > by+time.Minute {
			t.Errorf("%s is ahead by %s, want %s", what, ahead, by)
		}
	}
	times := func(by time.Duration) {
		t.Helper()
		now, err := l.currentTime()
		l.must(err)
		off("CurrentTime", *now, by)
		ours := l.relocate(l.vm("vm-2"), types.VirtualMachineRelocateSpec{})
		theirs, err := l.vm("vm-1").Reset(t.Context()) // it fails: the VM is off
		l.must(err)
		for _, task := range []*object.Task{ours, theirs} {
			info := l.until(task, func(info types.TaskInfo) bool { return info.CompleteTime != nil })
			off("queueTime", info.QueueTime, by)
			off("startTime", *info.StartTime, by)
			off("completeTime", *info.CompleteTime, by)
		}
	}
	times(-time.Hour)
	l.admin("POST", "/clock", `{"offset": "2h"}`)
	times(2 * time.Hour)
}
