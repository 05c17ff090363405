package vcenter

import (
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// StoragePod, a datastore cluster, differs from vcsim's in that its summary is the sum of its datastores
// (StoragePodSummary: "this value is the sum of the capacity of all datastores that are part of this storage pod"; there
// it is 0), and that a datastore moves into a pod that has some already, or out of another pod, without being listed
// twice.
type StoragePod struct {
	*simulator.StoragePod
	vc *VCenter
}

// MoveIntoFolderTask moves datastores into the pod.
func (p *StoragePod) MoveIntoFolderTask(ctx *simulator.Context, req *types.MoveIntoFolder_Task) soap.HasFault {
	body := new(methods.MoveIntoFolder_TaskBody)
	ref, fault := p.vc.start(ctx, job{
		entity: p.StoragePod,
		id:     "Folder.moveIntoFolder",
		method: "MoveIntoFolder_Task",
		name:   p.Name,
		run: func(op *operation) (types.AnyType, types.BaseMethodFault) {
			return nil, p.vc.moveDatastores(op.ctx, req.List, p.StoragePod)
		},
	})
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.MoveIntoFolder_TaskResponse{Returnval: ref}
	return body
}

// MoveIntoFolderTask moves datastores into a folder, also out of a pod, which vcsim refuses. Anything else is vcsim's.
func (f *Folder) MoveIntoFolderTask(ctx *simulator.Context, req *types.MoveIntoFolder_Task) soap.HasFault {
	isDatastore := func(ref types.ManagedObjectReference) bool { return ref.Type == "Datastore" }
	if !slices.ContainsFunc(req.List, isDatastore) {
		return f.Folder.MoveIntoFolderTask(ctx, req)
	}
	body := new(methods.MoveIntoFolder_TaskBody)
	ref, fault := f.vc.start(ctx, job{
		entity: f.Folder,
		id:     "Folder.moveIntoFolder",
		method: "MoveIntoFolder_Task",
		name:   f.Name,
		run: func(op *operation) (types.AnyType, types.BaseMethodFault) {
			if !slices.Contains(f.ChildType, "Datastore") {
				return nil, new(types.NotSupported)
			}
			return nil, f.vc.moveDatastores(op.ctx, req.List, f.Folder)
		},
	})
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.MoveIntoFolder_TaskResponse{Returnval: ref}
	return body
}

// moveDatastores puts datastores into a folder or a pod. One lock is held at a time: whoever publishes a datastore's
// space locks it before its pod.
func (vc *VCenter) moveDatastores(ctx *simulator.Context, list []types.ManagedObjectReference, into mo.Reference) types.BaseMethodFault {
	for _, ref := range list {
		if _, ok := vc.registry.Get(ref).(*simulator.Datastore); !ok {
			return new(types.NotSupported) // "if the entity is not of the folder's childType"
		}
	}
	for _, ref := range list {
		ds := vc.registry.Get(ref).(*simulator.Datastore)
		var from types.ManagedObjectReference
		ctx.WithLock(ds, func() {
			from = *ds.Parent
			ctx.Update(ds, []types.PropertyChange{{Name: "parent", Val: into.Reference()}})
		})
		if from == into.Reference() {
			continue
		}
		if old := vc.registry.Get(from); old != nil {
			vc.editChildren(ctx, old, without(ref))
			vc.publishPod(ctx, from)
		}
		vc.editChildren(ctx, into, with(ref))
		vc.publishPod(ctx, into.Reference())
	}
	return nil
}

// editChildren changes what a folder lists.
func (vc *VCenter) editChildren(ctx *simulator.Context, folder mo.Reference, change edit) {
	switch f := folder.(type) {
	case *simulator.Folder:
		editList(ctx, f, "childEntity", &f.ChildEntity, change)
	case *simulator.StoragePod:
		editList(ctx, f, "childEntity", &f.ChildEntity, change)
	}
}

// publishPod makes a pod's summary the sum of its datastores. Anything else than a pod is left alone.
func (vc *VCenter) publishPod(ctx *simulator.Context, ref types.ManagedObjectReference) {
	pod, ok := vc.registry.Get(ref).(*simulator.StoragePod)
	if !ok {
		return
	}
	ctx.WithLock(pod, func() {
		summary := types.StoragePodSummary{Name: pod.Name}
		for _, child := range pod.ChildEntity {
			if s := vc.store(child); s != nil {
				summary.Capacity += s.account.Capacity()
				summary.FreeSpace += s.account.Free()
			}
		}
		if pod.Summary == nil || *pod.Summary != summary {
			ctx.Update(pod, []types.PropertyChange{{Name: "summary", Val: summary}})
		}
	})
}
