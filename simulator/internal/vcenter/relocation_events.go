package vcenter

import (
	"fmt"

	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// Events of a relocation, as EventManager has them: VmBeingRelocatedEvent, then VmRelocatedEvent or
// VmRelocateFailedEvent. A VM that changes its host and nothing else has VmMigratedEvent and VmFailedMigrateEvent instead.
// vcsim posts a VmMigratedEvent for all. Their texts are a vCenter's.

// eventPlace is a VM's place as events tell it.
type eventPlace struct {
	host       types.HostEventArgument
	datastore  *types.DatastoreEventArgument
	datacenter *types.DatacenterEventArgument
}

func (p eventPlace) String() string {
	return fmt.Sprintf("%s, %s in %s", p.host.Name, p.datastore.Name, p.datacenter.Name)
}

// sourceOf gives where the VM is before it moves.
func (op *operation) sourceOf(r *relocation) (from eventPlace) {
	op.ctx.WithLock(r.vm, func() { from = op.vc.eventPlace(*r.vm.Runtime.Host, r.home.from, r.datacenter) })
	return from
}

// targetOf gives where the VM is to be.
func (op *operation) targetOf(r *relocation) eventPlace {
	host := r.compute.host
	if host == nil && len(r.compute.candidates) > 0 {
		host = &r.compute.candidates[0]
	}
	if host == nil {
		host = r.vm.Runtime.Host
	}
	return op.vc.eventPlace(*host, r.home.to, r.target)
}

func (vc *VCenter) eventPlace(host types.ManagedObjectReference, s *store, datacenter types.ManagedObjectReference) eventPlace {
	return eventPlace{
		host:       types.HostEventArgument{EntityEventArgument: vc.eventName(host), Host: host},
		datastore:  &types.DatastoreEventArgument{EntityEventArgument: vc.eventName(s.ref), Datastore: s.ref},
		datacenter: &types.DatacenterEventArgument{EntityEventArgument: vc.eventName(datacenter), Datacenter: datacenter},
	}
}

func (vc *VCenter) eventName(ref types.ManagedObjectReference) types.EntityEventArgument {
	entity, ok := vc.registry.Get(ref).(mo.Entity)
	if !ok {
		return types.EntityEventArgument{}
	}
	return types.EntityEventArgument{Name: entity.Entity().Name}
}

// tellStart posts that a relocation has begun.
func (op *operation) tellStart(r *relocation) {
	if !r.storageMoves() {
		return
	}
	to := op.targetOf(r)
	op.post(r, op.sourceOf(r), func(of types.VmEvent, from eventPlace) types.BaseEvent {
		of.FullFormattedMessage = fmt.Sprintf("Relocating %s from %s to %s", r.name, from, to)
		return &types.VmBeingRelocatedEvent{
			VmRelocateSpecEvent: types.VmRelocateSpecEvent{VmEvent: of},
			DestHost:            to.host, DestDatastore: to.datastore, DestDatacenter: to.datacenter,
		}
	})
}

// tellSuccess posts that a VM is where it was to be.
func (op *operation) tellSuccess(r *relocation, from eventPlace) {
	op.post(r, op.targetOf(r), func(of types.VmEvent, to eventPlace) types.BaseEvent {
		if !r.storageMoves() {
			return &types.VmMigratedEvent{
				VmEvent:    of,
				SourceHost: from.host, SourceDatastore: from.datastore, SourceDatacenter: from.datacenter,
			}
		}
		of.FullFormattedMessage = fmt.Sprintf("Completed the relocation of the virtual machine %s from %s to %s", r.name, from, to)
		return &types.VmRelocatedEvent{
			VmRelocateSpecEvent: types.VmRelocateSpecEvent{VmEvent: of},
			SourceHost:          from.host, SourceDatastore: from.datastore, SourceDatacenter: from.datacenter,
		}
	})
}

// tellFailure posts why a VM is not where it was to be.
func (op *operation) tellFailure(r *relocation, fault types.BaseMethodFault) {
	to := op.targetOf(r)
	op.post(r, op.sourceOf(r), func(of types.VmEvent, from eventPlace) types.BaseEvent {
		if !r.storageMoves() {
			of.FullFormattedMessage = fmt.Sprintf("Failed to migrate %s from %s to %s: %s", r.name, from, to, message(fault))
			return &types.VmFailedMigrateEvent{
				VmEvent: of, Reason: localized(fault),
				DestHost: to.host, DestDatastore: to.datastore, DestDatacenter: to.datacenter,
			}
		}
		of.FullFormattedMessage = fmt.Sprintf("Failed to relocate %s from %s to %s: %s", r.name, from, to, message(fault))
		return &types.VmRelocateFailedEvent{
			VmRelocateSpecEvent: types.VmRelocateSpecEvent{VmEvent: of}, Reason: localized(fault),
			DestHost: to.host, DestDatastore: to.datastore, DestDatacenter: to.datacenter,
		}
	})
}

// post makes an event of the VM where it is, by whoever made the task, and posts it.
func (op *operation) post(r *relocation, at eventPlace, event func(types.VmEvent, eventPlace) types.BaseEvent) {
	events := op.vc.registry.EventManager()
	if events == nil {
		return
	}
	compute := op.vc.computeOf(at.host.Host)
	of := types.VmEvent{Template: r.vm.Config.Template, Event: types.Event{
		Datacenter: at.datacenter,
		Host:       &at.host,
		Ds:         at.datastore,
		Vm: &types.VmEventArgument{
			EntityEventArgument: types.EntityEventArgument{Name: r.name}, Vm: r.vm.Self,
		},
		ComputeResource: &types.ComputeResourceEventArgument{
			EntityEventArgument: types.EntityEventArgument{Name: compute.Name}, ComputeResource: compute.Self,
		},
	}}
	if user, ok := op.task.Info.Reason.(*types.TaskReasonUser); ok {
		op.ctx.Session.UserName = user.UserName
	}
	op.ctx.WithLock(events, func() {
		events.PostEvent(op.ctx, &types.PostEvent{EventToPost: event(of, at)})
	})
}
