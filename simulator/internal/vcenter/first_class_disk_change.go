package vcenter

import (
	"os"
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/disk"
)

// DeleteVStorageObjectTask deletes a disk that no VM has, with its file.
func (m *VStorageObjectManager) DeleteVStorageObjectTask(ctx *simulator.Context, req *types.DeleteVStorageObject_Task) soap.HasFault {
	body := new(methods.DeleteVStorageObject_TaskBody)
	ref, fault := m.delete(ctx, req.Datastore, req.Id)
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.DeleteVStorageObject_TaskResponse{Returnval: ref}
	return body
}

func (m *VStorageObjectManager) delete(ctx *simulator.Context, datastore types.ManagedObjectReference, id types.ID) (types.ManagedObjectReference, types.BaseMethodFault) {
	return m.onDisk(ctx, "DeleteVStorageObject_Task", datastore, id,
		detached(func(op *operation, fcd firstClassDisk) (types.AnyType, types.BaseMethodFault) {
			fault := op.deleteDisk(fcd.at)
			if fault != nil {
				return nil, fault
			}
			op.vc.publish(op.ctx, fcd.at.store)
			m.locked(op.ctx, func() { delete(m.Catalog()[datastore], id) })
			return nil, nil
		}))
}

// ExtendDiskTask makes a disk larger, as VirtualDiskManager does it.
func (m *VStorageObjectManager) ExtendDiskTask(ctx *simulator.Context, req *types.ExtendDisk_Task) soap.HasFault {
	body := new(methods.ExtendDisk_TaskBody)
	ref, fault := m.extend(ctx, req.Datastore, req.Id, req.NewCapacityInMB)
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.ExtendDisk_TaskResponse{Returnval: ref}
	return body
}

func (m *VStorageObjectManager) extend(ctx *simulator.Context, datastore types.ManagedObjectReference, id types.ID, capacityMB int64) (types.ManagedObjectReference, types.BaseMethodFault) {
	return m.onDisk(ctx, "ExtendDisk_Task", datastore, id,
		detached(func(op *operation, fcd firstClassDisk) (types.AnyType, types.BaseMethodFault) {
			return nil, m.changeFile(op, fcd, extended(capacityMB<<20, nil, "newCapacityInMB"))
		}))
}

// InflateDiskTask gives a thin disk all of its space, as VirtualDiskManager does it.
func (m *VStorageObjectManager) InflateDiskTask(ctx *simulator.Context, req *types.InflateDisk_Task) soap.HasFault {
	body := new(methods.InflateDisk_TaskBody)
	ref, fault := m.inflate(ctx, req.Datastore, req.Id)
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.InflateDisk_TaskResponse{Returnval: ref}
	return body
}

func (m *VStorageObjectManager) inflate(ctx *simulator.Context, datastore types.ManagedObjectReference, id types.ID) (types.ManagedObjectReference, types.BaseMethodFault) {
	return m.onDisk(ctx, "InflateDisk_Task", datastore, id,
		detached(func(op *operation, fcd firstClassDisk) (types.AnyType, types.BaseMethodFault) {
			return nil, m.changeFile(op, fcd, inflated)
		}))
}

// changeFile changes a disk's file, and what the global catalog's queries find of it.
func (m *VStorageObjectManager) changeFile(op *operation, fcd firstClassDisk, to change) types.BaseMethodFault {
	if fault := op.changeDisk(fcd.at, to); fault != nil {
		return fault
	}
	d, err := disk.Read(fcd.at.file())
	if err != nil {
		return fileFault(fcd.at.url(), err)
	}
	return m.change(op.ctx, fcd, func(o *simulator.VStorageObject) {
		o.Config.CapacityInMB = d.CapacityBytes >> 20
		o.Config.Backing = backingAt(fcd.at, provisioning(d.Kind))
	})
}

// RenameVStorageObject gives a disk another name; its file keeps its own.
func (m *VStorageObjectManager) RenameVStorageObject(ctx *simulator.Context, req *types.RenameVStorageObject) soap.HasFault {
	body := new(methods.RenameVStorageObjectBody)
	if fault := m.rename(ctx, req.Datastore, req.Id, req.Name); fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = new(types.RenameVStorageObjectResponse)
	return body
}

