package taskhistory

import (
	"slices"
	"sync"

	"github.com/vmware/govmomi/vim25/types"
)

// View is what a TaskHistoryCollector sees of a Store: the tasks that a filter lets through, with a position to scroll.
// The position is between two tasks.
type View struct {
	store *Store
	spec  types.TaskFilterSpec

	mu       sync.Mutex
	position int64 // number of the task that it is behind; 0: before the oldest
	size     int   // of the latest page
}

// NewView gives a view whose position is before the oldest task, "the default setting" (RewindCollector).
func NewView(store *Store, spec types.TaskFilterSpec, size int) *View {
	return &View{store: store, spec: spec, size: size}
}

// Matches tells whether the filter lets a task through.
func (v *View) Matches(key string) bool {
	v.store.mu.Lock()
	defer v.store.mu.Unlock()
	r := v.store.byKey[key]
	return r != nil && matches(v.spec, r)
}

// Latest gives the latest page, the newest task first.
func (v *View) Latest() []types.TaskInfo {
	v.mu.Lock()
	defer v.mu.Unlock()
	page, _ := v.latest()
	return page
}

// Resize sets how much the latest page holds at most.
func (v *View) Resize(size int) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.size = size
}

// Rewind goes before the oldest task.
func (v *View) Rewind() {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.position = 0
}

// Reset goes to just before the latest page: Next reads that page, and Previous what is older (ResetCollector: "moves
// the scrollable view to the item immediately preceding the viewable latest page").
func (v *View) Reset() {
	v.mu.Lock()
	defer v.mu.Unlock()
	_, v.position = v.latest()
}

// Next reads tasks from the position on, the oldest first, and goes behind them.
func (v *View) Next(count int) []types.TaskInfo {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.store.mu.Lock()
	defer v.store.mu.Unlock()
	v.store.forget()
	var page []types.TaskInfo
	for _, r := range v.store.records[v.store.after(v.position):] {
		if len(page) == count {
			break
		}
		if matches(v.spec, r) {
			page = append(page, r.info)
			v.position = r.number
		}
	}
	return page
}

// Previous reads tasks from the position back, the newest first, and goes before them.
func (v *View) Previous(count int) []types.TaskInfo {
	v.mu.Lock()
	defer v.mu.Unlock()
	page, before := v.back(v.position, count)
	v.position = before
	return page
}

// latest gives the latest page and the position before it. The view's lock is held.
func (v *View) latest() (page []types.TaskInfo, before int64) {
	v.store.mu.Lock()
	end := v.store.last
	v.store.mu.Unlock()
	return v.back(end, v.size)
}

// back reads tasks from a position back and gives the position before them.
func (v *View) back(position int64, count int) (page []types.TaskInfo, before int64) {
	v.store.mu.Lock()
	defer v.store.mu.Unlock()
	v.store.forget()
	for _, r := range slices.Backward(v.store.records[:v.store.after(position)]) {
		if len(page) == count {
			break
		}
		if matches(v.spec, r) {
			page = append(page, r.info)
			position = r.number - 1
		}
	}
	return page, position
}
