package vcenter

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/faultplan"
	"vrelocate/simulator/internal/ledger"
	"vrelocate/simulator/internal/limits"
)

// operation is a task that takes time. vcsim's own Task.Run holds the entity's lock for as long as it runs, so that
// nobody could read a VM that is being relocated; an operation takes the lock only for the moments in which it changes
// the entity.
type operation struct {
	vc     *VCenter
	ctx    *simulator.Context
	task   *simulator.Task
	method string // such as RelocateVM_Task
	name   string // of the entity, for the ledger and the fault plan
	claim  string // what it keeps others from, see job.claim

	planned *faultplan.Task // the faults that are to strike it
	copying context.Context // ends when the task is cancelled, or aborted
	cancel  context.CancelFunc
	abort   func(types.BaseMethodFault) // ends the work in a fault that is nobody's wish

	ticket *limits.Ticket // its place among those who wait, and then the room that it has
	mu     sync.Mutex
	phase  phase

	changing []func() // end the changes that only the accounts of datastores know of, see change

	total   int64     // bytes to copy
	done    int64     // bytes copied, of what is copied already
	percent int32     // progress
	shownAt time.Time // when it was last made known
}

// showEvery is the least time between two steps of a task's progress.
const showEvery = 500 * time.Millisecond

// phase is how far an operation is.
type phase int

const (
	queued    phase = iota // it waits for room
	running                // at work, and can still be stopped
	switching              // beyond the point of no return, see commit
)

// work does what the task is for. Its fault ends the task in error.
type work func(op *operation) (types.AnyType, types.BaseMethodFault)

// job describes a task to start.
type job struct {
	entity mo.Reference
	id     string // TaskInfo.descriptionId, such as VirtualMachine.relocate
	method string
	name   string       // of the entity
	claim  string       // what no two tasks may work on at once; empty: the task takes no time and needs nothing
	uses   []limits.Use // what it takes of hosts and datastores while it runs; it waits for it
	run    work
}

// start makes a task, queued, which runs as soon as there is room for it. It returns TaskInProgress when one runs already that claims the same.
func (vc *VCenter) start(caller *simulator.Context, j job) (types.ManagedObjectReference, types.BaseMethodFault) {
	op := &operation{vc: vc, ctx: vc.newContext(), method: j.method, name: j.name, claim: j.claim}
	op.planned = vc.faults.Task(j.method, j.name)
	op.stoppable()

	op.task = simulator.CreateTask(j.entity, "", nil)
	op.task.Self = types.ManagedObjectReference{Type: "Task", Value: fmt.Sprintf("task-%d", vc.tasks.Add(1))}
	info := &op.task.Info
	info.QueueTime = vc.now()
	info.Key = op.task.Self.Value
	info.Task = op.task.Self
	info.Name = j.method
	info.DescriptionId = j.id
	info.EntityName = j.name
	info.Cancelable = j.claim != ""
	if caller.Session != nil {
		info.Reason = &types.TaskReasonUser{UserName: caller.Session.UserName}
	}

	if running, taken := vc.take(op); taken {
		vc.ledger.Refuse(j.method, j.name)
		return types.ManagedObjectReference{}, &types.TaskInProgress{Task: running}
	}
	vc.ledger.Start(j.method, j.name)
	// The entity's recentTask is changed with the task's coming.
	caller.WithLock(j.entity, func() { vc.registry.Put(op.task) })
	op.ticket = limits.NewTicket(j.uses, func() { go op.drive(j.run) })
	context.AfterFunc(op.copying, op.giveUp)
	if !vc.limits.Enter(op.ticket) {
		vc.ledger.Queue(j.method, j.name)
	}
	return op.task.Self, nil
}

// take claims what an operation needs for itself, or gives the task that has it.
func (vc *VCenter) take(op *operation) (running types.ManagedObjectReference, taken bool) {
	vc.mu.Lock()
	defer vc.mu.Unlock()
	if op.claim != "" {
		if other, busy := vc.claims[op.claim]; busy {
			return other, true
		}
		vc.claims[op.claim] = op.task.Self
	}
	vc.operations[op.task.Self] = op
	return running, false
}

// claimed tells whether a running task has something for itself.
func (vc *VCenter) claimed(what string) bool {
	vc.mu.Lock()
	defer vc.mu.Unlock()
	_, busy := vc.claims[what]
	return busy
}

func (vc *VCenter) release(op *operation) {
	vc.mu.Lock()
	defer vc.mu.Unlock()
	if op.claim != "" {
		delete(vc.claims, op.claim)
	}
	delete(vc.operations, op.task.Self)
}

// giveUp ends a task that was cancelled before there was room for it: nothing of its work is done, and it never started.
func (op *operation) giveUp() {
	if op.vc.limits.Withdraw(op.ticket) {
		op.end(nil, op.stopped())
	}
}

// drive takes the task from queued to its end.
func (op *operation) drive(run work) {
	op.mu.Lock()
	op.phase = running
	op.mu.Unlock()
	op.update(
		types.PropertyChange{Name: "info.startTime", Val: op.vc.now()},
		types.PropertyChange{Name: "info.state", Val: types.TaskInfoStateRunning},
	)
	result, fault := op.asPlanned(run)
	op.changed()
	op.vc.limits.Leave(op.ticket)
	op.end(result, fault)
}

// end tells how the task came out.
func (op *operation) end(result types.AnyType, fault types.BaseMethodFault) {
	defer op.cancel()
	outcome := ledger.Succeeded
	changes := []types.PropertyChange{{Name: "info.completeTime", Val: op.vc.now()}}
	if fault == nil {
		changes = append(changes,
			types.PropertyChange{Name: "info.progress", Val: int32(100)},
			types.PropertyChange{Name: "info.result", Val: result},
			types.PropertyChange{Name: "info.state", Val: types.TaskInfoStateSuccess})
	} else {
		outcome = ledger.Failed
		if _, cancelled := fault.(*types.RequestCanceled); cancelled {
			outcome = ledger.Cancelled
		}
		if !op.shownAt.IsZero() {
			changes = append(changes, types.PropertyChange{Name: "info.progress", Val: op.percent})
		}
		changes = append(changes,
			types.PropertyChange{Name: "info.error", Val: localized(fault)},
			types.PropertyChange{Name: "info.state", Val: types.TaskInfoStateError})
	}
	// Before the end is seen: whoever sees it may start the next task at once.
	op.vc.release(op)
	op.vc.ledger.End(op.method, op.name, outcome)
	op.update(changes...)
}

// copies tells whether the operation takes its time, rather than having vcsim do the work.
func (op *operation) copies() bool { return slices.Contains(faultplan.TimedMethods, op.method) }

func (op *operation) update(changes ...types.PropertyChange) {
	op.vc.registry.AtomicUpdate(op.ctx, op.task, changes)
}
