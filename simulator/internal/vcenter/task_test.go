package vcenter_test

import (
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// infoOf reads a task as it is now.
func (l *lab) infoOf(t *object.Task) types.TaskInfo {
	l.Helper()
	var read mo.Task
	l.read(t.Reference(), &read, "info")
	return read.Info
}

// A cancel is answered, and the task succeeds all the same: the work was done before it heard of it.
func TestCancelLosesTheRace(t *testing.T) {
	l := start(t, inventory+"tasks: {cancel_latency: 1h}\n", 1) // 3 GiB at 500 MB/s
	vm := l.vm("vm-1")
	task := l.relocate(vm, to(l.datastore("new")))
	l.until(task, isRunning)
	l.must(task.Cancel(t.Context()))
	if info := l.infoOf(task); !info.Cancelled || info.State != types.TaskInfoStateRunning {
		t.Errorf("after the cancel: %+v", info)
	}
	if fault := l.ends(task); fault != nil {
		t.Fatalf("%#v", fault)
	}
	if info := l.infoOf(task); !info.Cancelled || info.State != types.TaskInfoStateSuccess || info.Error != nil {
		t.Errorf("at the end: %+v", info)
	}
	if home := l.whereIs(vm).vmx; home != "[new] vm-1/vm-1.vmx" {
		t.Errorf("home is %s", home)
	}
	if counts := l.ledger().Operations["RelocateVM_Task"]["vm-1"]; counts.Succeeded != 1 || counts.Cancelled != 0 {
		t.Errorf("ledger: %+v", counts)
	}
}

func TestCancelIsHeardOfLater(t *testing.T) {
	l := start(t, inventory+"tasks: {cancel_latency: 200ms}\n", stuck)
	task := l.relocate(l.vm("vm-1"), to(l.datastore("new")))
	l.until(task, isRunning)
	l.must(task.Cancel(t.Context()))
	l.must(task.Cancel(t.Context())) // a second one is as good
	wantFault[*types.RequestCanceled](t, l.ends(task))
}

// While what was copied replaces its source, a task can't be cancelled.
func TestPointOfNoReturn(t *testing.T) {
	l := start(t, inventory+"tasks: {switch_time: 1s, cancel_latency: 1h}\n", fast)
	task := l.relocate(l.vm("vm-1"), to(l.datastore("new")))
	info := l.until(task, func(info types.TaskInfo) bool { return !info.Cancelable })
	if info.State != types.TaskInfoStateRunning {
		t.Fatalf("%+v", info)
	}
	wantFault[*types.NotSupported](t, callFault(t, task.Cancel(t.Context())))
	if fault := l.ends(task); fault != nil {
		t.Fatalf("%#v", fault)
	}
	if info := l.infoOf(task); info.Cancelled || info.Cancelable {
		t.Errorf("at the end: %+v", info)
	}
}

func TestVcsimsTaskCanNotBeCancelled(t *testing.T) {
	l := start(t, inventory, fast)
	task, err := l.vm("vm-1").PowerOn(t.Context())
	l.must(err)
	fault := callFault(t, task.Cancel(t.Context()))
	switch fault.(type) {
	case *types.NotSupported, *types.InvalidState: // the second if it has ended already
	default:
		t.Errorf("%#v", fault)
	}
	info := l.until(task, func(info types.TaskInfo) bool { return info.CompleteTime != nil })
	if info.Cancelable || info.Cancelled || info.State != types.TaskInfoStateSuccess {
		t.Errorf("%+v", info)
	}
	if by, ok := info.Reason.(*types.TaskReasonUser); !ok || by.UserName != "user" {
		t.Errorf("reason is %#v", info.Reason)
	}
}
