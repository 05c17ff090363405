package faultplan

import (
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/scenario"
)

// Task is what is planned for one task. What is to be skipped, and chance, have been decided when the task was made; a
// rule counts as having struck when it does. A nil *Task is one for which nothing is planned.
type Task struct {
	plan   *Plan
	method string
	rules  []*Rule
}

// Task gives what is planned for a task that is being made; nil if nothing is.
func (p *Plan) Task(method, entity string) *Task {
	if !p.some.Load() {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	t := &Task{plan: p, method: method}
	for _, r := range p.rules {
		if r.Do == scenario.Fail && !r.At.Call && r.concerns(method, entity) && r.falls() {
			t.rules = append(t.rules, r)
		}
	}
	if len(t.rules) == 0 {
		return nil
	}
	return t
}

// AtPercent gives how much of the task's work is done when its fault strikes; ok is false if none is planned.
func (t *Task) AtPercent() (percent int, ok bool) {
	if t == nil {
		return 0, false
	}
	t.plan.mu.Lock()
	defer t.plan.mu.Unlock()
	if r := t.next(false); r != nil {
		return r.At.Percent, true
	}
	return 0, false
}

// Strike gives the fault of a task that has come as far as AtPercent said, and counts it as having struck. A fault of a
// file names the given one. It is nil if another task was struck by the same fault meanwhile.
func (t *Task) Strike(file string) types.BaseMethodFault { return t.strike(false, file) }

// Done gives the fault in which the task ends though all of its work is done; nil if none is planned.
func (t *Task) Done(file string) types.BaseMethodFault { return t.strike(true, file) }

func (t *Task) strike(done bool, file string) types.BaseMethodFault {
	if t == nil {
		return nil
	}
	t.plan.mu.Lock()
	r := t.next(done)
	if r != nil {
		r.strike()
	}
	t.plan.mu.Unlock()
	if r == nil {
		return nil
	}
	t.plan.tell(t.method, r)
	fault, _ := r.make(file) // checked when it was planned
	return fault
}

// next gives the first rule that can still strike, while the work is under way or when it is done.
func (t *Task) next(done bool) *Rule {
	for _, r := range t.rules {
		if r.At.Done == done && r.left != 0 {
			return r
		}
	}
	return nil
}
