package vcenter

import (
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// HostStorageSystem differs from vcsim's in that a VMFS volume can be unmounted and mounted again (HostStorageSystem in
// the vSphere Web Services API), and in that a rescan finds nothing new. Other refreshes are vcsim's: they succeed.
type HostStorageSystem struct {
	*simulator.HostStorageSystem
	vc *VCenter
}

// UnmountVmfsVolume "unmounts the VMFS volume" from this host. ResourceInUse "if there is any VM registered on any host
// attached to this datastore" that is this host's; InvalidState if it is unmounted already; NotFound.
func (h *HostStorageSystem) UnmountVmfsVolume(ctx *simulator.Context, req *types.UnmountVmfsVolume) soap.HasFault {
	body := new(methods.UnmountVmfsVolumeBody)
	s, fault := h.volume(ctx, req.VmfsUuid, true)
	if fault == nil && h.vc.usesStore(ctx, h.Host.Self, s) {
		fault = &types.ResourceInUse{Type: s.ref.Type, Name: s.name}
	}
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	h.vc.setMount(ctx, s, h.Host.Self, func(info *types.HostMountInfo) {
		info.Mounted, info.Accessible = types.NewBool(false), types.NewBool(false)
	})
	body.Res = new(types.UnmountVmfsVolumeResponse)
	return body
}

// MountVmfsVolume mounts a volume that was unmounted. InvalidState if it is mounted already; NotFound.
func (h *HostStorageSystem) MountVmfsVolume(ctx *simulator.Context, req *types.MountVmfsVolume) soap.HasFault {
	body := new(methods.MountVmfsVolumeBody)
	s, fault := h.volume(ctx, req.VmfsUuid, false)
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	h.vc.setMount(ctx, s, h.Host.Self, func(info *types.HostMountInfo) {
		info.Mounted, info.Accessible = types.NewBool(true), types.NewBool(true)
		info.InaccessibleReason = ""
	})
	body.Res = new(types.MountVmfsVolumeResponse)
	return body
}

// RescanAllHba is "to rescan all host bus adapters for new storage devices": there are none. vcsim's gives and takes Fibre
// Channel adapters in turn, to every host at once, for all of them share one description; who reads it is not kept off.
func (h *HostStorageSystem) RescanAllHba(*simulator.Context, *types.RescanAllHba) soap.HasFault {
	return &methods.RescanAllHbaBody{Res: new(types.RescanAllHbaResponse)}
}

// volume finds the datastore of a VMFS volume of this host, which must be mounted or must not.
func (h *HostStorageSystem) volume(ctx *simulator.Context, uuid string, mounted bool) (*store, types.BaseMethodFault) {
	if fault := h.vc.away.fault(h.Host.Self); fault != nil {
		return nil, fault
	}
	for _, entity := range h.vc.registry.All("Datastore") {
		ds := entity.(*simulator.Datastore)
		var found, is bool
		ctx.WithLock(ds, func() {
			info, ok := ds.Info.(*types.VmfsDatastoreInfo)
			at := slices.IndexFunc(ds.Host, func(m types.DatastoreHostMount) bool { return m.Key == h.Host.Self })
			if found = ok && info.Vmfs != nil && info.Vmfs.Uuid == uuid && at >= 0; found {
				is = ds.Host[at].MountInfo.Mounted == nil || *ds.Host[at].MountInfo.Mounted
			}
		})
		switch {
		case !found:
			continue
		case is != mounted:
			return nil, new(types.InvalidState)
		}
		return h.vc.store(ds.Self), nil
	}
	return nil, new(types.NotFound)
}

// usesStore tells whether a VM on a host has a file on a datastore.
func (vc *VCenter) usesStore(ctx *simulator.Context, host types.ManagedObjectReference, s *store) bool {
	ds, ok := vc.registry.Get(s.ref).(*simulator.Datastore)
	if !ok {
		return false
	}
	var refs []types.ManagedObjectReference
	ctx.WithLock(ds, func() { refs = append(refs, ds.Vm...) })
	return slices.ContainsFunc(refs, func(ref types.ManagedObjectReference) (uses bool) {
		if vm, ok := vc.registry.Get(ref).(*simulator.VirtualMachine); ok {
			ctx.WithLock(vm, func() { uses = *vm.Runtime.Host == host })
		}
		return uses
	})
}
