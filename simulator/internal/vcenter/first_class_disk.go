package vcenter

import (
	"cmp"
	"slices"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/disk"
)

// VStorageObjectManager keeps first class disks: virtual disks with an ID and a name of their own, which vCenter's
// catalog finds wherever they are (VcenterVStorageObjectManager in the vSphere Web Services API). The catalog is
// vcsim's. It differs from vcsim's in that
//
//   - disks can be relocated, cloned, inflated and renamed, which all takes the time and the space that it takes;
//   - what is told of a disk is read from its file: capacity, provisioning type, path;
//   - attaching a disk gives the VM a device, and a disk knows who has it: also when a reconfiguration attached it, and
//     when the VM was relocated with it;
//   - a task's entity is the datastore: the manager is no ManagedEntity, so that pyVmomi can't read TaskInfo;
//   - faults are those that the API declares: NotFound where vcsim has InvalidArgument.
//
// govc and others come by another door, the global catalog: first_class_disk_global.go.
type VStorageObjectManager struct {
	*simulator.VcenterVStorageObjectManager
	vc *VCenter
}

// Lock does nothing, and so keeps simulator.Service from holding the catalog's lock for a whole call. Ours is held for
// moments in which nobody waits for another lock; see locked.
func (*VStorageObjectManager) Lock() {}

// Unlock goes with Lock.
func (*VStorageObjectManager) Unlock() {}

// catalog gives the manager of first class disks.
func (vc *VCenter) catalog() *VStorageObjectManager {
	return &VStorageObjectManager{VcenterVStorageObjectManager: vc.registry.VStorageObjectManager(), vc: vc}
}

// locked has the catalog for a moment. Whoever has it asks for no other lock.
func (m *VStorageObjectManager) locked(ctx *simulator.Context, f func()) {
	ctx.WithLock(m.VcenterVStorageObjectManager, f)
}

// firstClassDisk is what the catalog says of a disk at one moment.
type firstClassDisk struct {
	simulator.VStorageObject
	at       place
	consumer *types.ManagedObjectReference // the VM that has it; nil: none
}

// find looks a disk up.
func (m *VStorageObjectManager) find(ctx *simulator.Context, datastore types.ManagedObjectReference, id types.ID) (firstClassDisk, types.BaseMethodFault) {
	s := m.vc.store(datastore)
	if s == nil {
		return firstClassDisk{}, &types.InvalidDatastore{Datastore: &datastore}
	}
	var known *simulator.VStorageObject
	var fcd firstClassDisk
	m.locked(ctx, func() {
		if known = m.Catalog()[datastore][id]; known != nil {
			fcd = firstClassDisk{VStorageObject: *known, at: place{s, pathOf(known)}, consumer: m.consumerOf(id)}
		}
	})
	if known == nil {
		return fcd, new(types.NotFound)
	}
	return fcd, nil
}

// consumerOf gives the VM that has a disk. One that was destroyed or unregistered has none. The catalog is locked.
func (m *VStorageObjectManager) consumerOf(id types.ID) *types.ManagedObjectReference {
	ref, known := m.vc.consumers[id]
	if !known || m.vc.registry.Get(ref) == nil {
		return nil
	}
	return &ref
}

// pathOf gives a disk's path on its datastore.
func pathOf(o *simulator.VStorageObject) string {
	var p object.DatastorePath
	p.FromString(o.Config.Backing.(*types.BaseConfigInfoDiskFileBackingInfo).FilePath)
	return p.Path
}

// put writes a disk into the catalog. The catalog is locked.
func (m *VStorageObjectManager) put(o simulator.VStorageObject, at place) {
	kind := string(types.BaseConfigInfoDiskFileBackingInfoProvisioningTypeThin)
	if old, ok := o.Config.Backing.(*types.BaseConfigInfoDiskFileBackingInfo); ok {
		kind = old.ProvisioningType
	}
	o.Config.Backing = backingAt(at, kind)
	if m.Catalog()[at.store.ref] == nil {
		m.Catalog()[at.store.ref] = make(map[types.ID]*simulator.VStorageObject)
	}
	m.Catalog()[at.store.ref][o.Config.Id] = &o
}

func backingAt(at place, kind string) *types.BaseConfigInfoDiskFileBackingInfo {
	backing := &types.BaseConfigInfoDiskFileBackingInfo{ProvisioningType: kind}
	backing.Datastore = at.store.ref
	backing.FilePath = at.url()
	return backing
}

