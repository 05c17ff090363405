package limits

import (
	"fmt"
	"slices"
	"testing"
)

// entry is a gate whose tasks are known by name.
type entry struct {
	*testing.T
	*Gate
	running []string
	tickets map[string]*Ticket
}

func open(t *testing.T, capacity Capacity) *entry {
	return &entry{T: t, Gate: New(capacity), tickets: make(map[string]*Ticket)}
}

func (e *entry) enter(name string, uses []Use) {
	e.tickets[name] = NewTicket(uses, func() { e.running = append(e.running, name) })
	e.Enter(e.tickets[name])
}

func (e *entry) leave(name string) {
	e.running = slices.DeleteFunc(e.running, func(other string) bool { return other == name })
	e.Leave(e.tickets[name])
}

func (e *entry) wantRunning(names ...string) {
	e.Helper()
	if !slices.Equal(e.running, names) {
		e.Errorf("running %v, want %v", e.running, names)
	}
}

// hosts is a capacity of so many units a host, and of nothing else.
func hosts(units int) Capacity { return Capacity{Host: units} }

func on(host string, units int) []Use { return []Use{{Resource{Host, host}, units}} }

func TestDefaultsAreAVCenters(t *testing.T) {
	for _, c := range []struct {
		what string
		uses []Use
		most int
	}{
		{"cold migrations on a host", Cold("h", "h"), 8},
		{"storage vMotions on a host", StorageVMotion([]string{"h"}, nil), 2},
		{"storage vMotions at a datastore", StorageVMotion(nil, []string{"d"}), 8},
		{"vMotions on a host", VMotion([]string{"h"}, nil), 8},
		{"vMotions at a datastore", VMotion(nil, []string{"d"}), 128},
		{"clones on one host", Clone("h", "h"), 4},
		{"linked clones on one host", LinkedClone("h"), 16},
		{"relocations of first class disks on a host", FCDRelocation("h"), 2},
		{"relocations of first class disks at a datastore", FCDRelocation("", "d")[1:], 8},
		{"tasks", nil, 640},
	} {
		g, running := New(Default), 0
		for range 700 {
			g.Enter(NewTicket(c.uses, func() { running++ }))
		}
		if running != c.most {
			t.Errorf("%s: %d, want %d", c.what, running, c.most)
		}
	}
}

func TestOldestFirst(t *testing.T) {
	e := open(t, hosts(2))
	for _, name := range []string{"a", "b", "c", "d"} {
		e.enter(name, on("h", 1))
	}
	e.wantRunning("a", "b")
	e.leave("b")
	e.wantRunning("a", "c")
	if e.Withdraw(e.tickets["a"]) {
		t.Error("a was still waiting")
	}
	e.leave("a")
	e.leave("a") // once is enough
	e.wantRunning("c", "d")
}

// A big one is not starved by small ones that come later.
func TestNobodyOvertakesInALine(t *testing.T) {
	e := open(t, hosts(4))
	e.enter("small-1", on("h", 2))
	e.enter("big", on("h", 4))
	e.enter("small-2", on("h", 2)) // there would be room
	e.wantRunning("small-1")
	e.leave("small-1")
	e.wantRunning("big")
	e.leave("big")
	e.wantRunning("small-2")
}

// Who waits for one host keeps nobody from another, whatever else they share.
func TestHostsAreIndependent(t *testing.T) {
	e := open(t, Capacity{Host: 1, Datastore: 2, Tasks: 3})
	shared := Use{Resource{Datastore, "d"}, 1}
	e.enter("a", append(on("h1", 1), shared))
	for n := range 10 {
		e.enter(fmt.Sprint("waits-", n), append(on("h1", 1), shared))
	}
	e.enter("b", append(on("h2", 1), shared))
	e.wantRunning("a", "b")
	e.enter("c", append(on("h3", 1), shared)) // d is full
	e.enter("d", on("h4", 1))
	e.wantRunning("a", "b", "d")
	e.leave("a") // the vCenter has room again, and so has d: for the oldest
	e.wantRunning("b", "d", "waits-0")
}

