package admin

import (
	"fmt"
	"net/http"
	"time"

	"vrelocate/simulator/internal/scenario"
)

// Sessions are the limits of sessions, and how many there are.
type Sessions struct {
	Open int    `json:"open"` // of the API
	Idle string `json:"idle"` // how long one may be idle; 0s is for ever
	Max  int    `json:"max"`  // how many there may be, REST's among them; 0 is any number
}

func (c *Controls) showSessions(*http.Request) (any, error) {
	return Sessions{Open: c.VCenter.OpenSessions(), Idle: c.VCenter.Idle().String(), Max: c.Gate.MaxSessions()}, nil
}

func (c *Controls) setSessions(r *http.Request) (any, error) {
	var wanted scenario.Sessions
	if err := read(r, &wanted); err != nil {
		return nil, err
	}
	if wanted.Max != nil && *wanted.Max < 0 {
		return nil, fmt.Errorf("max is %d; it is how many sessions there may be, or 0 for any number", *wanted.Max)
	}
	if wanted.Idle != nil {
		c.VCenter.SetIdle(time.Duration(*wanted.Idle))
	}
	if wanted.Max != nil {
		c.Gate.SetMaxSessions(*wanted.Max)
	}
	return c.showSessions(r)
}

// dropSessions ends the sessions of the user in the query, or all.
func (c *Controls) dropSessions(r *http.Request) (any, error) {
	user := r.URL.Query().Get("user")
	return map[string]int{"dropped": c.VCenter.DropSessions(user), "dropped_rest": c.Server.DropREST(user)}, nil
}
