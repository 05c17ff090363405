// Package ledger counts what is asked of the vCenter and what became of it, so that a test can believe the vCenter
// instead of the program under test.
package ledger

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
)

// Outcome is how an operation ended.
type Outcome int

// The outcomes of a task.
const (
	Succeeded Outcome = iota
	Failed
	Cancelled
)

// Ledger is kept by all at once.
type Ledger struct {
	mu     sync.Mutex
	page   Page
	atWork map[string]int // by what nobody else may work on meanwhile
}

// New opens an empty ledger.
func New() *Ledger { return &Ledger{page: emptyPage(), atWork: make(map[string]int)} }

// Reset begins a new page. What is there now stays: tasks that are not over, sessions.
func (l *Ledger) Reset() {
	l.mu.Lock()
	defer l.mu.Unlock()
	old := l.page
	l.page = emptyPage()
	l.page.Running, l.page.MostRunning = old.Running, old.Running
	l.page.Working, l.page.MostWorking = old.Working, old.Working
	l.page.Logins.Now, l.page.Logins.Most = old.Logins.Now, old.Logins.Now
}

// Call counts a call of a session.
func (l *Ledger) Call(session, method string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.page.Calls[method]++
	if l.page.Sessions[session] == nil {
		l.page.Sessions[session] = make(map[string]int)
	}
	l.page.Sessions[session][method]++
	if strings.HasPrefix(method, "WaitForUpdates") {
		l.page.Polls++
	}
}

// Request counts a request of HTTP that is no call of the API, by what it is, such as "GET /folder".
func (l *Ledger) Request(what string, failed bool, receivedBytes, sentBytes int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.page.Requests[what] == nil {
		l.page.Requests[what] = new(Requests)
	}
	of := l.page.Requests[what]
	of.Count++
	if failed {
		of.Failed++
	}
	of.ReceivedBytes += receivedBytes
	of.SentBytes += sentBytes
}

// Struck counts a fault that has struck: a method or a path, and what befell it.
func (l *Ledger) Struck(what, trouble string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.page.Faults[what] == nil {
		l.page.Faults[what] = make(map[string]int)
	}
	l.page.Faults[what][trouble]++
}

// Login lets count what became of sessions.
func (l *Ledger) Login(count func(*Logins)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	count(&l.page.Logins)
	l.page.Logins.Most = max(l.page.Logins.Most, l.page.Logins.Now)
}

// Start counts a task that is made.
func (l *Ledger) Start(method, entity string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.of(method, entity).Started++
	l.page.Running++
	l.page.MostRunning = max(l.page.MostRunning, l.page.Running)
}

// Queue counts a task that has to wait for room.
func (l *Ledger) Queue(method, entity string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.of(method, entity).Queued++
}

// Work counts work that truly begins, and gives what to call at its end. Of what has the same claim nothing else may be
// under way; if something is, the entity's name goes into Overlaps. Without a claim anything may.
func (l *Ledger) Work(claim, entity string) (ends func()) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.page.Working++
	l.page.MostWorking = max(l.page.MostWorking, l.page.Working)
	if claim != "" {
		if l.atWork[claim] > 0 {
			l.page.Overlaps[entity]++
		}
		l.atWork[claim]++
	}
	return func() {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.page.Working--
		if claim == "" {
			return
		}
		if l.atWork[claim]--; l.atWork[claim] == 0 {
			delete(l.atWork, claim)
		}
	}
}

// End counts how a task ended.
func (l *Ledger) End(method, entity string, outcome Outcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.page.Running--
	switch operations := l.of(method, entity); outcome {
	case Succeeded:
		operations.Succeeded++
	case Failed:
		operations.Failed++
	case Cancelled:
		operations.Cancelled++
	}
}

// Refuse counts a call that came while a task was running on the entity.
func (l *Ledger) Refuse(method, entity string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.of(method, entity).Overlapping++
}

func (l *Ledger) of(method, entity string) *Operations {
	if l.page.Operations[method] == nil {
		l.page.Operations[method] = make(map[string]*Operations)
	}
	if l.page.Operations[method][entity] == nil {
		l.page.Operations[method][entity] = new(Operations)
	}
	return l.page.Operations[method][entity]
}

// ServeHTTP answers with the Page as JSON.
func (l *Ledger) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	l.mu.Lock()
	content, err := json.MarshalIndent(l.page, "", "  ")
	l.mu.Unlock()
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(content, '\n'))
}
