package vcenter

import (
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// SessionManager differs from vcsim's in that the tickets that it gives are worth something at /folder
// (SessionManager.AcquireGenericServiceTicket: "creates and returns a one-time credential that may be used to make the
// specified request").
type SessionManager struct {
	*simulator.SessionManager
	vc *VCenter
}

// AcquireGenericServiceTicket gives a ticket for one HTTP request.
func (m *SessionManager) AcquireGenericServiceTicket(_ *simulator.Context, req *types.AcquireGenericServiceTicket) soap.HasFault {
	body := m.SessionManager.AcquireGenericServiceTicket(req).(*methods.AcquireGenericServiceTicketBody)
	if spec, ok := req.Spec.(*types.SessionManagerHttpServiceRequestSpec); ok {
		m.vc.tickets.issue(body.Res.Returnval.Id, *spec)
	}
	return body
}

// ticketCookie is the cookie that a ticket comes in.
const ticketCookie = "vmware_cgi_ticket"

// ticketLife is how long a ticket waits for its request. No document says how long a vCenter's does.
const ticketLife = 2 * time.Minute

// ticketOffice knows the tickets that were given and not used.
type ticketOffice struct {
	mu      sync.Mutex
	tickets map[string]ticket
}

// ticket allows one request. "Only the path and query parts of the URL are used" (SessionManagerHttpServiceRequestSpec);
// here the path, which the client may have escaped in another way, and the datastore.
type ticket struct {
	method    string // in capitals; empty: any ("if null, then any method is assumed")
	path      string
	datastore string
	until     time.Time
}

func (o *ticketOffice) issue(id string, spec types.SessionManagerHttpServiceRequestSpec) {
	address, err := url.Parse(spec.Url)
	if err != nil {
		return // good for nothing
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	now := time.Now()
	for old, t := range o.tickets {
		if now.After(t.until) {
			delete(o.tickets, old)
		}
	}
	if o.tickets == nil {
		o.tickets = make(map[string]ticket)
	}
	o.tickets[id] = ticket{
		method:    strings.ToUpper(strings.TrimPrefix(spec.Method, "http")), // httpGet
		path:      address.Path,
		datastore: address.Query().Get("dsName"),
		until:     now.Add(ticketLife),
	}
}

// redeem takes a ticket and tells whether it is good for a request.
func (o *ticketOffice) redeem(id string, r *http.Request) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	t, known := o.tickets[id]
	delete(o.tickets, id)
	return known && time.Now().Before(t.until) && (t.method == "" || t.method == r.Method) &&
		t.path == r.URL.Path && t.datastore == r.URL.Query().Get("dsName")
}
