// Package admin is what the admin port does: trouble on demand, and the ledger that tells what became of it.
// docs/simulator.md lists the routes.
package admin

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"time"

	"github.com/goccy/go-yaml"

	"vrelocate/simulator/internal/faultplan"
	"vrelocate/simulator/internal/server"
	"vrelocate/simulator/internal/vcenter"
)

// Controls are what the admin port has its hands on.
type Controls struct {
	VCenter *vcenter.VCenter
	Faults  *faultplan.Plan
	Gate    *server.Gate
	Server  *server.Server

	restarting sync.Mutex
	coming     *time.Timer // of a restart under way
}

// Pages gives the routes by pattern of http.ServeMux.
func (c *Controls) Pages() map[string]http.Handler {
	return map[string]http.Handler{
		"GET /vrelocate/ledger":                c.VCenter.Ledger(),
		"POST /vrelocate/ledger/reset":         route(c.resetLedger),
		"GET /vrelocate/limits":                c.VCenter.Limits(),
		"GET /vrelocate/faults":                route(c.listFaults),
		"POST /vrelocate/faults":               route(c.addFaults),
		"DELETE /vrelocate/faults":             route(c.liftAllFaults),
		"DELETE /vrelocate/faults/{id}":        route(c.liftFault),
		"GET /vrelocate/sessions":              route(c.showSessions),
		"POST /vrelocate/sessions":             route(c.setSessions),
		"DELETE /vrelocate/sessions":           route(c.dropSessions),
		"POST /vrelocate/restart":              route(c.restart),
		"POST /vrelocate/stop":                 route(c.stop),
		"POST /vrelocate/start":                route(c.start),
		"POST /vrelocate/clock":                route(c.setClock),
		"POST /vrelocate/hosts/{name...}":      route(c.changeHost),
		"POST /vrelocate/datastores/{name...}": route(c.changeDatastore),
		"GET /vrelocate":                       route(c.show),
	}
}

// maxBody is more than any request of ours needs.
const maxBody = 1 << 20

// route answers with what a handler gives, as JSON, or with its error: 400, and what to do instead.
func route(handle func(*http.Request) (any, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxBody)
		answer, err := handle(r)
		status := http.StatusOK
		if err != nil {
			status = http.StatusBadRequest
			if unknown := new(unknownError); errors.As(err, &unknown) {
				status = http.StatusNotFound
			}
			answer = map[string]string{"error": err.Error()}
		}
		content, err := json.MarshalIndent(answer, "", "  ")
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write(append(content, '\n'))
	})
}

// unknownError says that there is nothing of the name.
type unknownError struct{ error }

// read reads a request's body, JSON or YAML, which may be empty. A key that is not known is an error that names it.
func read(r *http.Request, into any) error {
	content, err := io.ReadAll(r.Body)
	if err != nil {
		return fmt.Errorf("reading the request: %w", err)
	}
	err = yaml.NewDecoder(bytes.NewReader(content), yaml.Strict()).Decode(into)
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

func (c *Controls) resetLedger(*http.Request) (any, error) {
	c.VCenter.Ledger().Reset()
	return map[string]any{}, nil
}

// State is the vCenter at a glance.
type State struct {
	Away     server.Outage `json:"away"` // empty: it is there
	Sessions int           `json:"sessions"`
	Faults   int           `json:"faults"` // rules
	Clock    string        `json:"clock"`  // by how much it is ahead
}

func (c *Controls) show(*http.Request) (any, error) {
	return State{
		Away:     c.Server.Away(),
		Sessions: c.VCenter.OpenSessions(),
		Faults:   len(c.Faults.Rules()),
		Clock:    c.VCenter.ClockOffset().String(),
	}, nil
}
