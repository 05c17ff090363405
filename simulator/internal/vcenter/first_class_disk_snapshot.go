package vcenter

import (
	"slices"
	"strings"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// Snapshots of first class disks are, as vcsim's, entries of the catalog: they have an ID, a time and a description, and
// neither files nor content.

// RetrieveSnapshotInfo lists a disk's snapshots.
func (m *VStorageObjectManager) RetrieveSnapshotInfo(ctx *simulator.Context, req *types.RetrieveSnapshotInfo) soap.HasFault {
	body := new(methods.RetrieveSnapshotInfoBody)
	fcd, fault := m.find(ctx, req.Datastore, req.Id)
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.RetrieveSnapshotInfoResponse{Returnval: fcd.VStorageObjectSnapshotInfo}
	return body
}

// VStorageObjectCreateSnapshotTask makes a snapshot, whose ID is the task's result.
func (m *VStorageObjectManager) VStorageObjectCreateSnapshotTask(ctx *simulator.Context, req *types.VStorageObjectCreateSnapshot_Task) soap.HasFault {
	body := new(methods.VStorageObjectCreateSnapshot_TaskBody)
	ref, fault := m.createSnapshot(ctx, req.Datastore, req.Id, req.Description)
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.VStorageObjectCreateSnapshot_TaskResponse{Returnval: ref}
	return body
}

func (m *VStorageObjectManager) createSnapshot(ctx *simulator.Context, datastore types.ManagedObjectReference, id types.ID, description string) (types.ManagedObjectReference, types.BaseMethodFault) {
	return m.onDisk(ctx, "VStorageObjectCreateSnapshot_Task", datastore, id,
		func(op *operation, fcd firstClassDisk) (types.AnyType, types.BaseMethodFault) {
			made := types.VStorageObjectSnapshotInfoVStorageObjectSnapshot{
				Id:              &types.ID{Id: uuid.NewString()},
				BackingObjectId: uuid.NewString(),
				CreateTime:      m.vc.now(),
				Description:     description,
			}
			fault := m.change(op.ctx, fcd, func(o *simulator.VStorageObject) {
				o.Snapshots = append(slices.Clone(o.Snapshots), made)
			})
			if fault != nil {
				return nil, fault
			}
			return *made.Id, nil
		})
}

// DeleteSnapshotTask deletes a snapshot.
func (m *VStorageObjectManager) DeleteSnapshotTask(ctx *simulator.Context, req *types.DeleteSnapshot_Task) soap.HasFault {
	body := new(methods.DeleteSnapshot_TaskBody)
	ref, fault := m.deleteSnapshot(ctx, req.Datastore, req.Id, req.SnapshotId)
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.DeleteSnapshot_TaskResponse{Returnval: ref}
	return body
}

func (m *VStorageObjectManager) deleteSnapshot(ctx *simulator.Context, datastore types.ManagedObjectReference, id, snapshot types.ID) (types.ManagedObjectReference, types.BaseMethodFault) {
	return m.onDisk(ctx, "DeleteSnapshot_Task", datastore, id,
		func(op *operation, fcd firstClassDisk) (types.AnyType, types.BaseMethodFault) {
			isIt := func(s types.VStorageObjectSnapshotInfoVStorageObjectSnapshot) bool { return *s.Id == snapshot }
			if !slices.ContainsFunc(fcd.Snapshots, isIt) {
				return nil, new(types.NotFound)
			}
			return nil, m.change(op.ctx, fcd, func(o *simulator.VStorageObject) {
				o.Snapshots = slices.DeleteFunc(slices.Clone(o.Snapshots), isIt)
			})
		})
}

// VCenterUpdateVStorageObjectMetadataExTask changes a disk's metadata: keys are deleted, then pairs written. (vcsim
// forgets the new value of a key that is there.)
func (m *VStorageObjectManager) VCenterUpdateVStorageObjectMetadataExTask(ctx *simulator.Context, req *types.VCenterUpdateVStorageObjectMetadataEx_Task) soap.HasFault {
	body := new(methods.VCenterUpdateVStorageObjectMetadataEx_TaskBody)
	ref, fault := m.updateMetadata(ctx, req.Datastore, req.Id, req.Metadata, req.DeleteKeys)
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.VCenterUpdateVStorageObjectMetadataEx_TaskResponse{Returnval: ref}
	return body
}

func (m *VStorageObjectManager) updateMetadata(ctx *simulator.Context, datastore types.ManagedObjectReference, id types.ID, pairs []types.KeyValue, gone []string) (types.ManagedObjectReference, types.BaseMethodFault) {
	return m.onDisk(ctx, "VCenterUpdateVStorageObjectMetadataEx_Task", datastore, id,
		func(op *operation, fcd firstClassDisk) (types.AnyType, types.BaseMethodFault) {
			return nil, m.change(op.ctx, fcd, func(o *simulator.VStorageObject) {
				o.Metadata = slices.DeleteFunc(slices.Clone(o.Metadata), func(old types.KeyValue) bool {
					return slices.Contains(gone, old.Key) ||
						slices.ContainsFunc(pairs, func(pair types.KeyValue) bool { return pair.Key == old.Key })
				})
				o.Metadata = append(o.Metadata, pairs...)
				slices.SortFunc(o.Metadata, func(a, b types.KeyValue) int { return strings.Compare(a.Key, b.Key) })
			})
		})
}
