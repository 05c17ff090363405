package vcenter

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/ledger"
)

// Login lets a user in whose password is right, and counts.
func (m *SessionManager) Login(ctx *simulator.Context, req *types.Login) soap.HasFault {
	res := m.SessionManager.Login(ctx, req)
	if res.Fault() != nil {
		m.vc.ledger.Login(func(of *ledger.Logins) { of.Refused++ })
		return res
	}
	m.vc.opened(ctx.Session)
	return res
}

// Logout ends the session with what belongs to it, also a wait for updates on another connection.
func (m *SessionManager) Logout(ctx *simulator.Context, req *types.Logout) soap.HasFault {
	key := ctx.Session.Key
	res := m.SessionManager.Logout(ctx, req)
	m.vc.closed(key, func(of *ledger.Logins) { of.Left++ })
	return res
}

// TerminateSession ends other sessions with what belongs to them.
func (m *SessionManager) TerminateSession(ctx *simulator.Context, req *types.TerminateSession) soap.HasFault {
	res := m.SessionManager.TerminateSession(ctx, req)
	if res.Fault() == nil {
		for _, key := range req.SessionId {
			m.vc.closed(key, func(of *ledger.Logins) { of.Dropped++ })
		}
	}
	return res
}
