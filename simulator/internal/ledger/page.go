package ledger

import "time"

// Page is the ledger as it is read. All counts are since Since, but for what is said to be of now.
type Page struct {
	Since       time.Time                         `json:"since"`        // the start, or the last reset
	Calls       map[string]int                    `json:"calls"`        // by method
	Sessions    map[string]map[string]int         `json:"sessions"`     // calls by session and method
	Polls       int                               `json:"polls"`        // calls that wait for updates
	Requests    map[string]*Requests              `json:"requests"`     // of HTTP that are no call of /sdk, such as "GET /folder"
	Operations  map[string]map[string]*Operations `json:"operations"`   // by method and entity's name
	Overlaps    map[string]int                    `json:"overlaps"`     // by entity's name: work begun while other work on it was under way
	Datastores  map[string]*Traffic               `json:"datastores"`   // by name
	Faults      map[string]map[string]int         `json:"faults"`       // that have struck, by method or path and what it was
	Running     int                               `json:"running"`      // tasks that are not over, now
	MostRunning int                               `json:"most_running"` // and at most
	Working     int                               `json:"working"`      // of those, not queued: at work, now
	MostWorking int                               `json:"most_working"` // and at most
	Logins      Logins                            `json:"logins"`
}

// Operations counts one method on one entity.
type Operations struct {
	Started   int `json:"started"`   // tasks made
	Queued    int `json:"queued"`    // of those, had to wait for room
	Succeeded int `json:"succeeded"` // of those, ended well
	Failed    int `json:"failed"`
	Cancelled int `json:"cancelled"`
	// Overlapping counts the calls that were refused because a task was running on the entity.
	Overlapping int `json:"overlapping"`
}

// Requests counts requests of HTTP.
type Requests struct {
	Count         int   `json:"count"`
	Failed        int   `json:"failed"` // of those, answered with a status from 400 on
	ReceivedBytes int64 `json:"received_bytes"`
	SentBytes     int64 `json:"sent_bytes"`
}

// Logins counts sessions, of the API and of REST alike.
type Logins struct {
	Accepted int `json:"accepted"`
	Refused  int `json:"refused"`    // of a wrong user or password
	OverMany int `json:"over_limit"` // of a session too many
	Left     int `json:"logged_out"`
	Expired  int `json:"expired"` // sessions that were idle for too long
	Dropped  int `json:"dropped"` // sessions that were ended, by somebody or by a restart
	Now      int `json:"now"`
	Most     int `json:"most"`
}

func emptyPage() Page {
	return Page{
		Since:      time.Now().UTC(),
		Calls:      make(map[string]int),
		Sessions:   make(map[string]map[string]int),
		Requests:   make(map[string]*Requests),
		Operations: make(map[string]map[string]*Operations),
		Overlaps:   make(map[string]int),
		Datastores: make(map[string]*Traffic),
		Faults:     make(map[string]map[string]int),
	}
}
