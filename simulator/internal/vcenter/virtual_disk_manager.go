package vcenter

import (
	"os"
	"path"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/disk"
)

// VirtualDiskManager differs from vcsim's, which renames files at once, in that moving and copying take time, show
// progress, can be cancelled, and keep the account of space; and in that a disk has a UUID and a type that survive a
// move (VirtualDiskManager in the vSphere Web Services API).
type VirtualDiskManager struct {
	*simulator.VirtualDiskManager
	vc *VCenter
}

// MoveVirtualDiskTask moves a disk, which stays what it is: thin or thick, with its UUID.
func (m *VirtualDiskManager) MoveVirtualDiskTask(ctx *simulator.Context, req *types.MoveVirtualDisk_Task) soap.HasFault {
	body := new(methods.MoveVirtualDisk_TaskBody)
	to := req.DestDatacenter
	if to == nil {
		to = req.SourceDatacenter // "if unset, the source datacenter"
	}
	ref, fault := m.start(ctx, "moveVirtualDisk",
		diskRequest{req.SourceDatacenter, req.SourceName, to, req.DestName, isTrue(req.Force)}, (*operation).moveDisk)
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.MoveVirtualDisk_TaskResponse{Returnval: ref}
	return body
}

// CopyVirtualDiskTask copies a disk. The copy has a UUID of its own, and is preallocated unless destSpec asks for
// another type: "if not specified, a preallocated format and busLogic adapter type is assumed".
func (m *VirtualDiskManager) CopyVirtualDiskTask(ctx *simulator.Context, req *types.CopyVirtualDisk_Task) soap.HasFault {
	body := new(methods.CopyVirtualDisk_TaskBody)
	to := req.DestDatacenter
	if to == nil {
		to = req.SourceDatacenter
	}
	ref, fault := m.start(ctx, "copyVirtualDisk",
		diskRequest{req.SourceDatacenter, req.SourceName, to, req.DestName, isTrue(req.Force)},
		func(op *operation, w *diskWay) types.BaseMethodFault { return op.copyDisk(w, req.DestSpec) })
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.CopyVirtualDisk_TaskResponse{Returnval: ref}
	return body
}

// diskRequest is what moving and copying are asked for alike.
type diskRequest struct {
	fromDatacenter *types.ManagedObjectReference
	fromName       string
	toDatacenter   *types.ManagedObjectReference
	toName         string
	force          bool
}

// start makes the task. Its entity is the source's datastore: vcsim has the manager itself there, which is no
// ManagedEntity, so that pyVmomi can't read TaskInfo.
func (m *VirtualDiskManager) start(ctx *simulator.Context, id string, req diskRequest,
	run func(*operation, *diskWay) types.BaseMethodFault) (ref types.ManagedObjectReference, fault types.BaseMethodFault) {
	way, fault := m.vc.wayOf(req)
	if fault != nil {
		return ref, fault
	}
	return m.vc.start(ctx, job{
		entity: m.vc.registry.Get(way.from.ref),
		id:     "VirtualDiskManager." + id,
		method: methodOf(id),
		name:   req.fromName,
		claim:  way.from.url(way.fromName),
		run: func(op *operation) (types.AnyType, types.BaseMethodFault) {
			return nil, run(op, way)
		},
	})
}

// locateDisk finds a disk that a request names.
func (vc *VCenter) locateDisk(datacenter *types.ManagedObjectReference, name string) (*store, string, types.BaseMethodFault) {
	if datacenter == nil {
		return nil, "", &types.InvalidArgument{InvalidProperty: "datacenter"}
	}
	s, at, fault := vc.locate(*datacenter, name)
	if fault == nil && path.Ext(at) != ".vmdk" {
		return nil, "", &types.InvalidArgument{InvalidProperty: "name"}
	}
	return s, at, fault
}

// QueryVirtualDiskUuid gives the UUID that lies in the disk's descriptor, in the spelling of a vCenter: "60 00 C2 9e
// a7 e8 26 9c-7d 20 45 4c 72 2a af 40" (see disk.SpacedUUID). vcsim makes one from the disk's path.
func (m *VirtualDiskManager) QueryVirtualDiskUuid(_ *simulator.Context, req *types.QueryVirtualDiskUuid) soap.HasFault {
	body := new(methods.QueryVirtualDiskUuidBody)
	s, name, fault := m.vc.locateDisk(req.Datacenter, req.Name)
	if fault == nil {
		d, err := disk.Read(s.file(name))
		if err == nil {
			body.Res = &types.QueryVirtualDiskUuidResponse{Returnval: disk.SpacedUUID(d.UUID)}
			return body
		}
		fault = fileFault(req.Name, err)
	}
	body.Fault_ = refusal(fault)
	return body
}

