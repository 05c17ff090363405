package vcenter

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// DestroyTask removes the datastore from the inventory. ResourceInUse while a VM has a file on it. (vcsim ends in a panic
// when the datastore is in a pod.) The files stay where they are on this machine.
func (ds *Datastore) DestroyTask(ctx *simulator.Context, _ *types.Destroy_Task) soap.HasFault {
	body := new(methods.Destroy_TaskBody)
	ref, fault := ds.vc.start(ctx, job{
		entity: ds.Datastore,
		id:     "Datastore.destroy",
		method: "Destroy_Task",
		name:   ds.called(ctx),
		run: func(op *operation) (types.AnyType, types.BaseMethodFault) {
			return nil, op.vc.destroyDatastore(op.ctx, ds.Datastore)
		},
	})
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.Destroy_TaskResponse{Returnval: ref}
	return body
}

// DestroyDatastore does the same at once (deprecated as of vSphere API 4.0).
func (ds *Datastore) DestroyDatastore(ctx *simulator.Context, _ *types.DestroyDatastore) soap.HasFault {
	body := new(methods.DestroyDatastoreBody)
	if fault := ds.vc.destroyDatastore(ctx, ds.Datastore); fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = new(types.DestroyDatastoreResponse)
	return body
}

func (vc *VCenter) destroyDatastore(ctx *simulator.Context, ds *simulator.Datastore) types.BaseMethodFault {
	s := vc.store(ds.Self)
	if !vc.isEmpty(ctx, s) {
		return &types.ResourceInUse{Type: ds.Self.Type, Name: s.name}
	}
	var mounts []types.DatastoreHostMount
	var parent types.ManagedObjectReference
	ctx.WithLock(ds, func() { mounts, parent = ds.Host, *ds.Parent })
	for _, mount := range mounts {
		vc.unlistDatastore(ctx, mount.Key, s)
	}
	if folder := vc.registry.Get(parent); folder != nil {
		vc.editChildren(ctx, folder, without(ds.Self))
	}
	vc.editDatastores(ctx, s.datacenter, without(ds.Self))
	vc.registry.Remove(ctx, ds.Self)

	vc.mu.Lock()
	delete(vc.stores, s.ref)
	delete(vc.named, placeName{s.datacenter, s.name})
	vc.mu.Unlock()
	vc.publishPod(ctx, parent)
	return nil
}

// unlistDatastore takes a datastore from the lists of a host and of its compute resource, unless another host of that
// has it.
func (vc *VCenter) unlistDatastore(ctx *simulator.Context, host types.ManagedObjectReference, s *store) {
	vc.editDatastores(ctx, host, without(s.ref))
	if object, ok := vc.registry.Get(host).(*simulator.HostSystem); ok && object.ConfigManager.DatastoreSystem != nil {
		vc.editDatastores(ctx, *object.ConfigManager.DatastoreSystem, without(s.ref))
	}
	compute := vc.computeOf(host)
	for _, other := range compute.Host {
		if _, mounted := vc.mountOf(ctx, s, other); mounted && other != host {
			return
		}
	}
	vc.editDatastores(ctx, compute.Self, without(s.ref))
}

// editDatastores changes the list of datastores that an object has.
func (vc *VCenter) editDatastores(ctx *simulator.Context, of types.ManagedObjectReference, change edit) {
	switch o := vc.registry.Get(of).(type) {
	case *simulator.HostSystem:
		editList(ctx, o, "datastore", &o.Datastore, change)
	case *simulator.HostDatastoreSystem:
		editList(ctx, o, "datastore", &o.Datastore, change)
	case *simulator.Datacenter:
		editList(ctx, o, "datastore", &o.Datastore, change)
	case *simulator.ClusterComputeResource:
		editList(ctx, o, "datastore", &o.Datastore, change)
	case *mo.ComputeResource:
		editList(ctx, o, "datastore", &o.Datastore, change)
	}
}
