package vcenter

import (
	"slices"
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/ledger"
)

// DefaultIdle is how long a session may be idle, as in a vCenter that nobody told otherwise
// (config.vmacore.soap.sessionTimeout).
const DefaultIdle = 30 * time.Minute

// sessions knows the sessions of the API, which vcsim keeps to itself, for they end here in more ways: by being idle, by
// being dropped, by a restart. With a session die its views, collectors and filters, and what they cost: vcsim leaves
// those of a terminated session listening to every change for ever.
type sessions struct {
	mu    sync.Mutex
	byKey map[string]*openSession
	ended map[string]bool // none of them comes back, not even by a call that was on its way
	idle  time.Duration   // 0: for ever
	swept time.Time       // when idle ones were last looked for
}

// openSession is a session with what belongs to it.
type openSession struct {
	user     string
	own      *simulator.Registry // its views, collectors and filters
	calls    int                 // under way
	lastCall time.Time           // when the last one ended
}

// sweepEvery is how often idle sessions are looked for, while calls come in.
const sweepEvery = time.Second

// EnterSession tells that a call of a session is under way, until leave is called: a session that waits for updates is
// not idle. It tells whether there is such a session.
func (vc *VCenter) EnterSession(key string) (leave func(), live bool) {
	vc.expireSessions()
	vc.sessions.mu.Lock()
	defer vc.sessions.mu.Unlock()
	s := vc.sessions.byKey[key]
	if s == nil {
		return func() {}, false
	}
	s.calls++
	return func() {
		vc.sessions.mu.Lock()
		defer vc.sessions.mu.Unlock()
		s.calls--
		s.lastCall = time.Now()
	}, true
}

// OpenSessions tells how many sessions of the API there are.
func (vc *VCenter) OpenSessions() int {
	vc.sessions.mu.Lock()
	defer vc.sessions.mu.Unlock()
	return len(vc.sessions.byKey)
}

// SetIdle sets how long a session may be idle; 0 is for ever.
func (vc *VCenter) SetIdle(idle time.Duration) {
	vc.sessions.mu.Lock()
	defer vc.sessions.mu.Unlock()
	vc.sessions.idle = idle
	vc.sessions.swept = time.Time{}
}

// opened takes note of a session, however it came to be. It tells whether the session is open: a call may have been on
// its way when its session was ended, and vcsim may have taken the session for the call's before.
func (vc *VCenter) opened(session *simulator.Session) bool {
	if session == nil || session.UserName == "" { // vcsim's own, for calls from within
		return true
	}
	vc.sessions.mu.Lock()
	defer vc.sessions.mu.Unlock()
	if vc.sessions.ended[session.Key] {
		return false
	}
	if vc.sessions.byKey[session.Key] != nil {
		return true
	}
	if vc.sessions.byKey == nil {
		vc.sessions.byKey = make(map[string]*openSession)
	}
	vc.sessions.byKey[session.Key] = &openSession{user: session.UserName, own: session.Registry, lastCall: time.Now()}
	vc.ledger.Login(func(of *ledger.Logins) { of.Accepted++; of.Now++ })
	return true
}

// DropSessions ends the sessions of a user, or all if the user is empty: their next call gets NotAuthenticated. It tells
// how many there were.
func (vc *VCenter) DropSessions(user string) int {
	vc.sessions.mu.Lock()
	var keys []string
	for key, s := range vc.sessions.byKey {
		if user == "" || s.user == user {
			keys = append(keys, key)
		}
	}
	vc.sessions.mu.Unlock()
	for _, key := range keys {
		vc.closed(key, func(of *ledger.Logins) { of.Dropped++ })
	}
	return len(keys)
}

// expireSessions ends the sessions that have been idle for too long, and takes note of those that vcsim ended: it does so
// when a client sets config.vmacore.soap.sessionTimeout.
func (vc *VCenter) expireSessions() {
	now := time.Now()
	open, expired := vc.sessions.sweep(now)
	if len(open) == 0 {
		return
	}
	known := vc.sessionKeys() // later than what we know: all of ours were there
	for _, key := range open {
		if slices.Contains(expired, key) || !known[key] {
			vc.closed(key, func(of *ledger.Logins) { of.Expired++ })
		}
	}
}

// sweep gives the keys of all sessions, and of those that have been idle for too long; none if it was asked just now.
func (s *sessions) sweep(now time.Time) (open, expired []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	pause := sweepEvery
	if s.idle > 0 {
		pause = min(pause, s.idle)
	}
	if now.Sub(s.swept) < pause {
		return nil, nil
	}
	s.swept = now
	for key, session := range s.byKey {
		open = append(open, key)
		if s.idle > 0 && session.calls == 0 && now.Sub(session.lastCall) > s.idle {
			expired = append(expired, key)
		}
	}
	return open, expired
}

// sessionKeys gives the keys of the sessions that vcsim has.
func (vc *VCenter) sessionKeys() map[string]bool {
	content := vc.registry.Get(serviceInstance).(*simulator.ServiceInstance).Content
	manager := vc.newContext().Session.Get(*content.SessionManager).(*simulator.SessionManager) // a view, with their list
	keys := make(map[string]bool, len(manager.SessionList))
	for _, session := range manager.SessionList {
		keys[session.Key] = true
	}
	return keys
}

// closed ends a session with all that belongs to it, and counts why.
func (vc *VCenter) closed(key string, count func(*ledger.Logins)) {
	vc.sessions.mu.Lock()
	s := vc.sessions.byKey[key]
	delete(vc.sessions.byKey, key)
	if s != nil {
		if vc.sessions.ended == nil {
			vc.sessions.ended = make(map[string]bool)
		}
		vc.sessions.ended[key] = true
	}
	vc.sessions.mu.Unlock()
	if s == nil {
		return
	}
	vc.ledger.Login(func(of *ledger.Logins) { of.Now--; count(of) })

	ctx := vc.newContext()
	// Not found: it has logged out.
	_ = vc.registry.SessionManager().TerminateSession(ctx, &types.TerminateSession{SessionId: []string{key}})
	ctx.Session.Registry = s.own
	for _, obj := range s.own.AllReference("") {
		vc.forgetObject(ctx, obj)
	}
}

// forgetObject ends what a session had.
func (vc *VCenter) forgetObject(ctx *simulator.Context, obj mo.Reference) {
	if collector, ok := obj.(*PropertyCollector); ok {
		collector.stopWaiting()
	}
	if handler, ok := obj.(simulator.RegisterObject); ok {
		vc.registry.RemoveHandler(handler)
	}
	// The collectors of tasks and events are counted by their manager, which gives no more than so many.
	type historyCollector interface {
		DestroyCollector(*simulator.Context, *types.DestroyCollector) soap.HasFault
	}
	if collector, ok := obj.(historyCollector); ok {
		ctx.WithLock(obj, func() { collector.DestroyCollector(ctx, &types.DestroyCollector{This: obj.Reference()}) })
	}
}

// beforeLogin are the methods that a vCenter answers without a session; what is read of properties then is that they
// can't be read (MissingProperty, NotAuthenticated).
var beforeLogin = []string{"RetrieveServiceContent", "RetrieveInternalContent", "Login", "LoginByToken",
	"LoginExtensionByCertificate", "CloneSession", "Fetch", "RetrieveProperties", "RetrievePropertiesEx"}

// Idle tells how long a session may be idle; 0 is for ever.
func (vc *VCenter) Idle() time.Duration {
	vc.sessions.mu.Lock()
	defer vc.sessions.mu.Unlock()
	return vc.sessions.idle
}
