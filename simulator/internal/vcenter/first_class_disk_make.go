package vcenter

import (
	"net/url"
	"os"
	"path"
	"strings"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/disk"
)

// fcdFolder is where disks go that are given no path: "the default VStorageObject location on the specified datastore"
// (VslmCreateSpecBackingSpec.path). vSphere's CSI driver finds them there as fcd/839395e8712e46f285d309818e0eb22f.vmdk
// (its issue 565).
const fcdFolder = "fcd"

// CreateDiskTask makes a disk: thin unless the spec asks for another type, and kept when its VM is deleted unless it
// says otherwise (VslmCreateSpec). The profile is not looked at.
func (m *VStorageObjectManager) CreateDiskTask(ctx *simulator.Context, req *types.CreateDisk_Task) soap.HasFault {
	body := new(methods.CreateDisk_TaskBody)
	ref, fault := m.createDisk(ctx, req.Spec)
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.CreateDisk_TaskResponse{Returnval: ref}
	return body
}

func (m *VStorageObjectManager) createDisk(ctx *simulator.Context, spec types.VslmCreateSpec) (ref types.ManagedObjectReference, fault types.BaseMethodFault) {
	switch {
	case spec.Name == "":
		return ref, &types.InvalidArgument{InvalidProperty: "spec.name"}
	case spec.CapacityInMB <= 0 || spec.CapacityInMB > maxFileBytes>>20:
		return ref, &types.InvalidArgument{InvalidProperty: "spec.capacityInMB"}
	}
	at, kind, fault := m.target(spec.BackingSpec, newFileName())
	if fault != nil {
		return ref, fault
	}
	j := m.job("CreateDisk_Task", m.vc.registry.Get(at.store.ref).(*simulator.Datastore), spec.Name)
	j.claim = at.url()
	j.run = func(op *operation) (types.AnyType, types.BaseMethodFault) {
		if fault := at.makeFolder(); fault != nil {
			return nil, fault
		}
		made := disk.Disk{UUID: disk.NewUUID(""), CapacityBytes: spec.CapacityInMB << 20, Kind: provisioned(kind, disk.Thin)}
		if fault := op.createDisk(at, made); fault != nil {
			return nil, fault
		}
		keep := spec.KeepAfterDeleteVm == nil || *spec.KeepAfterDeleteVm // "if not set, the default value is true"
		return m.enter(op, at, spec.Name, keep, spec.Metadata)
	}
	return m.vc.start(ctx, j)
}

// target reads where a disk is to be, and of which type; the type is empty if the spec says nothing of it. A path is a
// file's if it ends in .vmdk, else a folder's.
func (m *VStorageObjectManager) target(spec types.BaseVslmCreateSpecBackingSpec, file string) (at place, kind string, fault types.BaseMethodFault) {
	if spec == nil {
		return at, "", &types.InvalidArgument{InvalidProperty: "spec.backingSpec"}
	}
	backing := spec.GetVslmCreateSpecBackingSpec()
	if at.store = m.vc.store(backing.Datastore); at.store == nil {
		return at, "", &types.InvalidDatastore{Datastore: &backing.Datastore}
	}
	at.name = path.Clean("/" + backing.Path)[1:] // nothing climbs out of the datastore
	switch {
	case backing.Path == "":
		at.name = path.Join(fcdFolder, file)
	case path.Ext(at.name) != ".vmdk":
		at.name = path.Join(at.name, file)
	}
	switch s := spec.(type) {
	case *types.VslmCreateSpecDiskFileBackingSpec:
		kind = s.ProvisioningType
	case *types.VslmCreateSpecBackingSpec:
	default:
		return at, "", new(types.NotSupported) // a raw device mapping
	}
	return at, kind, nil
}

// provisioned gives the kind that a provisioning type stands for.
func provisioned(as string, usual disk.Kind) disk.Kind {
	switch types.BaseConfigInfoDiskFileBackingInfoProvisioningType(as) {
	case types.BaseConfigInfoDiskFileBackingInfoProvisioningTypeThin:
		return disk.Thin
	case types.BaseConfigInfoDiskFileBackingInfoProvisioningTypeEagerZeroedThick:
		return disk.Eager
	case types.BaseConfigInfoDiskFileBackingInfoProvisioningTypeLazyZeroedThick:
		return disk.Thick
	}
	return usual
}

func newFileName() string { return strings.ReplaceAll(uuid.NewString(), "-", "") + ".vmdk" }

