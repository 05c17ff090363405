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

// Page is all that has a limit and was ever used.
type Page struct {
	Tasks         State            `json:"tasks"`
	Hosts         map[string]State `json:"hosts"`
	Datastores    map[string]State `json:"datastores"`
	FCDHosts      map[string]State `json:"fcd_hosts"`
	FCDDatastores map[string]State `json:"fcd_datastores"`
}

// Page gives the state of everything, by the names that Gate.NameOf gives.
func (g *Gate) Page() Page {
	g.mu.Lock()
	states := make(map[Resource]State, len(g.resources))
	for resource, r := range g.resources {
		states[resource] = State{r.capacity, r.used, r.mostUsed, r.held, r.mostHeld, len(r.line)}
	}
	g.mu.Unlock() // naming may take other locks

	page := Page{
		Hosts: make(map[string]State), Datastores: make(map[string]State),
		FCDHosts: make(map[string]State), FCDDatastores: make(map[string]State),
	}
	of := map[Kind]map[string]State{Host: page.Hosts, Datastore: page.Datastores, FCDHost: page.FCDHosts, FCDDatastore: page.FCDDatastores}
	for resource, state := range states {
		if resource.Kind == Tasks {
			page.Tasks = state
			continue
		}
		name := resource.Name
		if g.NameOf != nil {
			name = g.NameOf(resource)
		}
		if _, taken := of[resource.Kind][name]; taken {
			name = resource.Name // of the same name, in another datacenter
		}
		of[resource.Kind][name] = state
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
