package vcenter

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/taskhistory"
)

// TaskManager differs from vcsim's in recentTask, which forgets there by number alone and counts tasks that are not over
// (see TaskOptions), and in its collectors: vcsim's filter by entity, state and time of queueing, hold the Task objects
// themselves, and count against one limit for all sessions ("maximum number of TaskHistoryCollector data objects that
// can exist concurrently, per client", TaskManager.maxCollector in the vSphere Web Services API).
type TaskManager struct {
	*simulator.TaskManager
	vc *VCenter
}

// manageTasks puts our TaskManager in the place of vcsim's.
func (vc *VCenter) manageTasks(options TaskOptions) {
	content := vc.registry.Get(serviceInstance).(*simulator.ServiceInstance).Content
	theirs := vc.registry.Get(*content.TaskManager).(*simulator.TaskManager)
	vc.registry.RemoveHandler(theirs)
	theirs.MaxCollector = int32(options.MaxCollectors)

	vc.limits.NameOf = vc.nameOfResource
	vc.records = newTaskRecords(vc, options)
	vc.records.manager = theirs
	vc.forgetTheMaking()
	vc.registry.Put(&TaskManager{TaskManager: theirs, vc: vc})
	vc.registry.AddHandler(vc.records)
}

// forgetTheMaking drops the tasks that made the inventory.
func (vc *VCenter) forgetTheMaking() {
	ctx := vc.newContext()
	for _, task := range vc.registry.AllReference("Task") {
		vc.registry.Remove(ctx, task.Reference())
	}
	for _, entity := range vc.registry.All("") {
		entity.Entity().RecentTask = nil
	}
	vc.records.manager.RecentTask = nil
}

// Get gives the object as it is read.
func (m *TaskManager) Get() mo.Reference {
	read := m.TaskManager.TaskManager
	read.RecentTask = m.vc.records.recent()
	return &read
}

// CreateCollectorForTasks gives the session a collector, unless it has too many: InvalidState, as in vcsim.
func (m *TaskManager) CreateCollectorForTasks(ctx *simulator.Context, req *types.CreateCollectorForTasks) soap.HasFault {
	body := new(methods.CreateCollectorForTasksBody)
	if len(ctx.Session.AllReference("TaskHistoryCollector")) >= int(m.MaxCollector) {
		body.Fault_ = refusal(new(types.InvalidState))
		return body
	}
	c := &TaskHistoryCollector{vc: m.vc, view: taskhistory.NewView(m.vc.records.history, req.Filter, defaultPageSize)}
	c.Filter = req.Filter
	body.Res = &types.CreateCollectorForTasksResponse{Returnval: ctx.Session.Put(c).Reference()}
	m.vc.records.add(c)
	return body
}
