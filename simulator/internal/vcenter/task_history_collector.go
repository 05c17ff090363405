package vcenter

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/taskhistory"
)

// TaskHistoryCollector is ours altogether: see TaskManager. It reads copies of what tasks were, also after they are gone
// (TaskHistoryCollector and HistoryCollector in the vSphere Web Services API). It "exists only for the duration of the
// session that instantiated it" (vSphere Web Services SDK Programming Guide).
type TaskHistoryCollector struct {
	mo.TaskHistoryCollector

	vc    *VCenter
	view  *taskhistory.View
	shown map[string]bool // keys of the latest page, as it was told last
}

const (
	// defaultPageSize is how much latestPage holds at first, as vcsim has it.
	defaultPageSize = 10
	// maxPageSize is the most that a client may ask for.
	maxPageSize = 1000
)

// Get gives the object as it is read.
func (c *TaskHistoryCollector) Get() mo.Reference {
	read := c.TaskHistoryCollector
	read.LatestPage = c.view.Latest()
	return &read
}

// A session that ends removes those of its objects that hear of others (simulator.RegisterObject).

// PutObject hears of new objects.
func (*TaskHistoryCollector) PutObject(*simulator.Context, mo.Reference) {}

// UpdateObject hears of changes.
func (*TaskHistoryCollector) UpdateObject(*simulator.Context, mo.Reference, []types.PropertyChange) {}

// RemoveObject hears of an object's end.
func (*TaskHistoryCollector) RemoveObject(*simulator.Context, types.ManagedObjectReference) {}

// ReadNextTasks reads towards newer tasks. "No item is returned when the end of the collector is reached."
func (c *TaskHistoryCollector) ReadNextTasks(_ *simulator.Context, req *types.ReadNextTasks) soap.HasFault {
	body := new(methods.ReadNextTasksBody)
	if fault := checkCount(req.MaxCount); fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.ReadNextTasksResponse{Returnval: c.view.Next(int(req.MaxCount))}
	return body
}

// ReadPreviousTasks reads towards older tasks, the newest first.
func (c *TaskHistoryCollector) ReadPreviousTasks(_ *simulator.Context, req *types.ReadPreviousTasks) soap.HasFault {
	body := new(methods.ReadPreviousTasksBody)
	if fault := checkCount(req.MaxCount); fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.ReadPreviousTasksResponse{Returnval: c.view.Previous(int(req.MaxCount))}
	return body
}

// RewindCollector goes before the oldest task.
func (c *TaskHistoryCollector) RewindCollector(*simulator.Context, *types.RewindCollector) soap.HasFault {
	c.view.Rewind()
	return &methods.RewindCollectorBody{Res: new(types.RewindCollectorResponse)}
}

// ResetCollector goes before the latest page.
func (c *TaskHistoryCollector) ResetCollector(*simulator.Context, *types.ResetCollector) soap.HasFault {
	c.view.Reset()
	return &methods.ResetCollectorBody{Res: new(types.ResetCollectorResponse)}
}

// SetCollectorPageSize sets how much latestPage holds.
func (c *TaskHistoryCollector) SetCollectorPageSize(ctx *simulator.Context, req *types.SetCollectorPageSize) soap.HasFault {
	body := new(methods.SetCollectorPageSizeBody)
	if fault := checkCount(req.MaxCount); fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	c.view.Resize(int(req.MaxCount))
	c.tell(ctx)
	body.Res = new(types.SetCollectorPageSizeResponse)
	return body
}

// DestroyCollector ends the collector.
func (c *TaskHistoryCollector) DestroyCollector(ctx *simulator.Context, req *types.DestroyCollector) soap.HasFault {
	ctx.Session.Remove(ctx, req.This)
	c.vc.records.drop(req.This)
	return &methods.DestroyCollectorBody{Res: new(types.DestroyCollectorResponse)}
}

func checkCount(count int32) types.BaseMethodFault {
	if count <= 0 || count > maxPageSize {
		return &types.InvalidArgument{InvalidProperty: "maxCount"}
	}
	return nil
}

// tell makes a new latestPage known. The collector's lock is held.
func (c *TaskHistoryCollector) tell(ctx *simulator.Context) {
	page := c.view.Latest()
	c.shown = make(map[string]bool, len(page))
	for _, info := range page {
		c.shown[info.Key] = true
	}
	ctx.Update(c, []types.PropertyChange{{Name: "latestPage", Val: page}})
}

func (r *taskRecords) add(c *TaskHistoryCollector) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.collectors[c.Self] = c
}

func (r *taskRecords) drop(collector types.ManagedObjectReference) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.collectors, collector)
}

// tellCollectors lets those know of a task whose latest page it is in, or was.
func (r *taskRecords) tellCollectors(ctx *simulator.Context, key string) {
	r.mu.Lock()
	collectors := make([]*TaskHistoryCollector, 0, len(r.collectors))
	for _, c := range r.collectors {
		collectors = append(collectors, c)
	}
	r.mu.Unlock()
	for _, c := range collectors {
		ctx.WithLock(c, func() {
			if c.shown[key] || c.view.Matches(key) {
				c.tell(ctx)
			}
		})
	}
}
