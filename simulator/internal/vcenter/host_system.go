package vcenter

import (
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// HostSystem differs from vcsim's in that its connection counts: there the state is a word that nothing follows from,
// and that clients who wait for changes never hear of. Its maintenance mode waits for running VMs (HostSystem in the
// vSphere Web Services API).
type HostSystem struct {
	*simulator.HostSystem
	vc *VCenter
}

// Lock and Unlock keep simulator.Service from holding the host's lock during our methods (see Datastore.Lock).
func (h *HostSystem) Lock() {}

// Unlock goes with Lock.
func (h *HostSystem) Unlock() {}

// DisconnectHostTask "disconnects from a host and instructs the server to stop sending heartbeats".
func (h *HostSystem) DisconnectHostTask(ctx *simulator.Context, _ *types.DisconnectHost_Task) soap.HasFault {
	body := new(methods.DisconnectHost_TaskBody)
	ref, fault := h.start(ctx, "disconnectHost", "", func(*operation) types.BaseMethodFault {
		h.vc.setHostState(h.Self, types.HostSystemConnectionStateDisconnected)
		return nil
	})
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.DisconnectHost_TaskResponse{Returnval: ref}
	return body
}

// ReconnectHostTask "reconnects a host to VirtualCenter". InvalidState: "if host is not in the disconnected state".
func (h *HostSystem) ReconnectHostTask(ctx *simulator.Context, _ *types.ReconnectHost_Task) soap.HasFault {
	body := new(methods.ReconnectHost_TaskBody)
	ref, fault := h.start(ctx, "reconnectHost", "", func(*operation) types.BaseMethodFault {
		if h.vc.away.fault(h.Self) == nil {
			return new(types.InvalidState)
		}
		h.vc.setHostState(h.Self, types.HostSystemConnectionStateConnected)
		return nil
	})
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.ReconnectHost_TaskResponse{Returnval: ref}
	return body
}

// EnterMaintenanceModeTask "puts the host in maintenance mode. [...] The task completes when there are no powered on
// virtual machines on the host" or, with Timedout, when req.Timeout seconds have passed. It can be cancelled.
func (h *HostSystem) EnterMaintenanceModeTask(ctx *simulator.Context, req *types.EnterMaintenanceMode_Task) soap.HasFault {
	body := new(methods.EnterMaintenanceMode_TaskBody)
	ref, fault := h.start(ctx, "enterMaintenanceMode", "maintenance mode of "+h.Self.Value, func(op *operation) types.BaseMethodFault {
		return op.enterHostMaintenance(h.HostSystem, time.Duration(req.Timeout)*time.Second)
	})
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.EnterMaintenanceMode_TaskResponse{Returnval: ref}
	return body
}

// ExitMaintenanceModeTask takes the host out of maintenance mode. InvalidState: "if the host is not in maintenance mode".
func (h *HostSystem) ExitMaintenanceModeTask(ctx *simulator.Context, _ *types.ExitMaintenanceMode_Task) soap.HasFault {
	body := new(methods.ExitMaintenanceMode_TaskBody)
	ref, fault := h.start(ctx, "exitMaintenanceMode", "", func(op *operation) types.BaseMethodFault {
		return op.turnHost(h.HostSystem, false)
	})
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.ExitMaintenanceMode_TaskResponse{Returnval: ref}
	return body
}

func (h *HostSystem) start(ctx *simulator.Context, id, claim string, run func(*operation) types.BaseMethodFault) (types.ManagedObjectReference, types.BaseMethodFault) {
	return h.vc.start(ctx, job{
		entity: h.HostSystem,
		id:     "HostSystem." + id,
		method: methodOf(id),
		name:   h.Name,
		claim:  claim,
		run:    func(op *operation) (types.AnyType, types.BaseMethodFault) { return nil, run(op) },
	})
}

// enterHostMaintenance waits until no VM runs on a host.
func (op *operation) enterHostMaintenance(host *simulator.HostSystem, timeout time.Duration) types.BaseMethodFault {
	if fault := op.vc.away.fault(host.Self); fault != nil {
		return fault
	}
	var late <-chan time.Time // "if the timeout is less than or equal to zero, there is no timeout"
	if timeout > 0 {
		timer := time.NewTimer(timeout)
		defer timer.Stop()
		late = timer.C
	}
	for {
		rung := op.vc.storage.rung()
		if !op.runsVMs(host) {
			return op.turnHost(host, true)
		}
		select {
		case <-rung:
		case <-late:
			return new(types.Timedout)
		case <-op.copying.Done():
			return op.stopped()
		}
	}
}

// runsVMs tells whether a VM on the host is not powered off.
func (op *operation) runsVMs(host *simulator.HostSystem) bool {
	var refs []types.ManagedObjectReference
	op.ctx.WithLock(host, func() { refs = append(refs, host.Vm...) })
	for _, ref := range refs {
		vm, ok := op.vc.registry.Get(ref).(*simulator.VirtualMachine)
		if !ok {
			continue
		}
		var runs bool
		op.ctx.WithLock(vm, func() { runs = vm.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOn })
		if runs {
			return true
		}
	}
	return false
}

// turnHost puts a host into maintenance mode or takes it out.
func (op *operation) turnHost(host *simulator.HostSystem, maintenance bool) (fault types.BaseMethodFault) {
	op.ctx.WithLock(host, func() {
		if host.Runtime.InMaintenanceMode == maintenance {
			fault = new(types.InvalidState)
			return
		}
		op.ctx.Update(host, []types.PropertyChange{
			{Name: "runtime.inMaintenanceMode", Val: maintenance},
			{Name: "summary.runtime.inMaintenanceMode", Val: maintenance},
		})
	})
	return fault
}

// takesVMs gives the fault of putting a VM on a host: it is away (see awayHosts.fault), or in maintenance mode
// (InvalidHostState). nil: go on.
func (vc *VCenter) takesVMs(ctx *simulator.Context, ref types.ManagedObjectReference) types.BaseMethodFault {
	if fault := vc.away.fault(ref); fault != nil {
		return fault
	}
	if vc.hostInMaintenance(ctx, ref) {
		return &types.InvalidHostState{Host: &ref}
	}
	return nil
}

func (vc *VCenter) hostInMaintenance(ctx *simulator.Context, ref types.ManagedObjectReference) (is bool) {
	if host, ok := vc.registry.Get(ref).(*simulator.HostSystem); ok {
		ctx.WithLock(host, func() { is = host.Runtime.InMaintenanceMode })
	}
	return is
}