// makeFolder makes the folder of a disk that is to come.
func (p place) makeFolder() types.BaseMethodFault {
	if fault := p.store.usable(); fault != nil {
		return fault
	}
	if err := os.MkdirAll(path.Dir(p.file()), 0o700); err != nil {
		return fileFault(p.url(), err)
	}
	return nil
}

// enter gives a disk that is there an ID, and tells of it.
func (m *VStorageObjectManager) enter(op *operation, at place, name string, keep bool, metadata []types.KeyValue) (types.AnyType, types.BaseMethodFault) {
	told, fault := m.register(op.ctx, at, name, keep, metadata)
	if fault != nil {
		return nil, fault
	}
	return told, nil
}

func (m *VStorageObjectManager) register(ctx *simulator.Context, at place, name string, keep bool, metadata []types.KeyValue) (types.VStorageObject, types.BaseMethodFault) {
	entry := simulator.VStorageObject{Metadata: metadata}
	config := &entry.Config
	config.Id = types.ID{Id: uuid.NewString()}
	config.Name = name
	config.CreateTime = m.vc.now()
	config.KeepAfterDeleteVm = types.NewBool(keep)
	config.RelocationDisabled = types.NewBool(false)
	config.NativeSnapshotSupported = types.NewBool(false)
	config.ChangedBlockTrackingEnabled = types.NewBool(false)
	config.ConsumptionType = []string{string(types.VStorageObjectConsumptionTypeDisk)}

	var taken bool
	m.locked(ctx, func() {
		if _, taken = m.at(at); !taken {
			m.put(entry, at)
		}
	})
	if taken {
		return types.VStorageObject{}, &types.AlreadyExists{Name: at.url()}
	}
	for _, vm := range m.vc.ownersOf(ctx, at) {
		m.vc.noteFirstClassDisks(ctx, vm)
	}
	fcd, fault := m.find(ctx, at.store.ref, config.Id)
	if fault != nil {
		return types.VStorageObject{}, fault
	}
	return m.describe(ctx, fcd)
}

// at gives the disk whose file is at a place. The catalog is locked.
func (m *VStorageObjectManager) at(at place) (*simulator.VStorageObject, bool) {
	for _, known := range m.Catalog()[at.store.ref] {
		if pathOf(known) == at.name {
			return known, true
		}
	}
	return nil, false
}

// RegisterDisk makes a first class disk of a disk that is there. Its path is a URL as of the datastore's /folder. The
// API declares FileFault, InvalidDatastore and AlreadyExists.
func (m *VStorageObjectManager) RegisterDisk(ctx *simulator.Context, req *types.RegisterDisk) soap.HasFault {
	body := new(methods.RegisterDiskBody)
	told, fault := m.registerDisk(ctx, req.Path, req.Name)
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.RegisterDiskResponse{Returnval: told}
	return body
}

func (m *VStorageObjectManager) registerDisk(ctx *simulator.Context, address, name string) (types.VStorageObject, types.BaseMethodFault) {
	at, fault := m.atURL(address)
	if fault == nil {
		fault = at.store.readable()
	}
	if fault != nil {
		return types.VStorageObject{}, fault
	}
	if _, err := disk.Read(at.file()); err != nil {
		return types.VStorageObject{}, fileFault(at.url(), err)
	}
	if m.vc.claimed(at.url()) {
		return types.VStorageObject{}, fileLocked(at)
	}
	if name == "" { // "automatically determined from the path"
		name = strings.TrimSuffix(path.Base(at.name), ".vmdk")
	}
	return m.register(ctx, at, name, false, nil)
}

// atURL finds what https://host/folder/name.vmdk?dcPath=dc1&dsName=ds-1 means.
func (m *VStorageObjectManager) atURL(address string) (place, types.BaseMethodFault) {
	parsed, err := url.Parse(address)
	if err != nil {
		return place{}, &types.InvalidArgument{InvalidProperty: "path"}
	}
	name, found := strings.CutPrefix(parsed.Path, "/folder/")
	if !found || path.Ext(name) != ".vmdk" {
		return place{}, &types.InvalidArgument{InvalidProperty: "path"}
	}
	wanted := parsed.Query().Get("dsName")
	for _, entity := range m.vc.registry.All("Datacenter") {
		dc := entity.Entity()
		if dcPath := parsed.Query().Get("dcPath"); dcPath != "" && path.Base(dcPath) != dc.Name {
			continue
		}
		if s := m.vc.storeNamed(dc.Self, wanted); s != nil {
			return place{s, path.Clean("/" + name)[1:]}, nil
		}
	}
	return place{}, &types.InvalidDatastore{Name: wanted}
}
