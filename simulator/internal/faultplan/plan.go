// Package faultplan makes calls and tasks fail, and answers get lost or late, as a scenario plans it or as a test asks
// for it while the vCenter runs. Rules are asked in the order in which they came; the first that concerns a call or a
// task strikes it.
package faultplan

import (
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/scenario"
)

// Plan holds all rules. Its methods may be called by many at once.
type Plan struct {
	// Struck hears of every strike: of what, and whom. It is called without a lock. Nil: nobody.
	Struck func(method, trouble string)

	some atomic.Bool // there is a rule: most of the time there is none, and nobody waits for the lock

	mu     sync.Mutex
	rules  []*Rule
	lastID int
}

// New checks planned faults and makes a plan of them.
func New(faults []scenario.Fault) (*Plan, error) {
	plan := new(Plan)
	if _, err := plan.Add(faults); err != nil {
		return nil, fmt.Errorf("faults: %w", err)
	}
	return plan, nil
}

// Add takes more faults in, all or none, and gives the rules that they became.
func (p *Plan) Add(faults []scenario.Fault) ([]Rule, error) {
	var fresh []*Rule
	for _, fault := range faults {
		r, err := newRule(fault)
		if err != nil {
			return nil, err
		}
		fresh = append(fresh, r)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range fresh {
		p.lastID++
		r.ID = p.lastID
	}
	p.rules = append(p.rules, fresh...)
	p.some.Store(len(p.rules) > 0)
	return copies(fresh), nil
}

// Rules gives all rules with how often each has struck.
func (p *Plan) Rules() []Rule {
	p.mu.Lock()
	defer p.mu.Unlock()
	return copies(p.rules)
}

func copies(rules []*Rule) []Rule {
	all := make([]Rule, len(rules))
	for i, r := range rules {
		all[i] = *r
	}
	return all
}

// Lift takes a rule away; what hangs by it goes on. It tells whether there was one.
func (p *Plan) Lift(id int) bool { return p.lift(func(r *Rule) bool { return r.ID == id }) > 0 }

// LiftAll takes all rules away and tells how many there were.
func (p *Plan) LiftAll() int { return p.lift(func(*Rule) bool { return true }) }

func (p *Plan) lift(which func(*Rule) bool) (lifted int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rules = slices.DeleteFunc(p.rules, func(r *Rule) bool {
		if !which(r) {
			return false
		}
		r.left = 0 // a task may have it in hand
		close(r.lifted)
		lifted++
		return true
	})
	p.some.Store(len(p.rules) > 0)
	return lifted
}

// AtCall gives the fault that answers a call, and counts it as having struck. It is nil if none is planned.
func (p *Plan) AtCall(method, entity string) types.BaseMethodFault {
	if !p.some.Load() {
		return nil
	}
	r := p.first(func(r *Rule) bool { return r.Do == scenario.Fail && r.At.Call && r.concerns(method, entity) })
	if r == nil {
		return nil
	}
	p.tell(method, r)
	fault, _ := r.make(entity) // checked when it was planned
	return fault
}

// first finds the first rule of some that strikes now, and counts it.
func (p *Plan) first(which func(*Rule) bool) *Rule {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.rules {
		if which(r) && r.falls() {
			r.strike()
			return r
		}
	}
	return nil
}

func (p *Plan) tell(method string, r *Rule) {
	if p.Struck == nil {
		return
	}
	trouble := string(r.Do)
	if r.Do == scenario.Fail {
		trouble = r.Fault.Fault
	}
	p.Struck(method, trouble)
}
