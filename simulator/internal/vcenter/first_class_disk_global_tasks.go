package vcenter

import (
	"github.com/vmware/govmomi/simulator"
	vimmethods "github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	vim "github.com/vmware/govmomi/vim25/types"
	"github.com/vmware/govmomi/vslm/methods"
	"github.com/vmware/govmomi/vslm/types"
)

// The tasks of the global catalog: each is the vCenter's own.

// VslmCreateDiskTask makes a disk.
func (g *GlobalCatalog) VslmCreateDiskTask(ctx *simulator.Context, req *types.VslmCreateDisk_Task) soap.HasFault {
	body := new(methods.VslmCreateDisk_TaskBody)
	vctx, m := g.catalog(ctx)
	ref, fault := m.createDisk(vctx, req.Spec)
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.VslmCreateDisk_TaskResponse{Returnval: vslmTask(ctx, ref)}
	return body
}

// VslmReconcileDatastoreInventoryTask forgets the disks of a datastore whose files are gone.
func (g *GlobalCatalog) VslmReconcileDatastoreInventoryTask(ctx *simulator.Context, req *types.VslmReconcileDatastoreInventory_Task) soap.HasFault {
	body := new(methods.VslmReconcileDatastoreInventory_TaskBody)
	vctx, m := g.catalog(ctx)
	ref, fault := m.reconcile(vctx, req.Datastore)
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.VslmReconcileDatastoreInventory_TaskResponse{Returnval: vslmTask(ctx, ref)}
	return body
}

// VslmAttachDiskTask gives a VM a disk.
func (g *GlobalCatalog) VslmAttachDiskTask(ctx *simulator.Context, req *types.VslmAttachDisk_Task) soap.HasFault {
	body := new(methods.VslmAttachDisk_TaskBody)
	vm, ok := g.vc.registry.Get(req.Vm).(*simulator.VirtualMachine)
	if !ok {
		body.Fault_ = refusal(&vim.ManagedObjectNotFound{Obj: req.Vm})
		return body
	}
	ref, fault := g.onDisk(ctx, req.Id, func(ctx *simulator.Context, _ *VStorageObjectManager, datastore vim.ManagedObjectReference) (vim.ManagedObjectReference, vim.BaseMethodFault) {
		if fault := g.vc.refuseWhileBusy(vm, "AttachDisk_Task"); fault != nil {
			return vim.ManagedObjectReference{}, fault
		}
		ours := &VirtualMachine{VirtualMachine: vm, vc: g.vc}
		var attached *vimmethods.AttachDisk_TaskBody
		ctx.WithLock(vm, func() {
			attached = ours.AttachDiskTask(ctx, &vim.AttachDisk_Task{
				This: vm.Self, DiskId: req.Id, Datastore: datastore, ControllerKey: req.ControllerKey, UnitNumber: req.UnitNumber,
			}).(*vimmethods.AttachDisk_TaskBody)
		})
		if attached.Fault_ != nil {
			return vim.ManagedObjectReference{}, attached.Fault_.VimFault().(vim.BaseMethodFault)
		}
		return attached.Res.Returnval, nil
	})
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.VslmAttachDisk_TaskResponse{Returnval: ref}
	return body
}

// VslmDeleteVStorageObjectTask deletes a disk.
func (g *GlobalCatalog) VslmDeleteVStorageObjectTask(ctx *simulator.Context, req *types.VslmDeleteVStorageObject_Task) soap.HasFault {
	body := new(methods.VslmDeleteVStorageObject_TaskBody)
	ref, fault := g.onDisk(ctx, req.Id, func(ctx *simulator.Context, m *VStorageObjectManager, datastore vim.ManagedObjectReference) (vim.ManagedObjectReference, vim.BaseMethodFault) {
		return m.delete(ctx, datastore, req.Id)
	})
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.VslmDeleteVStorageObject_TaskResponse{Returnval: ref}
	return body
}

// VslmExtendDiskTask makes a disk larger.
func (g *GlobalCatalog) VslmExtendDiskTask(ctx *simulator.Context, req *types.VslmExtendDisk_Task) soap.HasFault {
	body := new(methods.VslmExtendDisk_TaskBody)
	ref, fault := g.onDisk(ctx, req.Id, func(ctx *simulator.Context, m *VStorageObjectManager, datastore vim.ManagedObjectReference) (vim.ManagedObjectReference, vim.BaseMethodFault) {
		return m.extend(ctx, datastore, req.Id, req.NewCapacityInMB)
	})
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.VslmExtendDisk_TaskResponse{Returnval: ref}
	return body
}

