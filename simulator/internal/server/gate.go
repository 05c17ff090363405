package server

import (
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"vrelocate/simulator/internal/faultplan"
	"vrelocate/simulator/internal/ledger"
	"vrelocate/simulator/internal/scenario"
)

// VCenter is what the gate asks the vCenter that it stands before.
type VCenter interface {
	// EnterSession tells that a call of a session is under way until leave is called, and whether there is such a session.
	EnterSession(key string) (leave func(), live bool)
	// OpenSessions tells how many sessions of the API there are.
	OpenSessions() int
	// Idle is how long a session may be idle; 0 is for ever.
	Idle() time.Duration
	// Subject names what a call is about, as rules do: the object's name, or the path among the call's arguments.
	Subject(kind, id string, arguments map[string]string) string
	// ClockOffset is by how much the vCenter's clock is ahead.
	ClockOffset() time.Duration
}

// Gate is what every request passes on its way to the vCenter. Here replies get lost or late, sessions are too many or
// idle for too long, and the vCenter is away.
type Gate struct {
	Plan    *faultplan.Plan
	Ledger  *ledger.Ledger
	VCenter VCenter

	next        http.Handler
	maxSessions atomic.Int64 // 0: any number
	away        atomic.Bool  // it answers 503, as the proxy before a vCenter that is not there
	rest        restSessions
}

// DefaultMaxSessions is how many sessions a vCenter takes (VMware's configuration maximums; 3,000 since 8.0 U3, Broadcom
// KB 375546).
const DefaultMaxSessions = 2000

// SetMaxSessions sets how many sessions there may be, REST's among them; 0 is any number.
func (g *Gate) SetMaxSessions(count int) { g.maxSessions.Store(int64(count)) }

// MaxSessions tells how many sessions there may be; 0 is any number.
func (g *Gate) MaxSessions() int { return int(g.maxSessions.Load()) }

// enclose puts the gate before a handler.
func (g *Gate) enclose(next http.Handler) http.Handler {
	g.next = next
	g.rest.gate = g
	return g
}

// ServeHTTP lets a request through, or not.
func (g *Gate) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if g.away.Load() {
		unavailable(w)
		return
	}
	if offset := g.VCenter.ClockOffset(); offset != 0 {
		w.Header().Set("Date", time.Now().Add(offset).UTC().Format(http.TimeFormat))
	}
	leave, admitted := g.admit(r)
	defer leave()
	if !admitted {
		g.Ledger.Login(func(of *ledger.Logins) { of.OverMany++ })
		unavailable(w)
		return
	}
	if isSOAP(r) {
		g.pass(w, r)
		return
	}
	counted := count(w, r)
	defer func() { // also when a reply is lost
		g.Ledger.Request(r.Method+" /"+firstOf(r.URL.Path), counted.status >= 400, counted.received.Load(), counted.sent)
	}()
	g.pass(counted, r)
}

// pass carries a request out, with the troubles that are planned for it.
func (g *Gate) pass(w http.ResponseWriter, r *http.Request) {
	if !g.Plan.Any() {
		g.serve(w, r)
		return
	}
	call, err := g.describe(r)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	for _, trouble := range g.Plan.Before(call) {
		if refused := befall(trouble, w, r); refused {
			return
		}
	}
	after := g.Plan.After(call)
	if len(after) == 0 {
		g.serve(w, r)
		return
	}
	held := hold(w)
	g.serve(held, r)
	for _, trouble := range after {
		if trouble.Do() == scenario.Hang || trouble.Do() == scenario.Delay {
			trouble.Wait(r.Context())
			continue
		}
		befall(trouble, w, r)
		return
	}
	held.release()
}

// befall lets trouble happen to a call. It tells whether the call has been answered by it; a reply that is lost ends the
// request here and now.
func befall(trouble faultplan.Trouble, w http.ResponseWriter, r *http.Request) (answered bool) {
	switch trouble.Do() {
	case scenario.Delay:
		trouble.Wait(r.Context())
		return false
	case scenario.Hang:
		trouble.Wait(r.Context())
		panic(http.ErrAbortHandler) // never carried out
	case scenario.Answer:
		http.Error(w, http.StatusText(trouble.Status()), trouble.Status())
		return true
	default:
		panic(http.ErrAbortHandler) // net/http closes the connection without a word
	}
}

// serve carries a request out. Sessions of REST are looked after on the way.
func (g *Gate) serve(w http.ResponseWriter, r *http.Request) {
	if isREST(r) {
		g.rest.serve(w, r)
		return
	}
	g.next.ServeHTTP(w, r)
}

// unavailable answers as the proxy before a vCenter does whose vpxd does not answer, or has all the sessions that it
// takes ("The remote server returned an error: (503) Server Unavailable", to ServiceInstance.RetrieveContent).
func unavailable(w http.ResponseWriter) {
	w.Header().Set("Connection", "close")
	http.Error(w, "no healthy upstream", http.StatusServiceUnavailable)
}

func isSOAP(r *http.Request) bool {
	return r.URL.Path == "/sdk" || strings.HasPrefix(r.URL.Path, "/sdk/")
}

func isREST(r *http.Request) bool {
	first := firstOf(r.URL.Path)
	return first == "rest" || first == "api"
}

// firstOf gives the first part of a path.
func firstOf(path string) string {
	first, _, _ := strings.Cut(strings.TrimPrefix(path, "/"), "/")
	return first
}
