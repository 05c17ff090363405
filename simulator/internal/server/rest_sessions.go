package server

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"time"

	"vrelocate/simulator/internal/ledger"
)

// restSessions knows the sessions of the REST API, which vcsim keeps to itself: it sees them being made, used and ended
// on the way. Those that are made by JSON-RPC it does not know.
type restSessions struct {
	gate *Gate

	mu   sync.Mutex
	byID map[string]*restSession
}

type restSession struct {
	user     string
	lastUsed time.Time
}

// The session service of the REST API ("Create Session", "Delete Session" of com.vmware.cis.session).
const (
	restSessionHeader = "vmware-api-session-id"
	restSessionPath   = "/rest/com/vmware/cis/session"
)

// serve carries a request of the REST API out.
func (s *restSessions) serve(w http.ResponseWriter, r *http.Request) {
	s.expire()
	if id := restSessionOf(r); id != "" {
		s.used(id)
	}
	if r.URL.Path != restSessionPath || r.URL.Query().Get("~action") != "" {
		s.gate.next.ServeHTTP(w, r)
		return
	}
	switch r.Method {
	case http.MethodPost:
		s.login(w, r)
	case http.MethodDelete:
		s.gate.next.ServeHTTP(w, r)
		s.gone([]string{restSessionOf(r)}, func(of *ledger.Logins) { of.Left++ })
	default:
		s.gate.next.ServeHTTP(w, r)
	}
}

// login lets a session be made and reads from the answer which one it is.
func (s *restSessions) login(w http.ResponseWriter, r *http.Request) {
	if s.gate.full() {
		s.gate.Ledger.Login(func(of *ledger.Logins) { of.OverMany++ })
		unavailable(w)
		return
	}
	answer := hold(w)
	s.gate.next.ServeHTTP(answer, r)
	var made struct {
		Value string `json:"value"`
	}
	switch {
	case answer.status == http.StatusUnauthorized:
		s.gate.Ledger.Login(func(of *ledger.Logins) { of.Refused++ })
	case answer.status == http.StatusOK && json.Unmarshal(answer.body.Bytes(), &made) == nil && made.Value != "":
		user, _, _ := r.BasicAuth()
		s.mu.Lock()
		if s.byID == nil {
			s.byID = make(map[string]*restSession)
		}
		s.byID[made.Value] = &restSession{user: user, lastUsed: time.Now()}
		s.mu.Unlock()
		s.gate.Ledger.Login(func(of *ledger.Logins) { of.Accepted++; of.Now++ })
	}
	answer.release()
}

func restSessionOf(r *http.Request) string {
	if id := r.Header.Get(restSessionHeader); id != "" {
		return id
	}
	if cookie, err := r.Cookie(restSessionHeader); err == nil {
		return cookie.Value
	}
	return ""
}

func (s *restSessions) used(id string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if session := s.byID[id]; session != nil {
		session.lastUsed = time.Now()
	}
}

func (s *restSessions) open() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.byID)
}

// expire ends the sessions that have been idle for too long.
func (s *restSessions) expire() {
	idle := s.gate.VCenter.Idle()
	if idle == 0 {
		return
	}
	expired := s.which(func(session *restSession) bool { return time.Since(session.lastUsed) > idle })
	s.end(expired, func(of *ledger.Logins) { of.Expired++ })
}

// drop ends the sessions of a user, or all if the user is empty, and tells how many there were.
func (s *restSessions) drop(user string) int {
	dropped := s.which(func(session *restSession) bool { return user == "" || session.user == user })
	s.end(dropped, func(of *ledger.Logins) { of.Dropped++ })
	return len(dropped)
}

func (s *restSessions) which(wanted func(*restSession) bool) (ids []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, session := range s.byID {
		if wanted(session) {
			ids = append(ids, id)
		}
	}
	return ids
}

// end has vcsim forget sessions, as if each had logged out.
func (s *restSessions) end(ids []string, count func(*ledger.Logins)) {
	for _, id := range ids {
		request, err := http.NewRequest(http.MethodDelete, restSessionPath, strings.NewReader(""))
		if err != nil {
			return // the path is a constant
		}
		request.Header.Set(restSessionHeader, id)
		s.gate.next.ServeHTTP(hold(nil), request)
	}
	s.gone(ids, count)
}

// gone counts sessions that have ended.
func (s *restSessions) gone(ids []string, count func(*ledger.Logins)) {
	for _, id := range ids {
		s.mu.Lock()
		_, known := s.byID[id]
		delete(s.byID, id)
		s.mu.Unlock()
		if known {
			s.gate.Ledger.Login(func(of *ledger.Logins) { of.Now--; count(of) })
		}
	}
}
