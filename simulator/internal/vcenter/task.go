package vcenter

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// Task differs from vcsim's in that cancelling stops the work. vcsim marks the task ended; the work goes on and then
// overwrites the state. (Task.CancelTask in the vSphere Web Services API: asynchronous; NotSupported for a task that
// can't be cancelled, InvalidState for one that has ended.)
type Task struct {
	*simulator.Task
	vc *VCenter
}

// CancelTask asks the work to stop. The task ends in RequestCanceled when it has, unless it succeeded before.
func (t *Task) CancelTask(ctx *simulator.Context, _ *types.CancelTask) soap.HasFault {
	body := new(methods.CancelTaskBody)
	switch t.Info.State {
	case types.TaskInfoStateSuccess, types.TaskInfoStateError:
		body.Fault_ = refusal(new(types.InvalidState))
		return body
	}
	op := t.vc.operation(t.Self)
	if op == nil && !t.Info.Cancelable {
		body.Fault_ = refusal(new(types.NotSupported))
		return body
	}
	ctx.Update(t.Task, []types.PropertyChange{{Name: "info.cancelled", Val: true}})
	if op != nil { // else it ends this very moment
		op.cancel()
	}
	body.Res = new(types.CancelTaskResponse)
	return body
}

// operation gives the work of a task; nil if it has ended or was never ours.
func (vc *VCenter) operation(task types.ManagedObjectReference) *operation {
	vc.mu.Lock()
	defer vc.mu.Unlock()
	return vc.operations[task]
}

// refusal is a fault that answers a call.
func refusal(fault types.BaseMethodFault) *soap.Fault { return simulator.Fault(message(fault), fault) }
