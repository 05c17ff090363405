package vcenter

import (
	"github.com/vmware/govmomi/simulator"
	vimmethods "github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	vim "github.com/vmware/govmomi/vim25/types"
	"github.com/vmware/govmomi/vslm/methods"
	"github.com/vmware/govmomi/vslm/types"
)

// The calls of the global catalog that answer at once.

// VslmRetrieveVStorageObject tells of a disk.
func (g *GlobalCatalog) VslmRetrieveVStorageObject(ctx *simulator.Context, req *types.VslmRetrieveVStorageObject) soap.HasFault {
	body := new(methods.VslmRetrieveVStorageObjectBody)
	told, fault := g.describe(ctx, req.Id)
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.VslmRetrieveVStorageObjectResponse{Returnval: told}
	return body
}

func (g *GlobalCatalog) describe(ctx *simulator.Context, id vim.ID) (vim.VStorageObject, vim.BaseMethodFault) {
	fcd, fault := g.find(ctx, id)
	if fault != nil {
		return vim.VStorageObject{}, fault
	}
	vctx, m := g.catalog(ctx)
	return m.describe(vctx, fcd)
}

func (g *GlobalCatalog) find(ctx *simulator.Context, id vim.ID) (firstClassDisk, vim.BaseMethodFault) {
	datastore := g.datastoreOf(ctx, id)
	if datastore.Value == "" {
		return firstClassDisk{}, new(vim.NotFound)
	}
	vctx, m := g.catalog(ctx)
	return m.find(vctx, datastore, id)
}

// VslmRetrieveVStorageObjects tells of many disks; of one that can't be found it says so.
func (g *GlobalCatalog) VslmRetrieveVStorageObjects(ctx *simulator.Context, req *types.VslmRetrieveVStorageObjects) soap.HasFault {
	body := &methods.VslmRetrieveVStorageObjectsBody{Res: new(types.VslmRetrieveVStorageObjectsResponse)}
	for _, id := range req.Ids {
		result := types.VslmVsoVStorageObjectResult{Id: id}
		if told, fault := g.describe(ctx, id); fault == nil {
			result.Name = told.Config.Name
			result.CapacityInMB = told.Config.CapacityInMB
			result.CreateTime = &told.Config.CreateTime
			result.DiskPath = told.Config.Backing.(*vim.BaseConfigInfoDiskFileBackingInfo).FilePath
		} else {
			because := localized(fault)
			result.Error = &because
		}
		body.Res.Returnval = append(body.Res.Returnval, result)
	}
	return body
}

// VslmRetrieveVStorageObjectState tells whether the last operation on a disk was left unfinished: never.
func (g *GlobalCatalog) VslmRetrieveVStorageObjectState(ctx *simulator.Context, req *types.VslmRetrieveVStorageObjectState) soap.HasFault {
	body := new(methods.VslmRetrieveVStorageObjectStateBody)
	if _, fault := g.find(ctx, req.Id); fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.VslmRetrieveVStorageObjectStateResponse{
		Returnval: vim.VStorageObjectStateInfo{Tentative: vim.NewBool(false)},
	}
	return body
}

// VslmRetrieveVStorageObjectAssociations tells which VMs have disks.
func (g *GlobalCatalog) VslmRetrieveVStorageObjectAssociations(ctx *simulator.Context, req *types.VslmRetrieveVStorageObjectAssociations) soap.HasFault {
	body := &methods.VslmRetrieveVStorageObjectAssociationsBody{Res: new(types.VslmRetrieveVStorageObjectAssociationsResponse)}
	vctx, m := g.catalog(ctx)
	for _, id := range req.Ids {
		association := types.VslmVsoVStorageObjectAssociations{Id: id}
		fcd, fault := g.find(ctx, id)
		if fault != nil {
			because := localized(fault)
			association.Fault = &because
		} else if vm, key, attached := m.deviceOf(vctx, fcd); attached {
			association.VmDiskAssociation = []types.VslmVsoVStorageObjectAssociationsVmDiskAssociation{{VmId: vm.Value, DiskKey: key}}
		}
		body.Res.Returnval = append(body.Res.Returnval, association)
	}
	return body
}

// VslmRegisterDisk makes a first class disk of a disk that is there.
func (g *GlobalCatalog) VslmRegisterDisk(ctx *simulator.Context, req *types.VslmRegisterDisk) soap.HasFault {
	body := new(methods.VslmRegisterDiskBody)
	vctx, m := g.catalog(ctx)
	told, fault := m.registerDisk(vctx, req.Path, req.Name)
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.VslmRegisterDiskResponse{Returnval: told}
	return body
}