func (m *VStorageObjectManager) rename(ctx *simulator.Context, datastore types.ManagedObjectReference, id types.ID, name string) types.BaseMethodFault {
	if name == "" {
		return &types.InvalidArgument{InvalidProperty: "name"}
	}
	fcd, fault := m.find(ctx, datastore, id)
	if fault != nil {
		return fault
	}
	return m.change(ctx, fcd, func(o *simulator.VStorageObject) { o.Config.Name = name })
}

// SetVStorageObjectControlFlags sets flags; "all control flags not included in the array remain intact".
func (m *VStorageObjectManager) SetVStorageObjectControlFlags(ctx *simulator.Context, req *types.SetVStorageObjectControlFlags) soap.HasFault {
	body := new(methods.SetVStorageObjectControlFlagsBody)
	if fault := m.flag(ctx, req.Datastore, req.Id, req.ControlFlags, true); fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = new(types.SetVStorageObjectControlFlagsResponse)
	return body
}

// ClearVStorageObjectControlFlags takes flags back.
func (m *VStorageObjectManager) ClearVStorageObjectControlFlags(ctx *simulator.Context, req *types.ClearVStorageObjectControlFlags) soap.HasFault {
	body := new(methods.ClearVStorageObjectControlFlagsBody)
	if fault := m.flag(ctx, req.Datastore, req.Id, req.ControlFlags, false); fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = new(types.ClearVStorageObjectControlFlagsResponse)
	return body
}

func (m *VStorageObjectManager) flag(ctx *simulator.Context, datastore types.ManagedObjectReference, id types.ID, flags []string, on bool) types.BaseMethodFault {
	fcd, fault := m.find(ctx, datastore, id)
	if fault != nil {
		return fault
	}
	known := types.VslmVStorageObjectControlFlag("").Strings()
	if slices.ContainsFunc(flags, func(flag string) bool { return !slices.Contains(known, flag) }) {
		return &types.InvalidArgument{InvalidProperty: "controlFlags"}
	}
	return m.change(ctx, fcd, func(o *simulator.VStorageObject) {
		for _, flag := range flags {
			switch types.VslmVStorageObjectControlFlag(flag) {
			case types.VslmVStorageObjectControlFlagKeepAfterDeleteVm:
				o.Config.KeepAfterDeleteVm = types.NewBool(on)
			case types.VslmVStorageObjectControlFlagDisableRelocation:
				o.Config.RelocationDisabled = types.NewBool(on)
			case types.VslmVStorageObjectControlFlagEnableChangedBlockTracking:
				o.Config.ChangedBlockTrackingEnabled = types.NewBool(on)
			}
		}
	})
}

// ReconcileDatastoreInventoryTask forgets the disks of a datastore whose files are gone.
func (m *VStorageObjectManager) ReconcileDatastoreInventoryTask(ctx *simulator.Context, req *types.ReconcileDatastoreInventory_Task) soap.HasFault {
	body := new(methods.ReconcileDatastoreInventory_TaskBody)
	ref, fault := m.reconcile(ctx, req.Datastore)
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.ReconcileDatastoreInventory_TaskResponse{Returnval: ref}
	return body
}

func (m *VStorageObjectManager) reconcile(ctx *simulator.Context, datastore types.ManagedObjectReference) (ref types.ManagedObjectReference, fault types.BaseMethodFault) {
	entity, ok := m.vc.registry.Get(datastore).(*simulator.Datastore)
	if !ok {
		return ref, &types.InvalidDatastore{Datastore: &datastore}
	}
	s := m.vc.store(datastore)
	j := m.job("ReconcileDatastoreInventory_Task", entity, s.name)
	j.run = func(op *operation) (types.AnyType, types.BaseMethodFault) {
		if fault := s.readable(); fault != nil {
			return nil, fault // all files would be gone
		}
		m.locked(op.ctx, func() {
			for id, known := range m.Catalog()[datastore] {
				if _, err := os.Stat(s.file(pathOf(known))); os.IsNotExist(err) {
					delete(m.Catalog()[datastore], id)
				}
			}
		})
		return nil, nil
	}
	return m.vc.start(ctx, j)
}
