package vcenter

import (
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// HostDatastoreSystem differs from vcsim's in that a datastore can be removed from a host, and that one more mount does
// not make a datastore larger. (vcsim answers a second host's mount with an empty reference and counts 1 TiB a host.)
type HostDatastoreSystem struct {
	*simulator.HostDatastoreSystem
	vc *VCenter
}

// CreateNasDatastore mounts an NFS export. spec.localPath is a folder of this machine, as in vcsim.
func (h *HostDatastoreSystem) CreateNasDatastore(ctx *simulator.Context, req *types.CreateNasDatastore) soap.HasFault {
	res := h.HostDatastoreSystem.CreateNasDatastore(ctx, req).(*methods.CreateNasDatastoreBody)
	if res.Res != nil {
		res.Res.Returnval = h.last(ctx)
	}
	return res
}

// CreateLocalDatastore mounts a folder of this machine, as in vcsim.
func (h *HostDatastoreSystem) CreateLocalDatastore(ctx *simulator.Context, req *types.CreateLocalDatastore) soap.HasFault {
	res := h.HostDatastoreSystem.CreateLocalDatastore(ctx, req).(*methods.CreateLocalDatastoreBody)
	if res.Res != nil {
		res.Res.Returnval = h.last(ctx)
	}
	return res
}

// last gives the datastore that was mounted last, with true numbers.
func (h *HostDatastoreSystem) last(ctx *simulator.Context) types.ManagedObjectReference {
	ref := h.Datastore[len(h.Datastore)-1]
	if s := h.vc.store(ref); s != nil {
		h.vc.setMounts(ctx, s, func(*types.DatastoreHostMount) {})
		h.vc.publish(ctx, s)
	}
	return ref
}

// RemoveDatastore removes a datastore from this host, and from the inventory with its last host. ResourceInUse while a
// VM of this host has a file on it; NotFound if the host does not mount it.
func (h *HostDatastoreSystem) RemoveDatastore(ctx *simulator.Context, req *types.RemoveDatastore) soap.HasFault {
	body := new(methods.RemoveDatastoreBody)
	if fault := h.remove(ctx, req.Datastore); fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = new(types.RemoveDatastoreResponse)
	return body
}

func (h *HostDatastoreSystem) remove(ctx *simulator.Context, ref types.ManagedObjectReference) types.BaseMethodFault {
	ds, ok := h.vc.registry.Get(ref).(*simulator.Datastore)
	if !ok {
		return &types.ManagedObjectNotFound{Obj: ref}
	}
	host, s := h.Host.Self, h.vc.store(ref)
	if _, mounted := h.vc.mountOf(ctx, s, host); !mounted {
		return new(types.NotFound)
	}
	if h.vc.usesStore(ctx, host, s) {
		return &types.ResourceInUse{Type: ref.Type, Name: s.name}
	}
	last := false
	ctx.WithLock(ds, func() { last = len(ds.Host) == 1 })
	if last {
		return h.vc.destroyDatastore(ctx, ds)
	}
	ctx.WithLock(ds, func() {
		left := slices.DeleteFunc(slices.Clone(ds.Host), func(m types.DatastoreHostMount) bool { return m.Key == host })
		ctx.Update(ds, []types.PropertyChange{{Name: "host", Val: left}})
	})
	h.vc.unlistDatastore(ctx, host, s)
	h.vc.setMounts(ctx, s, func(*types.DatastoreHostMount) {})
	return nil
}