// VslmInflateDiskTask gives a thin disk all of its space.
func (g *GlobalCatalog) VslmInflateDiskTask(ctx *simulator.Context, req *types.VslmInflateDisk_Task) soap.HasFault {
	body := new(methods.VslmInflateDisk_TaskBody)
	ref, fault := g.onDisk(ctx, req.Id, func(ctx *simulator.Context, m *VStorageObjectManager, datastore vim.ManagedObjectReference) (vim.ManagedObjectReference, vim.BaseMethodFault) {
		return m.inflate(ctx, datastore, req.Id)
	})
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.VslmInflateDisk_TaskResponse{Returnval: ref}
	return body
}

// VslmRelocateVStorageObjectTask moves a disk.
func (g *GlobalCatalog) VslmRelocateVStorageObjectTask(ctx *simulator.Context, req *types.VslmRelocateVStorageObject_Task) soap.HasFault {
	body := new(methods.VslmRelocateVStorageObject_TaskBody)
	ref, fault := g.onDisk(ctx, req.Id, func(ctx *simulator.Context, m *VStorageObjectManager, datastore vim.ManagedObjectReference) (vim.ManagedObjectReference, vim.BaseMethodFault) {
		return m.relocate(ctx, datastore, req.Id, req.Spec)
	})
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.VslmRelocateVStorageObject_TaskResponse{Returnval: ref}
	return body
}

// VslmCloneVStorageObjectTask copies a disk.
func (g *GlobalCatalog) VslmCloneVStorageObjectTask(ctx *simulator.Context, req *types.VslmCloneVStorageObject_Task) soap.HasFault {
	body := new(methods.VslmCloneVStorageObject_TaskBody)
	ref, fault := g.onDisk(ctx, req.Id, func(ctx *simulator.Context, m *VStorageObjectManager, datastore vim.ManagedObjectReference) (vim.ManagedObjectReference, vim.BaseMethodFault) {
		return m.clone(ctx, datastore, req.Id, req.Spec)
	})
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.VslmCloneVStorageObject_TaskResponse{Returnval: ref}
	return body
}

// VslmCreateSnapshotTask makes a snapshot.
func (g *GlobalCatalog) VslmCreateSnapshotTask(ctx *simulator.Context, req *types.VslmCreateSnapshot_Task) soap.HasFault {
	body := new(methods.VslmCreateSnapshot_TaskBody)
	ref, fault := g.onDisk(ctx, req.Id, func(ctx *simulator.Context, m *VStorageObjectManager, datastore vim.ManagedObjectReference) (vim.ManagedObjectReference, vim.BaseMethodFault) {
		return m.createSnapshot(ctx, datastore, req.Id, req.Description)
	})
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.VslmCreateSnapshot_TaskResponse{Returnval: ref}
	return body
}

// VslmDeleteSnapshotTask deletes a snapshot.
func (g *GlobalCatalog) VslmDeleteSnapshotTask(ctx *simulator.Context, req *types.VslmDeleteSnapshot_Task) soap.HasFault {
	body := new(methods.VslmDeleteSnapshot_TaskBody)
	ref, fault := g.onDisk(ctx, req.Id, func(ctx *simulator.Context, m *VStorageObjectManager, datastore vim.ManagedObjectReference) (vim.ManagedObjectReference, vim.BaseMethodFault) {
		return m.deleteSnapshot(ctx, datastore, req.Id, req.SnapshotId)
	})
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.VslmDeleteSnapshot_TaskResponse{Returnval: ref}
	return body
}

// VslmUpdateVStorageObjectMetadataTask changes a disk's metadata.
func (g *GlobalCatalog) VslmUpdateVStorageObjectMetadataTask(ctx *simulator.Context, req *types.VslmUpdateVStorageObjectMetadata_Task) soap.HasFault {
	body := new(methods.VslmUpdateVStorageObjectMetadata_TaskBody)
	ref, fault := g.onDisk(ctx, req.Id, func(ctx *simulator.Context, m *VStorageObjectManager, datastore vim.ManagedObjectReference) (vim.ManagedObjectReference, vim.BaseMethodFault) {
		return m.updateMetadata(ctx, datastore, req.Id, req.Metadata, req.DeleteKeys)
	})
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.VslmUpdateVStorageObjectMetadata_TaskResponse{Returnval: ref}
	return body
}
