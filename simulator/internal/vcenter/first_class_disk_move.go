package vcenter

import (
	"fmt"
	"os"
	"path"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/disk"
	"vrelocate/simulator/internal/limits"
)

// RelocateVStorageObjectTask moves a disk that no VM has; vcsim lacks it. Its ID stays, and so do its name, its type
// and its UUID. Without a path in the spec it lands in the folder fcd of the target under the name of its file, or
// under that name with a number if another file has it. (A disk that moves with its VM, by RelocateVM_Task, lands in
// the VM's folder instead: the complaint of vsphere-csi-driver's issues 565 and 686.)
//
// The API declares FileFault, InvalidDatastore, InvalidState and NotFound. InvalidState: a VM has it, or its control
// flag disableRelocation is set. InvalidDatastore: there is none, or no host has both, so that nobody could copy.
func (m *VStorageObjectManager) RelocateVStorageObjectTask(ctx *simulator.Context, req *types.RelocateVStorageObject_Task) soap.HasFault {
	body := new(methods.RelocateVStorageObject_TaskBody)
	ref, fault := m.relocate(ctx, req.Datastore, req.Id, req.Spec)
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.RelocateVStorageObject_TaskResponse{Returnval: ref}
	return body
}

func (m *VStorageObjectManager) relocate(ctx *simulator.Context, datastore types.ManagedObjectReference, id types.ID, spec types.VslmRelocateSpec) (types.ManagedObjectReference, types.BaseMethodFault) {
	return m.begin(ctx, "RelocateVStorageObject_Task", datastore, id, m.uses(datastore, spec.BackingSpec, m.vc.fcdUses),
		detached(func(op *operation, fcd firstClassDisk) (types.AnyType, types.BaseMethodFault) {
			if isTrue(fcd.Config.RelocationDisabled) {
				return nil, new(types.InvalidState)
			}
			to, fault := m.wayTo(fcd, spec.BackingSpec)
			if fault != nil {
				return nil, fault
			}
			way := &diskWay{from: fcd.at.store, fromName: fcd.at.name, to: to.store, toName: to.name}
			if fault := op.moveDisk(way); fault != nil {
				return nil, fault
			}
			m.locked(op.ctx, func() {
				moved := m.Catalog()[fcd.at.store.ref][id]
				if moved == nil {
					return // deleted from the catalog by a reconciliation, as its file was gone
				}
				delete(m.Catalog()[fcd.at.store.ref], id)
				m.put(*moved, to)
			})
			return m.tell(op.ctx, to.store.ref, id)
		}))
}

// uses says what a task takes of hosts and datastores; nothing if it will fail for want of a target.
func (m *VStorageObjectManager) uses(datastore types.ManagedObjectReference, spec types.BaseVslmCreateSpecBackingSpec, of func(from, to *store) []limits.Use) []limits.Use {
	from := m.vc.store(datastore)
	to, _, fault := m.target(spec, "")
	if from == nil || fault != nil {
		return nil
	}
	return of(from, to.store)
}

// tell gives a disk as the result of a task.
func (m *VStorageObjectManager) tell(ctx *simulator.Context, datastore types.ManagedObjectReference, id types.ID) (types.AnyType, types.BaseMethodFault) {
	fcd, fault := m.find(ctx, datastore, id)
	if fault != nil {
		return nil, fault
	}
	told, fault := m.describe(ctx, fcd)
	if fault != nil {
		return nil, fault
	}
	return told, nil
}

// wayTo gives where a disk goes, and makes its folder. Where it is already is no way.
func (m *VStorageObjectManager) wayTo(fcd firstClassDisk, spec types.BaseVslmCreateSpecBackingSpec) (place, types.BaseMethodFault) {
	to, _, fault := m.target(spec, path.Base(fcd.at.name))
	if fault != nil {
		return to, fault
	}
	if len(m.vc.hostsOfBoth(fcd.at.store, to.store)) == 0 {
		ref := to.store.ref
		return to, &types.InvalidDatastore{Datastore: &ref, Name: to.store.name}
	}
	if spec.GetVslmCreateSpecBackingSpec().Path == "" {
		if to.store == fcd.at.store {
			return fcd.at, nil
		}
		to.name = freeIn(to)
	}
	return to, to.makeFolder()
}

// freeIn gives a file's name, with a number if another file has it.
func freeIn(at place) string {
	stem, name := strings.TrimSuffix(at.name, ".vmdk"), at.name
	for n := 1; ; n++ {
		if _, err := os.Stat(at.store.file(name)); os.IsNotExist(err) {
			return name
		}
		name = fmt.Sprintf("%s_%d.vmdk", stem, n)
	}
}

// CloneVStorageObjectTask makes another first class disk with the same content. It is of the source's type unless the
// spec asks for another; kept when its VM is deleted only if the spec says so ("if not set, the default value is
// false").
func (m *VStorageObjectManager) CloneVStorageObjectTask(ctx *simulator.Context, req *types.CloneVStorageObject_Task) soap.HasFault {
	body := new(methods.CloneVStorageObject_TaskBody)
	ref, fault := m.clone(ctx, req.Datastore, req.Id, req.Spec)
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.CloneVStorageObject_TaskResponse{Returnval: ref}
	return body
}

func (m *VStorageObjectManager) clone(ctx *simulator.Context, datastore types.ManagedObjectReference, id types.ID, spec types.VslmCloneSpec) (types.ManagedObjectReference, types.BaseMethodFault) {
	return m.begin(ctx, "CloneVStorageObject_Task", datastore, id, m.uses(datastore, spec.BackingSpec, m.vc.diskUses),
		func(op *operation, fcd firstClassDisk) (types.AnyType, types.BaseMethodFault) {
			to, kind, fault := m.target(spec.BackingSpec, newFileName())
			if fault != nil {
				return nil, fault
			}
			if fault := to.makeFolder(); fault != nil {
				return nil, fault
			}
			way := &diskWay{from: fcd.at.store, fromName: fcd.at.name, to: to.store, toName: to.name}
			if _, fault := way.check(); fault != nil {
				return nil, fault
			}
			if op.vc.inUse(op.ctx, fcd.at.store, fcd.at.name) {
				return nil, fileLocked(fcd.at)
			}
			chain, fault := op.vc.chainOf(fcd.at)
			if fault != nil {
				return nil, fault
			}
			top := chain[0].disk
			copied := disk.Disk{
				UUID:          disk.NewUUID(""),
				CapacityBytes: top.CapacityBytes,
				WrittenBytes:  writtenBytes(chain),
				Kind:          provisioned(kind, chain[len(chain)-1].disk.Kind),
				Adapter:       top.Adapter,
			}
			if fault := op.copyChain(way, chain, copied); fault != nil {
				return nil, fault
			}
			return m.enter(op, to, spec.Name, isTrue(spec.KeepAfterDeleteVm), spec.Metadata)
		})
}