func TestACancelledOneLeavesTheLine(t *testing.T) {
	e := open(t, hosts(2))
	e.enter("a", on("h", 1))
	e.enter("big", on("h", 2))
	e.enter("b", on("h", 1))
	if !e.Withdraw(e.tickets["big"]) {
		t.Error("big was not waiting")
	}
	e.wantRunning("a", "b") // big was all that b waited behind
	if e.Withdraw(e.tickets["big"]) {
		t.Error("it left twice")
	}
	early := NewTicket(on("h", 1), func() { t.Error("it was withdrawn before it came") })
	if !e.Withdraw(early) || e.Enter(early) {
		t.Error("it entered")
	}
	e.leave("a")
	e.leave("b")
	if state := e.Page().Hosts["h"]; state != (State{Capacity: 2, MostUsed: 2, MostRunning: 2}) {
		t.Errorf("%+v", state)
	}
}

// One that needs two hosts gets them, although each is free only when the other is not.
func TestNobodyStarves(t *testing.T) {
	e := open(t, hosts(1))
	e.enter("h1-0", on("h1", 1))
	e.enter("h2-0", on("h2", 1))
	e.enter("both", append(on("h1", 1), on("h2", 1)...))
	for n := 1; !slices.Contains(e.running, "both"); n++ {
		if n > 10 {
			t.Fatal("both was never let in")
		}
		for _, h := range []string{"h1", "h2"} {
			e.enter(fmt.Sprint(h, "-", n), on(h, 1)) // somebody always waits
			e.leave(fmt.Sprint(h, "-", n-1))
		}
	}
	e.wantRunning("both")
}

func TestWantsMoreThanThereIs(t *testing.T) {
	e := open(t, hosts(2))
	e.enter("a", on("h", 1))
	e.enter("huge", on("h", 8))
	e.leave("a")
	e.wantRunning("huge")
	if used := e.Page().Hosts["h"].Used; used != 2 {
		t.Errorf("%d units used", used)
	}
}

func TestWithoutLimit(t *testing.T) {
	g, running := New(Capacity{}), 0
	for range 5000 {
		g.Enter(NewTicket(Cold("h"), func() { running++ }))
	}
	if running != 5000 || len(g.resources) != 0 {
		t.Errorf("%d of 5000 run, %d resources are counted", running, len(g.resources))
	}
}

// TestCostOfAFullHouse counts what the gate does for 640 running and 2,000 queued tasks until all are done. A scheduler
// that looks at the whole queue for each end would need millions of looks.
func TestCostOfAFullHouse(t *testing.T) {
	for _, c := range []struct {
		what  string
		hosts int
	}{{"room on hosts, the vCenter full", 1000}, {"hosts full", 40}, {"one host", 1}} {
		const tasks = 2640
		g := New(Default)
		var running, tickets []*Ticket
		most := 0
		for n := range tasks {
			var ticket *Ticket
			ticket = NewTicket(Cold(fmt.Sprint("h", n%c.hosts), fmt.Sprint("h", n*7%c.hosts)), func() {
				running = append(running, ticket)
			})
			g.Enter(ticket)
			tickets = append(tickets, ticket)
		}
		ended := 0
		for len(running) > 0 {
			most = max(most, len(running))
			next := running[0]
			running = running[1:]
			g.Leave(next)
			ended++
		}
		if ended != tasks {
			t.Errorf("%s: %d of %d ran", c.what, ended, tasks)
		}
		if want := int64(tasks * 2 * keepsAfter); g.examined > want {
			t.Errorf("%s: %d looks, want at most %d", c.what, g.examined, want)
		}
		for _, ticket := range tickets {
			if ticket.waitsAt != nil {
				t.Fatalf("%s: one still waits", c.what)
			}
		}
		t.Logf("%s: %d looks for %d tasks, %d at the same time", c.what, g.examined, tasks, most)
	}
}
