package faultplan

import (
	"cmp"
	"context"
	"strings"
	"time"

	"vrelocate/simulator/internal/scenario"
)

// Call is an HTTP request as rules know it.
type Call struct {
	Path   string        // of the URL
	Method string        // of the API; empty: it is no call of the API
	Entity func() string // what it is about; asked only when a rule names an entity
}

// Trouble is what befalls a call on its way: nothing, or one thing before it is carried out and one after.
type Trouble struct {
	plan *Plan
	call Call
	rule *Rule
}

// Any tells whether there is any rule at all. Most of the time there is none, and a call need not be looked at.
func (p *Plan) Any() bool { return p.some.Load() }

// Before gives the troubles of a call that is not carried out yet, After those of one that has been. Delays add up; of
// the others the first strikes.
func (p *Plan) Before(call Call) []Trouble { return p.around(call, false) }

// After gives the troubles of a call that has been carried out.
func (p *Plan) After(call Call) []Trouble { return p.around(call, true) }

func (p *Plan) around(call Call, after bool) []Trouble {
	if !p.some.Load() {
		return nil
	}
	entity := ""
	if p.asksEntity(call.Method) && call.Entity != nil {
		entity = call.Entity() // before the lock: it looks into the inventory
	}
	p.mu.Lock()
	var troubles []Trouble
	for _, r := range p.rules {
		if r.Do == scenario.Fail || r.At.After != after || !r.concernsCall(call, entity) || !r.falls() {
			continue
		}
		r.strike()
		troubles = append(troubles, Trouble{plan: p, call: call, rule: r})
		if r.Do != scenario.Delay {
			break
		}
	}
	p.mu.Unlock()
	for _, t := range troubles {
		p.tell(cmp.Or(call.Method, call.Path), t.rule)
	}
	return troubles
}

// asksEntity tells whether any rule for a method names an entity.
func (p *Plan) asksEntity(method string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, r := range p.rules {
		if r.Entity != "" && r.Do != scenario.Fail && (r.Method == "" || r.Method == method) {
			return true
		}
	}
	return false
}

func (r *Rule) concernsCall(call Call, entity string) bool {
	if r.Path != "" {
		return r.left != 0 && strings.HasPrefix(call.Path, r.Path)
	}
	return r.concerns(call.Method, entity)
}

// Do tells what kind of trouble it is.
func (t Trouble) Do() scenario.Trouble { return t.rule.Do }

// Status gives the status of HTTP to answer with.
func (t Trouble) Status() int { return t.rule.Status }

// Wait takes the time of a delay, or hangs until the time is up or the rule is lifted. It ends early with ctx: the
// client has gone.
func (t Trouble) Wait(ctx context.Context) {
	var up <-chan time.Time
	span := time.Duration(t.rule.For)
	if t.rule.Jitter > 0 {
		t.plan.mu.Lock()
		span += time.Duration(t.rule.chance.Int64N(int64(t.rule.Jitter) + 1))
		t.plan.mu.Unlock()
	}
	if span > 0 {
		timer := time.NewTimer(span)
		defer timer.Stop()
		up = timer.C
	}
	select {
	case <-up:
	case <-t.rule.lifted:
	case <-ctx.Done():
	}
}
