package limits

import (
	"cmp"
	"container/heap"
	"slices"
	"sync"
)

// Gate lets tasks run when there is room for them on all that they use.
//
// VMware documents that excess is queued, and not in which order. Here it is by age: a task may start when all that it
// uses has room and no older task waits for any of it. A task waits in one line, that of the first resource without
// room for it, so a task that waits for one host keeps nobody from another: the datastore that both use, or the vCenter,
// goes to whoever can run. A task that was sent from line to line keepsAfter times has been overtaken often enough: from
// then on it keeps what it has while it waits for the rest, which it takes in the order of Kind and name, so that two
// such tasks can't wait for each other.
//
// Each step costs the logarithm of a line's length, and a task takes a bounded number of steps.
type Gate struct {
	// NameOf gives what Page calls a resource; nil: its Name. It is set before the gate is used.
	NameOf func(Resource) string

	capacity Capacity

	mu        sync.Mutex
	resources map[Resource]*room
	arrived   int64 // tickets given
	examined  int64 // times that a ticket was looked at, for the tests
}

// keepsAfter is how often a task is sent from line to line before it keeps what it has.
const keepsAfter = 4

// room is one resource.
type room struct {
	capacity       int
	used, mostUsed int // units
	held, mostHeld int // tasks that have some
	line           line
}

// Ticket is a task's place.
type Ticket struct {
	wanted []Use
	start  func()

	entered bool
	number  int64
	uses    []Use // of what has a limit; each resource once, in the order of Kind and name

	waitsAt *room // nil: it runs, or it left
	index   int   // in the line
	wants   int   // units of what it waits for
	moves   int   // how often it was put into a line
	has     int   // how many of its uses it holds
	gone    bool
}

// NewTicket makes the ticket of a task that has not entered yet. Start is called when there is room: while it enters, or
// while another leaves. It must not take time, nor call the gate. A task that wants more of a resource than there is at
// all gets all of it.
func NewTicket(wanted []Use, start func()) *Ticket { return &Ticket{wanted: wanted, start: start} }

// New opens a gate.
func New(capacity Capacity) *Gate {
	return &Gate{capacity: capacity, resources: make(map[Resource]*room)}
}

// Enter asks for room, and tells whether the task runs already. One that was withdrawn before never does.
func (g *Gate) Enter(t *Ticket) (runs bool) {
	g.mu.Lock()
	if t.gone {
		g.mu.Unlock()
		return false
	}
	g.arrived++
	t.entered, t.number, t.uses = true, g.arrived, g.sum(t.wanted)
	runs = g.try(t)
	g.mu.Unlock()
	if runs {
		t.start()
	}
	return runs
}

// Withdraw takes a task out that has not begun; it never will. It tells whether it was so: one that runs goes on.
func (g *Gate) Withdraw(t *Ticket) (waited bool) {
	g.mu.Lock()
	if t.gone || t.entered && t.waitsAt == nil {
		g.mu.Unlock()
		return false
	}
	g.leave(t)
	return true
}

// Leave gives the room of a task that is over to those who wait. A second Leave does nothing.
func (g *Gate) Leave(t *Ticket) {
	g.mu.Lock()
	if t.gone {
		g.mu.Unlock()
		return
	}
	g.leave(t)
}

// leave unlocks the gate.
func (g *Gate) leave(t *Ticket) {
	t.gone = true
	var freed []*room
	if at := t.waitsAt; at != nil {
		heap.Remove(&at.line, t.index)
		t.waitsAt = nil
		freed = append(freed, at) // the next in line may need less
	}
	freed = append(freed, g.giveBack(t)...)
	started := g.admit(freed)
	g.mu.Unlock()
	for _, next := range started {
		next.start()
	}
}

// sum adds up what is used of the same resource, and leaves out what has no limit.
func (g *Gate) sum(uses []Use) []Use {
	uses = slices.Concat(uses, []Use{{Resource{Kind: Tasks}, 1}})
	slices.SortStableFunc(uses, func(a, b Use) int {
		return cmp.Or(cmp.Compare(a.Resource.Kind, b.Resource.Kind), cmp.Compare(a.Resource.Name, b.Resource.Name))
	})
	var sums []Use
	for _, use := range uses {
		if g.capacity.of(use.Resource.Kind) <= 0 {
			continue
		}
		if last := len(sums) - 1; last >= 0 && sums[last].Resource == use.Resource {
			sums[last].Units += use.Units
		} else {
			sums = append(sums, use)
		}
	}
	for i := range sums {
		sums[i].Units = min(sums[i].Units, g.capacity.of(sums[i].Resource.Kind))
	}
	return sums
}

func (g *Gate) room(r Resource) *room {
	if g.resources[r] == nil {
		g.resources[r] = &room{capacity: g.capacity.of(r.Kind)}
	}
	return g.resources[r]
}

// try starts a ticket or puts it into a line. The lock is held.
func (g *Gate) try(t *Ticket) (runs bool) {
	g.examined++
	keeps := t.moves >= keepsAfter
	for _, use := range t.uses[t.has:] {
		r := g.room(use.Resource)
		if !r.takes(t, use.Units) {
			t.wait(r, use.Units)
			return false
		}
		if keeps {
			r.take(use.Units)
			t.has++
		}
	}
	for _, use := range t.uses[t.has:] {
		g.room(use.Resource).take(use.Units)
	}
	t.has = len(t.uses)
	return true
}

func (t *Ticket) wait(r *room, units int) {
	t.moves++
	t.waitsAt, t.wants = r, units
	heap.Push(&r.line, t)
}

// admit looks at the lines of what was freed until their first ones have no room. The lock is held.
func (g *Gate) admit(freed []*room) (started []*Ticket) {
	for _, r := range freed {
		for len(r.line) > 0 && r.free() >= r.line[0].wants {
			t := heap.Pop(&r.line).(*Ticket)
			t.waitsAt = nil
			if g.try(t) {
				started = append(started, t)
			}
		}
	}
	return started
}

// giveBack frees what a ticket has. The lock is held.
func (g *Gate) giveBack(t *Ticket) []*room {
	var freed []*room
	for _, use := range t.uses[:t.has] {
		r := g.room(use.Resource)
		r.used -= use.Units
		r.held--
		freed = append(freed, r)
	}
	t.has = 0
	return freed
}

func (r *room) free() int { return r.capacity - r.used }

// takes tells whether there is room for a ticket, and nobody older waits for it.
func (r *room) takes(t *Ticket, units int) bool {
	return units <= r.free() && (len(r.line) == 0 || r.line[0].number > t.number)
}

func (r *room) take(units int) {
	r.used += units
	r.held++
	r.mostUsed, r.mostHeld = max(r.mostUsed, r.used), max(r.mostHeld, r.held)
}

// line is a heap by age.
type line []*Ticket

func (l line) Len() int           { return len(l) }
func (l line) Less(i, j int) bool { return l[i].number < l[j].number }
func (l line) Swap(i, j int) {
	l[i], l[j] = l[j], l[i]
	l[i].index, l[j].index = i, j
}

// Push implements heap.Interface.
func (l *line) Push(t any) {
	t.(*Ticket).index = len(*l)
	*l = append(*l, t.(*Ticket))
}

// Pop implements heap.Interface.
func (l *line) Pop() any {
	last := len(*l) - 1
	t := (*l)[last]
	(*l)[last] = nil
	*l = (*l)[:last]
	return t
}
