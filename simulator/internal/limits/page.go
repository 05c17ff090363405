package limits

import (
	"encoding/json"
	"net/http"
)

// State is one resource as the admin port shows it.
type State struct {
	Capacity int `json:"capacity"`
	Used     int `json:"used"`      // units now
	MostUsed int `json:"most_used"` // units at most since the start
	Running  int `json:"running"`   // tasks that have some of it
	// MostRunning is the most tasks that ever had some of it at the same time.
	MostRunning int `json:"most_running"`
	Waiting     int `json:"waiting"` // tasks that wait for it
}

// Page is all that has a limit and was ever used. Hosts and datastores are by their managed object's value.
type Page struct {
	Tasks         State            `json:"tasks"`
	Hosts         map[string]State `json:"hosts"`
	Datastores    map[string]State `json:"datastores"`
	FCDHosts      map[string]State `json:"fcd_hosts"`
	FCDDatastores map[string]State `json:"fcd_datastores"`
}

// Page gives the state of everything.
func (g *Gate) Page() Page {
	page := Page{
		Hosts: make(map[string]State), Datastores: make(map[string]State),
		FCDHosts: make(map[string]State), FCDDatastores: make(map[string]State),
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	for resource, r := range g.resources {
		state := State{r.capacity, r.used, r.mostUsed, r.held, r.mostHeld, len(r.line)}
		switch resource.Kind {
		case Host:
			page.Hosts[resource.Name] = state
		case Datastore:
			page.Datastores[resource.Name] = state
		case FCDHost:
			page.FCDHosts[resource.Name] = state
		case FCDDatastore:
			page.FCDDatastores[resource.Name] = state
		case Tasks:
			page.Tasks = state
		}
	}
	return page
}

// Least gives the name, of some of a kind, that has the most room, the first of equals; "" of none. It is how a vCenter
// that may choose a host for some work would.
func (g *Gate) Least(kind Kind, names []string) (least string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	booked := -1
	for _, name := range names {
		taken := 0
		if r := g.resources[Resource{kind, name}]; r != nil {
			taken = r.used + len(r.line)
		}
		if booked < 0 || taken < booked {
			least, booked = name, taken
		}
	}
	return least
}

// ServeHTTP answers with the Page as JSON.
func (g *Gate) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	content, err := json.MarshalIndent(g.Page(), "", "  ")
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write(append(content, '\n'))
}
