package vcenter

import (
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// Task differs from vcsim's in that cancelling stops the work. vcsim marks the task ended; the work goes on and then
// overwrites the state. (Task.CancelTask in the vSphere Web Services API: "A cancel operation is asynchronous. The
// operation may return before the task is canceled"; NotSupported "if the task is not cancelable", InvalidState "if the
// task is already canceled or completed": here when it has ended.)
type Task struct {
	*simulator.Task
	vc *VCenter
}

// CancelTask asks the work to stop, and says nothing of whether it will. A task that is queued ends in RequestCanceled at
// once; one that runs does when it has heard of it (TaskOptions.CancelLatency), unless it succeeded before.
func (t *Task) CancelTask(ctx *simulator.Context, _ *types.CancelTask) soap.HasFault {
	body := new(methods.CancelTaskBody)
	switch t.Info.State {
	case types.TaskInfoStateSuccess, types.TaskInfoStateError:
		body.Fault_ = refusal(new(types.InvalidState))
		return body
	}
	op := t.vc.operation(t.Self)
	if !t.Info.Cancelable || op != nil && !op.stopSoon() {
		body.Fault_ = refusal(new(types.NotSupported))
		return body
	}
	ctx.Update(t.Task, []types.PropertyChange{{Name: "info.cancelled", Val: true}})
	body.Res = new(types.CancelTaskResponse)
	return body
}

// operation gives the work of a task; nil if it has ended or was never ours.
func (vc *VCenter) operation(task types.ManagedObjectReference) *operation {
	vc.mu.Lock()
	defer vc.mu.Unlock()
	return vc.operations[task]
}

// stopSoon carries out a cancel; false if it comes too late for that.
func (op *operation) stopSoon() bool {
	op.mu.Lock()
	defer op.mu.Unlock()
	switch {
	case op.phase == switching:
		return false
	case op.phase == queued, op.vc.taskOptions.CancelLatency == 0:
		op.cancel()
	default:
		time.AfterFunc(op.vc.taskOptions.CancelLatency, func() {
			op.mu.Lock()
			defer op.mu.Unlock()
			if op.phase != switching {
				op.cancel()
			}
		})
	}
	return true
}

// commit is the point of no return: all is copied, and what follows can't be undone. It gives the fault that ends the
// task if a cancel came before. From here on the task is not cancelable: "Migrating a powered off virtual machine. This
// task is cancelable only when the source disks have not been deleted" (vCenter Server and Host Management, "Cancel a
// Task"). No object's lock may be held.
func (op *operation) commit() types.BaseMethodFault {
	op.mu.Lock()
	if op.copying.Err() != nil {
		op.mu.Unlock()
		return op.stopped()
	}
	op.phase = switching
	op.mu.Unlock()
	op.update(types.PropertyChange{Name: "info.cancelable", Val: false})
	if takes := op.vc.taskOptions.SwitchTime; takes > 0 {
		<-time.After(takes)
	}
	return nil
}

// refusal is a fault that answers a call.
func refusal(fault types.BaseMethodFault) *soap.Fault { return simulator.Fault(message(fault), fault) }
