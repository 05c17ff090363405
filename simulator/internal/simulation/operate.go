package simulation

import (
	"net/http"
	"time"

	"vrelocate/simulator/internal/admin"
	"vrelocate/simulator/internal/faultplan"
	"vrelocate/simulator/internal/scenario"
	"vrelocate/simulator/internal/server"
	"vrelocate/simulator/internal/vcenter"
)

// operate puts the gate before a vCenter and its controls on the admin port, as the scenario sets them.
func operate(opts *server.Options, vc *vcenter.VCenter, faults *faultplan.Plan, described *scenario.Scenario) {
	gate := &server.Gate{Plan: faults, Ledger: vc.Ledger(), VCenter: vc}
	opts.Gate = gate
	gate.SetMaxSessions(server.DefaultMaxSessions)
	if limit := described.Sessions.Max; limit != nil {
		gate.SetMaxSessions(*limit)
	}
	vc.SetIdle(vcenter.DefaultIdle)
	if idle := described.Sessions.Idle; idle != nil {
		vc.SetIdle(time.Duration(*idle))
	}
	vc.SetClockOffset(time.Duration(described.Clock.Offset))
	opts.Pages = func(srv *server.Server) map[string]http.Handler {
		controls := &admin.Controls{VCenter: vc, Faults: faults, Gate: gate, Server: srv}
		return controls.Pages()
	}
}