// VslmRenameVStorageObject gives a disk another name.
func (g *GlobalCatalog) VslmRenameVStorageObject(ctx *simulator.Context, req *types.VslmRenameVStorageObject) soap.HasFault {
	body := new(methods.VslmRenameVStorageObjectBody)
	fcd, fault := g.find(ctx, req.Id)
	if fault == nil {
		vctx, m := g.catalog(ctx)
		fault = m.rename(vctx, fcd.at.store.ref, req.Id, req.Name)
	}
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = new(types.VslmRenameVStorageObjectResponse)
	return body
}

// VslmSetVStorageObjectControlFlags sets flags.
func (g *GlobalCatalog) VslmSetVStorageObjectControlFlags(ctx *simulator.Context, req *types.VslmSetVStorageObjectControlFlags) soap.HasFault {
	body := new(methods.VslmSetVStorageObjectControlFlagsBody)
	if fault := g.flag(ctx, req.Id, req.ControlFlags, true); fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = new(types.VslmSetVStorageObjectControlFlagsResponse)
	return body
}

// VslmClearVStorageObjectControlFlags takes flags back.
func (g *GlobalCatalog) VslmClearVStorageObjectControlFlags(ctx *simulator.Context, req *types.VslmClearVStorageObjectControlFlags) soap.HasFault {
	body := new(methods.VslmClearVStorageObjectControlFlagsBody)
	if fault := g.flag(ctx, req.Id, req.ControlFlags, false); fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = new(types.VslmClearVStorageObjectControlFlagsResponse)
	return body
}

func (g *GlobalCatalog) flag(ctx *simulator.Context, id vim.ID, flags []string, on bool) vim.BaseMethodFault {
	fcd, fault := g.find(ctx, id)
	if fault != nil {
		return fault
	}
	vctx, m := g.catalog(ctx)
	return m.flag(vctx, fcd.at.store.ref, id, flags, on)
}

// VslmListVStorageObjectForSpec queries the catalog, as vcsim does it.
func (g *GlobalCatalog) VslmListVStorageObjectForSpec(ctx *simulator.Context, req *types.VslmListVStorageObjectForSpec) (res soap.HasFault) {
	g.locked(ctx, func() { res = g.VStorageObjectManager.VslmListVStorageObjectForSpec(ctx, req) })
	return res
}

// VslmRetrieveSnapshotInfo lists a disk's snapshots, as vcsim does it.
func (g *GlobalCatalog) VslmRetrieveSnapshotInfo(ctx *simulator.Context, req *types.VslmRetrieveSnapshotInfo) (res soap.HasFault) {
	g.locked(ctx, func() { res = g.VStorageObjectManager.VslmRetrieveSnapshotInfo(ctx, req) })
	return res
}

// VslmRetrieveVStorageObjectMetadata gives a disk's metadata, as vcsim does it.
func (g *GlobalCatalog) VslmRetrieveVStorageObjectMetadata(ctx *simulator.Context, req *types.VslmRetrieveVStorageObjectMetadata) (res soap.HasFault) {
	g.locked(ctx, func() { res = g.VStorageObjectManager.VslmRetrieveVStorageObjectMetadata(ctx, req) })
	return res
}

// VslmRetrieveVStorageObjectMetadataValue gives a value of a disk's metadata, as vcsim does it.
func (g *GlobalCatalog) VslmRetrieveVStorageObjectMetadataValue(ctx *simulator.Context, req *types.VslmRetrieveVStorageObjectMetadataValue) (res soap.HasFault) {
	g.locked(ctx, func() { res = g.VStorageObjectManager.VslmRetrieveVStorageObjectMetadataValue(ctx, req) })
	return res
}

// locked lets vcsim look into the catalog while nobody changes it.
func (g *GlobalCatalog) locked(ctx *simulator.Context, look func()) {
	vctx, m := g.catalog(ctx)
	m.locked(vctx, look)
}

// VslmListVStorageObjectsAttachedToTag lists disks by a tag. vcsim's takes the answer for another method's and panics.
func (g *GlobalCatalog) VslmListVStorageObjectsAttachedToTag(ctx *simulator.Context, req *types.VslmListVStorageObjectsAttachedToTag) soap.HasFault {
	body := new(methods.VslmListVStorageObjectsAttachedToTagBody)
	vctx, m := g.catalog(ctx)
	answer := m.ListVStorageObjectsAttachedToTag(vctx, &vim.ListVStorageObjectsAttachedToTag{
		This: m.Self, Category: req.Category, Tag: req.Tag,
	}).(*vimmethods.ListVStorageObjectsAttachedToTagBody)
	if answer.Fault_ != nil {
		body.Fault_ = answer.Fault_
		return body
	}
	body.Res = &types.VslmListVStorageObjectsAttachedToTagResponse{Returnval: answer.Res.Returnval}
	return body
}
