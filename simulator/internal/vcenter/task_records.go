package vcenter

import (
	"slices"
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/taskhistory"
)

// taskRecords hears of all tasks, vcsim's and ours (simulator.RegisterObject), in place of vcsim's TaskManager: it keeps
// recentTask of the TaskManager and of each entity, ends the life of tasks that are over, and writes their history.
//
// It hears of them often while their locks are held: so it takes no lock but its own, and those of collectors. What
// needs other locks is done by a timer.
type taskRecords struct {
	vc      *VCenter
	options TaskOptions
	history *taskhistory.Store
	manager *simulator.TaskManager

	mu         sync.Mutex
	tasks      []*recentTask // in the order in which they were made
	byRef      map[types.ManagedObjectReference]*recentTask
	ended      []*recentTask // in the order of their ends
	delisted   int           // of ended, so many are in no recentTask any more
	timer      *time.Timer
	closed     bool
	collectors map[types.ManagedObjectReference]*TaskHistoryCollector

	tidying sync.Mutex // one timer at a time
}

// recentTask is a task that can be read.
type recentTask struct {
	task, entity types.ManagedObjectReference
	name         string    // of the entity
	endedAt      time.Time // of this machine's clock; zero while it lives
	listed       bool
}

func newTaskRecords(vc *VCenter, options TaskOptions) *taskRecords {
	options.RecentAge = min(options.RecentAge, options.Retention) // what is listed can be read
	return &taskRecords{
		vc: vc, options: options,
		history:    taskhistory.New(options.HistoryMax, options.HistoryAge, time.Now),
		byRef:      make(map[types.ManagedObjectReference]*recentTask),
		collectors: make(map[types.ManagedObjectReference]*TaskHistoryCollector),
	}
}

// Reference gives what the registry knows this handler by.
func (*taskRecords) Reference() types.ManagedObjectReference {
	return types.ManagedObjectReference{Type: "vrelocate", Value: "task-records"}
}

// PutObject hears of a new task. Its entity's lock is held by who makes it.
func (r *taskRecords) PutObject(ctx *simulator.Context, obj mo.Reference) {
	task, ok := obj.(*simulator.Task)
	if !ok {
		return
	}
	recent := &recentTask{task: task.Self, listed: true}
	var entity mo.Entity
	var above []types.ManagedObjectReference
	if of := task.Info.Entity; of != nil {
		recent.entity = *of
		entity, _ = r.vc.registry.Get(*of).(mo.Entity)
		above = r.vc.above(*of)
	}
	if entity != nil && entity.Entity().Name != "" {
		task.Info.EntityName = entity.Entity().Name // vcsim has the reference's value there
	}
	recent.name = task.Info.EntityName
	r.history.Add(task.Info, above)
	r.mu.Lock()
	r.tasks = append(r.tasks, recent)
	r.byRef[task.Self] = recent
	r.mu.Unlock()

	r.changed(ctx)
	if entity != nil {
		list := append(slices.Clone(entity.Entity().RecentTask), task.Self)
		ctx.Update(entity, []types.PropertyChange{{Name: "recentTask", Val: list}})
	}
	r.tellCollectors(ctx, task.Info.Key)
}

// entityName gives the name of what a task works on, as it was when the task was made.
func (r *taskRecords) entityName(task types.ManagedObjectReference) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if recent := r.byRef[task]; recent != nil {
		return recent.name
	}
	return ""
}

// changed tells who watches the TaskManager's recentTask. What it is then, they read: see TaskManager.Get.
func (r *taskRecords) changed(ctx *simulator.Context) {
	r.manager.Lock()
	defer r.manager.Unlock()
	ctx.Update(r.manager, []types.PropertyChange{{Name: "recentTask", Val: []types.ManagedObjectReference{}}})
}

// UpdateObject hears of all that happens to a task, whose lock is held.
func (r *taskRecords) UpdateObject(ctx *simulator.Context, obj mo.Reference, changes []types.PropertyChange) {
	task, ok := obj.(*mo.Task)
	if !ok {
		return
	}
	r.history.Change(task.Info)
	if !slices.ContainsFunc(changes, func(c types.PropertyChange) bool { return c.Name == "info.state" }) {
		return
	}
	if hasEnded(task.Info.State) {
		r.end(task.Self)
	}
	r.tellCollectors(ctx, task.Info.Key)
}

func hasEnded(state types.TaskInfoState) bool {
	return state == types.TaskInfoStateSuccess || state == types.TaskInfoStateError
}

// RemoveObject hears of the end of a session, which takes its collectors along.
func (r *taskRecords) RemoveObject(_ *simulator.Context, ref types.ManagedObjectReference) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.collectors, ref)
}

// above gives what an entity is in, at any height.
func (vc *VCenter) above(ref types.ManagedObjectReference) []types.ManagedObjectReference {
	var above []types.ManagedObjectReference
	climb := func(to *types.ManagedObjectReference) {
		if to != nil && !slices.Contains(above, *to) {
			above = append(above, *to)
		}
	}
	for next := 0; ; next++ {
		object := vc.registry.Get(ref)
		if entity, ok := object.(mo.Entity); ok {
			climb(entity.Entity().Parent)
		}
		if vm, ok := object.(*simulator.VirtualMachine); ok {
			climb(vm.Runtime.Host)
			climb(vm.ResourcePool)
		}
		if next == len(above) {
			return above
		}
		ref = above[next]
	}
}