// SetVirtualDiskUuid keeps a UUID in the disk's descriptor.
func (m *VirtualDiskManager) SetVirtualDiskUuid(_ *simulator.Context, req *types.SetVirtualDiskUuid) soap.HasFault {
	body := new(methods.SetVirtualDiskUuidBody)
	s, name, fault := m.vc.locateDisk(req.Datacenter, req.Name)
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	d, err := disk.Read(s.file(name))
	if err == nil {
		d.UUID = disk.DashedUUID(req.Uuid)
		err = disk.Write(s.file(name), d)
	}
	if err != nil {
		body.Fault_ = refusal(fileFault(req.Name, err))
		return body
	}
	body.Res = new(types.SetVirtualDiskUuidResponse)
	return body
}

// CreateVirtualDiskTask makes a disk of the type that is asked for. vcsim's has neither type nor UUID.
func (m *VirtualDiskManager) CreateVirtualDiskTask(ctx *simulator.Context, req *types.CreateVirtualDisk_Task) soap.HasFault {
	body := new(methods.CreateVirtualDisk_TaskBody)
	ref, fault := m.instant(ctx, "createVirtualDisk", req.Datacenter, req.Name,
		func(s *store, name string) (types.AnyType, types.BaseMethodFault) {
			return req.Name, create(s, name, req.Spec)
		})
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.CreateVirtualDisk_TaskResponse{Returnval: ref}
	return body
}

func create(s *store, name string, spec types.BaseVirtualDiskSpec) types.BaseMethodFault {
	sized, ok := spec.(types.BaseFileBackedVirtualDiskSpec)
	if !ok {
		return &types.InvalidArgument{InvalidProperty: "spec"}
	}
	d := disk.Disk{
		UUID:          disk.NewUUID(""),
		CapacityBytes: sized.GetFileBackedVirtualDiskSpec().CapacityKb << 10,
		Kind:          kindNamed(spec.GetVirtualDiskSpec().DiskType),
	}
	if _, err := os.Stat(s.file(name)); err == nil {
		return &types.FileAlreadyExists{FileFault: types.FileFault{File: s.url(name)}}
	}
	if err := s.account.Set(name, d.AllocatedBytes()); err != nil {
		return noSpace(s, name)
	}
	if err := disk.Write(s.file(name), d); err != nil {
		s.account.Remove(name)
		return fileFault(s.url(name), err)
	}
	return nil
}

// kindNamed reads a VirtualDiskType. What is not thin or zeroed is preallocated.
func kindNamed(name string) disk.Kind {
	switch kind := disk.Kind(name); kind {
	case disk.Thin, disk.Eager:
		return kind
	}
	return disk.Thick
}

// DeleteVirtualDiskTask deletes a disk and gives its space back.
func (m *VirtualDiskManager) DeleteVirtualDiskTask(ctx *simulator.Context, req *types.DeleteVirtualDisk_Task) soap.HasFault {
	body := new(methods.DeleteVirtualDisk_TaskBody)
	ref, fault := m.instant(ctx, "deleteVirtualDisk", req.Datacenter, req.Name,
		func(s *store, name string) (types.AnyType, types.BaseMethodFault) {
			if _, err := os.Stat(s.file(name)); err != nil {
				return nil, fileFault(req.Name, err)
			}
			if err := disk.Remove(s.file(name)); err != nil {
				return nil, fileFault(req.Name, err)
			}
			s.account.Remove(name)
			return nil, nil
		})
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.DeleteVirtualDisk_TaskResponse{Returnval: ref}
	return body
}

// instant runs a task on one disk that takes no time.
func (m *VirtualDiskManager) instant(ctx *simulator.Context, id string, datacenter *types.ManagedObjectReference, name string,
	run func(*store, string) (types.AnyType, types.BaseMethodFault)) (types.ManagedObjectReference, types.BaseMethodFault) {
	s, at, fault := m.vc.locateDisk(datacenter, name)
	if fault != nil {
		return types.ManagedObjectReference{}, fault
	}
	return m.vc.start(ctx, job{
		entity: m.vc.registry.Get(s.ref),
		id:     "VirtualDiskManager." + id,
		method: methodOf(id),
		name:   name,
		claim:  s.url(at),
		run: func(op *operation) (types.AnyType, types.BaseMethodFault) {
			defer m.vc.publish(op.ctx, s)
			return run(s, at)
		},
	})
}
