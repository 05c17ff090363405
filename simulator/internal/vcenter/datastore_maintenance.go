package vcenter

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// The states of a datastore's maintenance mode.
const (
	normal              = types.DatastoreSummaryMaintenanceModeStateNormal
	enteringMaintenance = types.DatastoreSummaryMaintenanceModeStateEnteringMaintenance
	inMaintenance       = types.DatastoreSummaryMaintenanceModeStateInMaintenance
)

// DatastoreEnterMaintenanceMode puts the datastore into maintenance mode; vcsim has nothing like it. In the words of the
// vSphere Web Services API: "While this task is running and when the datastore is in maintenance mode, no virtual
// machines can be powered on and no provisioning operations can be performed on the datastore. [...] The task completes
// once there are no virtual machines on the datastore and no provisioning operations in progress on the datastore. The
// operation does not directly initiate any operations to evacuate [...]. However, if the datastore is part of a storage
// cluster with VMware Storage DRS enabled, Storage DRS provides migration recommendations to evacuate the virtual
// machines. If Storage DRS is in fully-automatic mode, these are automatically scheduled."
//
// InvalidState: "if the datastore is already in maintenance mode or is entering maintenance mode". A cancel ends the
// task in RequestCanceled and leaves the datastore as it was.
func (ds *Datastore) DatastoreEnterMaintenanceMode(ctx *simulator.Context, _ *types.DatastoreEnterMaintenanceMode) soap.HasFault {
	body := new(methods.DatastoreEnterMaintenanceModeBody)
	s := ds.vc.store(ds.Self)
	if !ds.vc.turn(ctx, s, normal, enteringMaintenance) {
		body.Fault_ = refusal(new(types.InvalidState))
		return body
	}
	result := ds.vc.evacuation(ctx, s)
	ref, fault := ds.vc.start(ctx, job{
		entity: ds.Datastore,
		id:     "Datastore.enterMaintenanceMode",
		method: "DatastoreEnterMaintenanceMode",
		name:   ds.called(ctx),
		claim:  "maintenance mode of " + ds.Self.Value,
		run: func(op *operation) (types.AnyType, types.BaseMethodFault) {
			return nil, op.enterMaintenance(s)
		},
	})
	if fault != nil {
		ds.vc.turn(ctx, s, enteringMaintenance, normal)
		body.Fault_ = refusal(fault)
		return body
	}
	result.Task = &ref
	body.Res = &types.DatastoreEnterMaintenanceModeResponse{Returnval: result}
	return body
}

// DatastoreExitMaintenanceModeTask takes the datastore out of maintenance mode. InvalidState: "if the datastore is not
// in maintenance mode"; one that is still entering it is left by cancelling that task.
func (ds *Datastore) DatastoreExitMaintenanceModeTask(ctx *simulator.Context, _ *types.DatastoreExitMaintenanceMode_Task) soap.HasFault {
	body := new(methods.DatastoreExitMaintenanceMode_TaskBody)
	s := ds.vc.store(ds.Self)
	ref, fault := ds.vc.start(ctx, job{
		entity: ds.Datastore,
		id:     "Datastore.exitMaintenanceMode",
		method: "DatastoreExitMaintenanceMode_Task",
		name:   ds.called(ctx),
		run: func(op *operation) (types.AnyType, types.BaseMethodFault) {
			if !op.vc.turn(op.ctx, s, inMaintenance, normal) {
				return nil, new(types.InvalidState)
			}
			return nil, nil
		},
	})
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.DatastoreExitMaintenanceMode_TaskResponse{Returnval: ref}
	return body
}

// enterMaintenance waits until nothing is left on a datastore.
func (op *operation) enterMaintenance(s *store) types.BaseMethodFault {
	for {
		rung := op.vc.storage.rung()
		// In this order: what an operation put there is a VM's before the operation is over.
		if !s.condition.isFilling() && op.vc.isEmpty(op.ctx, s) {
			op.vc.turn(op.ctx, s, enteringMaintenance, inMaintenance)
			return nil
		}
		select {
		case <-rung:
		case <-op.copying.Done():
			op.vc.turn(op.ctx, s, enteringMaintenance, normal)
			return new(types.RequestCanceled)
		}
	}
}

// turn brings a datastore from one maintenance mode into another; false: it was in none such.
func (vc *VCenter) turn(ctx *simulator.Context, s *store, from, to types.DatastoreSummaryMaintenanceModeState) bool {
	if !s.condition.enter(from, to) {
		return false
	}
	if ds, ok := vc.registry.Get(s.ref).(*simulator.Datastore); ok {
		ctx.WithLock(ds, func() {
			ctx.Update(ds, []types.PropertyChange{{Name: "summary.maintenanceMode", Val: string(to)}})
		})
	}
	return true
}

// isEmpty tells whether no VM, running or not, template or not, has a file on a datastore.
func (vc *VCenter) isEmpty(ctx *simulator.Context, s *store) (empty bool) {
	ds, ok := vc.registry.Get(s.ref).(*simulator.Datastore)
	if !ok {
		return true
	}
	ctx.WithLock(ds, func() { empty = len(ds.Vm) == 0 })
	return empty
}
