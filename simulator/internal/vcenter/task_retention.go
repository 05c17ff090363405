package vcenter

import (
	"slices"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// end marks a task as over, and sets the timer if it has something to do earlier.
func (r *taskRecords) end(ref types.ManagedObjectReference) {
	r.mu.Lock()
	defer r.mu.Unlock()
	recent := r.byRef[ref]
	if recent == nil || !recent.endedAt.IsZero() {
		return
	}
	recent.endedAt = time.Now()
	r.ended = append(r.ended, recent)
	r.setTimer()
}

// setTimer waits for the next task that is due. The lock is held.
func (r *taskRecords) setTimer() {
	if r.closed || len(r.ended) == 0 {
		return
	}
	due := r.ended[0].endedAt.Add(r.options.Retention)
	if r.delisted < len(r.ended) {
		delist := r.ended[r.delisted].endedAt.Add(r.options.RecentAge)
		if len(r.ended)-r.delisted > r.options.RecentMax {
			delist = time.Now()
		}
		if delist.Before(due) {
			due = delist
		}
	}
	if r.timer == nil {
		r.timer = time.AfterFunc(time.Until(due), r.tidy)
	} else {
		r.timer.Reset(time.Until(due))
	}
}

// Close stops all work and all timers, for a vCenter that nobody will ask any more.
func (vc *VCenter) Close() {
	vc.records.mu.Lock()
	vc.records.closed = true
	if vc.records.timer != nil {
		vc.records.timer.Stop()
	}
	vc.records.mu.Unlock()
	for _, op := range vc.underWay() {
		op.cancel()
	}
}

// tidy takes tasks off the lists of recent ones, and away altogether, when they are due.
func (r *taskRecords) tidy() {
	r.tidying.Lock()
	defer r.tidying.Unlock()
	delisted, gone := r.due(time.Now())
	ctx := r.vc.newContext()
	if len(delisted) > 0 {
		r.delist(ctx, delisted)
	}
	for _, recent := range gone {
		r.vc.registry.Remove(ctx, recent.task)
	}
	r.mu.Lock()
	r.setTimer()
	r.mu.Unlock()
}

// forgetTasks ends the life of all tasks and of their history, as a vCenter does that has lost its database. Work that is
// under way goes on, and nobody can learn what comes of it but by looking at what it did.
func (vc *VCenter) forgetTasks() {
	r := vc.records
	r.tidying.Lock()
	defer r.tidying.Unlock()
	r.mu.Lock()
	all := r.tasks
	r.tasks, r.ended, r.delisted = nil, nil, 0
	clear(r.byRef)
	r.mu.Unlock()
	r.history.Clear()
	ctx := vc.newContext()
	r.delist(ctx, all)
	for _, recent := range all {
		vc.registry.Remove(ctx, recent.task)
	}
}

// due takes what is due out of the records.
func (r *taskRecords) due(now time.Time) (delisted, gone []*recentTask) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for r.delisted < len(r.ended) && !r.isListed(r.delisted, now) {
		recent := r.ended[r.delisted]
		recent.listed = false
		delisted = append(delisted, recent)
		r.delisted++
	}
	n := 0
	for n < r.delisted && now.Sub(r.ended[n].endedAt) >= r.options.Retention {
		gone = append(gone, r.ended[n])
		delete(r.byRef, r.ended[n].task)
		n++
	}
	r.ended = slices.Delete(r.ended, 0, n)
	r.delisted -= n
	if n > 0 {
		r.tasks = slices.DeleteFunc(r.tasks, func(t *recentTask) bool { return r.byRef[t.task] != t })
	}
	return delisted, gone
}

// isListed tells whether the n-th of ended belongs into recentTask. The lock is held.
func (r *taskRecords) isListed(n int, now time.Time) bool {
	return len(r.ended)-n <= r.options.RecentMax && now.Sub(r.ended[n].endedAt) < r.options.RecentAge
}

// delist takes tasks off their entities' lists: "a subset of recentTask", says ManagedEntity.recentTask.
func (r *taskRecords) delist(ctx *simulator.Context, tasks []*recentTask) {
	r.changed(ctx)
	byEntity := make(map[types.ManagedObjectReference][]types.ManagedObjectReference)
	for _, recent := range tasks {
		byEntity[recent.entity] = append(byEntity[recent.entity], recent.task)
	}
	for ref, gone := range byEntity {
		entity, ok := r.vc.registry.Get(ref).(mo.Entity)
		if !ok {
			continue
		}
		ctx.WithLock(entity, func() {
			list := slices.DeleteFunc(slices.Clone(entity.Entity().RecentTask), func(task types.ManagedObjectReference) bool {
				return slices.Contains(gone, task)
			})
			ctx.Update(entity, []types.PropertyChange{{Name: "recentTask", Val: list}})
		})
	}
}

// recent gives the TaskManager's list: what is queued or running, and what ended lately.
func (r *taskRecords) recent() []types.ManagedObjectReference {
	r.mu.Lock()
	defer r.mu.Unlock()
	late := make(map[*recentTask]bool) // due to be delisted, which the timer has not come to yet
	for n := r.delisted; n < len(r.ended) && !r.isListed(n, time.Now()); n++ {
		late[r.ended[n]] = true
	}
	var list []types.ManagedObjectReference
	for _, recent := range r.tasks {
		if recent.listed && !late[recent] {
			list = append(list, recent.task)
		}
	}
	return list
}
