// Package faultplan makes operations fail as a scenario plans it.
package faultplan

import (
	"fmt"
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/scenario"
)

// TimedMethods are the tasks that take time here, so that a fault can strike when part of the work is done.
var TimedMethods = []string{"RelocateVM_Task", "MoveVirtualDisk_Task", "CopyVirtualDisk_Task"}

// Plan holds the faults that are still to strike.
type Plan struct {
	mu    sync.Mutex
	rules []*rule
}

type rule struct {
	scenario.Fault
	kind reflect.Type
	left int // scenario.Always: without end
}

// New checks planned faults: that vSphere has them, and that they can strike when they should.
func New(faults []scenario.Fault) (*Plan, error) {
	plan := new(Plan)
	known := types.TypeFunc()
	for _, fault := range faults {
		if method, ok := known(fault.Method); !ok || !isMethod(method) {
			return nil, fmt.Errorf("faults: vSphere has no method %q; its tasks end in _Task, such as RelocateVM_Task", fault.Method)
		}
		if !fault.At.Call && !slices.Contains(TimedMethods, fault.Method) {
			return nil, fmt.Errorf("faults: %s takes no time here, write at: call; a percentage goes with %s",
				fault.Method, strings.Join(TimedMethods, ", "))
		}
		kind, ok := known(fault.Fault)
		if !ok || !reflect.PointerTo(kind).Implements(reflect.TypeFor[types.BaseMethodFault]()) {
			return nil, fmt.Errorf("faults: vSphere has no fault %q; it is a name such as FileLocked or NoDiskSpace", fault.Fault)
		}
		plan.rules = append(plan.rules, &rule{Fault: fault, kind: kind, left: int(fault.Times)})
	}
	return plan, nil
}

// isMethod tells a method's request, which names the object that is called, from any other type.
func isMethod(request reflect.Type) bool {
	if request.Kind() != reflect.Struct {
		return false
	}
	_, called := request.FieldByName("This")
	return called
}

// HasCalls tells whether any call of a method is still to be answered with a fault.
func (p *Plan) HasCalls(method string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.ContainsFunc(p.rules, func(r *rule) bool { return r.At.Call && r.left != 0 && r.Method == method })
}

// AtCall gives the fault that answers a call, and counts it as having struck. It is nil if none is planned.
func (p *Plan) AtCall(method, entity string) types.BaseMethodFault {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.rules {
		if r.At.Call && r.matches(method, entity) {
			return r.strike(entity)
		}
	}
	return nil
}

// AtPercent gives how much of a task's work is done when its fault strikes; ok is false if none is planned.
func (p *Plan) AtPercent(method, entity string) (percent int, ok bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r := p.during(method, entity); r != nil {
		return r.At.Percent, true
	}
	return 0, false
}

// Strike gives the fault of a task that has come as far as AtPercent said, and counts it as having struck. A fault of a
// file names the given one. It is nil if another task was struck by the same fault meanwhile.
func (p *Plan) Strike(method, entity, file string) types.BaseMethodFault {
	p.mu.Lock()
	defer p.mu.Unlock()
	if r := p.during(method, entity); r != nil {
		return r.strike(file)
	}
	return nil
}

// during gives the first rule that strikes within a task.
func (p *Plan) during(method, entity string) *rule {
	for _, r := range p.rules {
		if !r.At.Call && r.matches(method, entity) {
			return r
		}
	}
	return nil
}

func (r *rule) matches(method, entity string) bool {
	return r.left != 0 && r.Method == method && (r.Entity == "" || r.Entity == entity)
}

// strike makes the fault. A fault of a file names the file.
func (r *rule) strike(file string) types.BaseMethodFault {
	if r.left > 0 {
		r.left--
	}
	fault := reflect.New(r.kind).Interface().(types.BaseMethodFault)
	if of, ok := fault.(types.BaseFileFault); ok {
		of.GetFileFault().File = file
	}
	return fault
}
