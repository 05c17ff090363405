package vcenter

import (
	"strings"
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// plannedTasks lets planned faults strike vcsim's own tasks, such as PowerOnVM_Task: it hears of a new task before its
// work begins (simulator.RegisterObject), and puts the fault before or behind the work. It also sets the tasks' times by
// the vCenter's clock, and gives their errors the text that a vCenter has.
type plannedTasks struct {
	vc *VCenter

	mu     sync.Mutex
	coming map[types.ManagedObjectReference]comingTask // by entity: the call that is about to make a task
}

// comingTask is a call as rules know it. A task itself does not tell which method made it.
type comingTask struct{ method, name string }

// expect takes note that a call may make a task. A call that is refused makes none: the next one takes its place.
func (p *plannedTasks) expect(method *simulator.Method, name string) {
	if !strings.HasSuffix(method.Name, "_Task") || !p.vc.faults.Any() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.coming[method.This] = comingTask{method.Name, name}
}

// Reference gives what the registry knows this handler by.
func (*plannedTasks) Reference() types.ManagedObjectReference {
	return types.ManagedObjectReference{Type: "vrelocate", Value: "planned-tasks"}
}

// PutObject hears of a new task, whose work has not begun.
func (p *plannedTasks) PutObject(_ *simulator.Context, obj mo.Reference) {
	task, ok := obj.(*simulator.Task)
	if !ok || isOurs(task.Self) || task.Info.Entity == nil || task.Execute == nil {
		return
	}
	task.Info.QueueTime = task.Info.QueueTime.Add(p.vc.ClockOffset())
	p.mu.Lock()
	call, expected := p.coming[*task.Info.Entity]
	delete(p.coming, *task.Info.Entity)
	p.mu.Unlock()
	if !expected {
		return
	}
	planned := p.vc.faults.Task(call.method, call.name)
	if planned == nil {
		return
	}
	work := task.Execute
	task.Execute = func(t *simulator.Task) (types.AnyType, types.BaseMethodFault) {
		if fault := planned.Strike(call.name); fault != nil {
			return nil, fault
		}
		result, fault := work(t)
		if fault == nil {
			if fault = planned.Done(call.name); fault != nil {
				return nil, fault
			}
		}
		return result, fault
	}
}

// UpdateObject hears of a task's beginning and end, while the task's lock is held.
func (p *plannedTasks) UpdateObject(_ *simulator.Context, obj mo.Reference, changes []types.PropertyChange) {
	task, ok := obj.(*mo.Task)
	if !ok || isOurs(task.Self) {
		return
	}
	for _, change := range changes {
		switch change.Name {
		case "info.startTime":
			task.Info.StartTime = p.shifted(task.Info.StartTime)
		case "info.completeTime":
			task.Info.CompleteTime = p.shifted(task.Info.CompleteTime)
		case "info.error":
			if of := task.Info.Error; of != nil && of.Fault != nil {
				said := localized(of.Fault)
				task.Info.Error = &said
			}
		}
	}
}

// RemoveObject hears of an object's end.
func (p *plannedTasks) RemoveObject(_ *simulator.Context, ref types.ManagedObjectReference) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.coming, ref)
}

// shifted gives a time as the vCenter's clock has it.
func (p *plannedTasks) shifted(at *time.Time) *time.Time {
	if at == nil {
		return nil
	}
	return types.NewTime(at.Add(p.vc.ClockOffset()))
}