// change edits what the catalog says of a disk; the old object stays as it is for those who are encoding it.
func (m *VStorageObjectManager) change(ctx *simulator.Context, fcd firstClassDisk, edit func(*simulator.VStorageObject)) types.BaseMethodFault {
	var fault types.BaseMethodFault = new(types.NotFound)
	m.locked(ctx, func() {
		disks := m.Catalog()[fcd.at.store.ref]
		if known := disks[fcd.Config.Id]; known != nil {
			fresh := *known
			edit(&fresh)
			disks[fcd.Config.Id] = &fresh
			fault = nil
		}
	})
	return fault
}

// describe tells of a disk as its file is. A disk whose file is gone is not found, until a reconciliation forgets it.
func (m *VStorageObjectManager) describe(ctx *simulator.Context, fcd firstClassDisk) (types.VStorageObject, types.BaseMethodFault) {
	d, err := disk.Read(fcd.at.file())
	if err != nil {
		return types.VStorageObject{}, new(types.NotFound)
	}
	told := fcd.VStorageObject.VStorageObject
	told.Config.CapacityInMB = d.CapacityBytes >> 20
	told.Config.Backing = backingAt(fcd.at, provisioning(d.Kind))
	told.Config.ConsumerId = nil
	if fcd.consumer == nil {
		return told, nil
	}
	if vm, ok := m.vc.registry.Get(*fcd.consumer).(*simulator.VirtualMachine); ok {
		ctx.WithLock(vm, func() { told.Config.ConsumerId = []types.ID{{Id: vm.Config.Uuid}} })
	}
	return told, nil
}

// provisioning gives a kind as BaseConfigInfoDiskFileBackingInfoProvisioningType calls it.
func provisioning(kind disk.Kind) string {
	switch kind {
	case disk.Thin:
		return string(types.BaseConfigInfoDiskFileBackingInfoProvisioningTypeThin)
	case disk.Eager:
		return string(types.BaseConfigInfoDiskFileBackingInfoProvisioningTypeEagerZeroedThick)
	}
	return string(types.BaseConfigInfoDiskFileBackingInfoProvisioningTypeLazyZeroedThick)
}

// ListVStorageObject gives the IDs of a datastore's disks.
func (m *VStorageObjectManager) ListVStorageObject(ctx *simulator.Context, req *types.ListVStorageObject) soap.HasFault {
	body := new(methods.ListVStorageObjectBody)
	if m.vc.store(req.Datastore) == nil {
		body.Fault_ = refusal(&types.InvalidDatastore{Datastore: &req.Datastore})
		return body
	}
	body.Res = new(types.ListVStorageObjectResponse)
	m.locked(ctx, func() {
		for id := range m.Catalog()[req.Datastore] {
			body.Res.Returnval = append(body.Res.Returnval, id)
		}
	})
	slices.SortFunc(body.Res.Returnval, func(a, b types.ID) int { return cmp.Compare(a.Id, b.Id) })
	return body
}

// RetrieveVStorageObject tells of a disk.
func (m *VStorageObjectManager) RetrieveVStorageObject(ctx *simulator.Context, req *types.RetrieveVStorageObject) soap.HasFault {
	body := new(methods.RetrieveVStorageObjectBody)
	fcd, fault := m.find(ctx, req.Datastore, req.Id)
	var told types.VStorageObject
	if fault == nil {
		told, fault = m.describe(ctx, fcd)
	}
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.RetrieveVStorageObjectResponse{Returnval: told}
	return body
}

// RetrieveVStorageObjectState tells whether the last operation on a disk was left unfinished. Here each is whole, or has
// left nothing.
func (m *VStorageObjectManager) RetrieveVStorageObjectState(ctx *simulator.Context, req *types.RetrieveVStorageObjectState) soap.HasFault {
	body := new(methods.RetrieveVStorageObjectStateBody)
	if _, fault := m.find(ctx, req.Datastore, req.Id); fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.RetrieveVStorageObjectStateResponse{
		Returnval: types.VStorageObjectStateInfo{Tentative: types.NewBool(false)},
	}
	return body
}

// RetrieveVStorageObjectAssociations tells which VMs have disks.
func (m *VStorageObjectManager) RetrieveVStorageObjectAssociations(ctx *simulator.Context, req *types.RetrieveVStorageObjectAssociations) soap.HasFault {
	body := &methods.RetrieveVStorageObjectAssociationsBody{Res: new(types.RetrieveVStorageObjectAssociationsResponse)}
	for _, spec := range req.Ids {
		association := types.VStorageObjectAssociations{Id: spec.Id}
		fcd, fault := m.find(ctx, spec.Datastore, spec.Id)
		if fault != nil {
			because := localized(fault)
			association.Fault = &because
		} else if vm, key, attached := m.deviceOf(ctx, fcd); attached {
			association.VmDiskAssociations = []types.VStorageObjectAssociationsVmDiskAssociations{{VmId: vm.Value, DiskKey: key}}
		}
		body.Res.Returnval = append(body.Res.Returnval, association)
	}
	return body
}
