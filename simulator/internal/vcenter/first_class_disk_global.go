package vcenter

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	vim "github.com/vmware/govmomi/vim25/types"
	"github.com/vmware/govmomi/vslm/methods"
	vslm "github.com/vmware/govmomi/vslm/simulator"
	"github.com/vmware/govmomi/vslm/types"
)

// GlobalCatalog is the other door to first class disks: the service /vslm/sdk, whose methods need no datastore
// (VslmVStorageObjectManager in the Virtual Storage Lifecycle Manager API; govc disk.* comes this way). vcsim's asks its
// own VcenterVStorageObjectManager, past anything that was put on top. Here every method that changes or describes a
// disk asks ours, so that both doors lead to the same disks; queries, tags and metadata are vcsim's.
type GlobalCatalog struct {
	*vslm.VStorageObjectManager
	vc *VCenter
}

// openGlobalCatalog answers at /vslm/sdk. vcsim's own service joins the one that is there already
// (simulator.Service.RegisterSDK), which keeps its Handler.
func (vc *VCenter) openGlobalCatalog(service *simulator.Service) {
	registry := vslm.New()
	registry.Handler = func(ctx *simulator.Context, method *simulator.Method) (mo.Reference, vim.BaseMethodFault) {
		vc.ledger.Call(sessionName(ctx.Session), method.Name)
		if ctx.Session == nil {
			return nil, nil // vcsim says what may be called without a session
		}
		if vc.faults.Any() {
			if fault := vc.faults.AtCall(method.Name, vc.fcdSubject(ctx.For(vim25.Path), method.Body)); fault != nil {
				return refuse(method, fault), nil
			}
		}
		var ours mo.Reference
		switch o := registry.Get(method.This).(type) {
		case *vslm.VStorageObjectManager:
			ours = &GlobalCatalog{VStorageObjectManager: o, vc: vc}
		case *vslm.VslmTask:
			ours = &VslmTask{VslmTask: o, vc: vc}
		default:
			return nil, nil
		}
		method.This.Value = answered
		return ours, nil
	}
	service.RegisterSDK(registry)
}

// catalog gives the vCenter's own manager, and a context for it.
func (g *GlobalCatalog) catalog(ctx *simulator.Context) (*simulator.Context, *VStorageObjectManager) {
	return ctx.For(vim25.Path), g.vc.catalog()
}

// datastoreOf finds a disk by its ID alone; of an ID that nobody has, a datastore on which it is not found either.
func (g *GlobalCatalog) datastoreOf(ctx *simulator.Context, id vim.ID) vim.ManagedObjectReference {
	ctx, m := g.catalog(ctx)
	var at vim.ManagedObjectReference
	m.locked(ctx, func() {
		for datastore, disks := range m.Catalog() {
			if disks[id] != nil {
				at = datastore
			}
		}
	})
	return at
}

// onDisk asks the vCenter's manager to do something with a disk, and gives the task as this service has it.
func (g *GlobalCatalog) onDisk(ctx *simulator.Context, id vim.ID,
	do func(*simulator.Context, *VStorageObjectManager, vim.ManagedObjectReference) (vim.ManagedObjectReference, vim.BaseMethodFault)) (vim.ManagedObjectReference, vim.BaseMethodFault) {
	datastore := g.datastoreOf(ctx, id)
	if datastore.Value == "" {
		return datastore, new(vim.NotFound)
	}
	vctx, m := g.catalog(ctx)
	task, fault := do(vctx, m, datastore)
	if fault != nil {
		return task, fault
	}
	return vslmTask(ctx, task), nil
}

func vslmTask(ctx *simulator.Context, task vim.ManagedObjectReference) vim.ManagedObjectReference {
	ref := vim.ManagedObjectReference{Type: "VslmTask", Value: task.Value}
	return ctx.Map.Put(&vslm.VslmTask{ManagedObjectReference: ref}).Reference()
}

// VslmTask is a task of the vCenter as this service shows it; vcsim's can't be cancelled and shows no progress.
type VslmTask struct {
	*vslm.VslmTask
	vc *VCenter
}

// task gives the vCenter's task.
func (t *VslmTask) task() (*simulator.Task, bool) {
	task, ok := t.vc.registry.Get(vim.ManagedObjectReference{Type: "Task", Value: t.Value}).(*simulator.Task)
	return task, ok
}

// VslmQueryInfo tells of the task.
func (t *VslmTask) VslmQueryInfo(ctx *simulator.Context, _ *types.VslmQueryInfo) soap.HasFault {
	body := new(methods.VslmQueryInfoBody)
	task, ok := t.task()
	if !ok {
		body.Fault_ = refusal(&vim.ManagedObjectNotFound{Obj: t.Reference()})
		return body
	}
	ctx = ctx.For(vim25.Path)
	ctx.WithLock(task, func() {
		info := task.Info
		body.Res = &types.VslmQueryInfoResponse{Returnval: types.VslmTaskInfo{
			Key:           info.Key,
			Task:          t.Reference(),
			Name:          info.Name,
			DescriptionId: info.DescriptionId,
			Entity:        info.Entity,
			EntityName:    info.EntityName,
			State:         types.VslmTaskInfoState(info.State),
			Cancelled:     info.Cancelled,
			Cancelable:    info.Cancelable,
			Progress:      info.Progress,
			Error:         info.Error,
			Result:        info.Result,
			Reason:        new(types.VslmTaskReason),
			QueueTime:     info.QueueTime,
			StartTime:     info.StartTime,
			CompleteTime:  info.CompleteTime,
		}}
	})
	return body
}

// VslmCancelTask asks the work to stop.
func (t *VslmTask) VslmCancelTask(ctx *simulator.Context, _ *types.VslmCancelTask) soap.HasFault {
	body := new(methods.VslmCancelTaskBody)
	task, ok := t.task()
	if !ok {
		body.Fault_ = refusal(&vim.ManagedObjectNotFound{Obj: t.Reference()})
		return body
	}
	ctx = ctx.For(vim25.Path)
	ours := &Task{Task: task, vc: t.vc}
	ctx.WithLock(task, func() { body.Fault_ = ours.CancelTask(ctx, new(vim.CancelTask)).Fault() })
	if body.Fault_ == nil {
		body.Res = new(types.VslmCancelTaskResponse)
	}
	return body
}
