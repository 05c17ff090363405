// Package ledger counts what is asked of the vCenter and what became of it, so that a test can believe the vCenter
// instead of the program under test.
package ledger

import (
	"encoding/json"
	"net/http"
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

// Operations counts one method on one entity.
type Operations struct {
	Started   int `json:"started"`   // tasks made
	Succeeded int `json:"succeeded"` // of those, ended well
	Failed    int `json:"failed"`
	Cancelled int `json:"cancelled"`
	// Overlapping counts the calls that were refused because a task was running on the entity.
	Overlapping int `json:"overlapping"`
}

// Traffic counts the bytes that copies moved.
type Traffic struct {
	ReadBytes    int64 `json:"read_bytes"`
	WrittenBytes int64 `json:"written_bytes"`
}

// Page is the ledger as it is read.
type Page struct {
	Calls       map[string]int                    `json:"calls"`      // by method
	Sessions    map[string]map[string]int         `json:"sessions"`   // calls by session and method
	Operations  map[string]map[string]*Operations `json:"operations"` // by method and entity's name
	Datastores  map[string]*Traffic               `json:"datastores"` // by name
	Running     int                               `json:"running"`    // tasks that take time, now
	MostRunning int                               `json:"most_running"`
}

// Ledger is kept by all at once.
type Ledger struct {
	mu   sync.Mutex
	page Page
}

// New opens an empty ledger.
func New() *Ledger {
	return &Ledger{page: Page{
		Calls:      make(map[string]int),
		Sessions:   make(map[string]map[string]int),
		Operations: make(map[string]map[string]*Operations),
		Datastores: make(map[string]*Traffic),
	}}
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
}

// Start counts a task that begins.
func (l *Ledger) Start(method, entity string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.of(method, entity).Started++
	l.page.Running++
	l.page.MostRunning = max(l.page.MostRunning, l.page.Running)
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

// Zeroed counts bytes of zeros written to a datastore.
func (l *Ledger) Zeroed(datastore string, bytes int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.page.Datastores[datastore] == nil {
		l.page.Datastores[datastore] = new(Traffic)
	}
	l.page.Datastores[datastore].WrittenBytes += bytes
}

// Moved counts bytes copied from one datastore to another.
func (l *Ledger) Moved(from, to string, bytes int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, name := range []string{from, to} {
		if l.page.Datastores[name] == nil {
			l.page.Datastores[name] = new(Traffic)
		}
	}
	l.page.Datastores[from].ReadBytes += bytes
	l.page.Datastores[to].WrittenBytes += bytes
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
