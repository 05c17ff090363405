// Package taskhistory keeps what tasks were, after the tasks themselves are gone, as a vCenter does in its database, and
// finds them again by a TaskFilterSpec.
package taskhistory

import (
	"slices"
	"sync"
	"time"

	"github.com/vmware/govmomi/vim25/types"
)

// Store holds a record of each task, in the order in which they were made: "the items in a collector are always ordered
// by date and time of creation" (HistoryCollector).
type Store struct {
	max int
	age time.Duration
	now func() time.Time

	mu      sync.Mutex
	last    int64 // number of the last record
	records []*record
	dropped int // of the records, those that are no more
	byKey   map[string]*record
	ended   []*record // in the order of their ends
}

// record is one task.
type record struct {
	number int64 // from 1, in the order of creation
	info   types.TaskInfo
	above  []types.ManagedObjectReference // what the entity was in: folders, datacenter, host, pools
	ended  time.Time                      // by now; zero while the task lives
	gone   bool
}

// New makes a store that forgets the tasks that ended longest ago when there are more than max of them, or when their
// end is older than age. A task that is queued or running is never forgotten.
func New(max int, age time.Duration, now func() time.Time) *Store {
	return &Store{max: max, age: age, now: now, byKey: make(map[string]*record)}
}

// Add takes a new task down. Above are the objects that its entity is in, at any height.
func (s *Store) Add(info types.TaskInfo, above []types.ManagedObjectReference) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	r := &record{number: s.last, info: info, above: above}
	s.records = append(s.records, r)
	s.byKey[info.Key] = r
	s.change(r, info)
	s.forget()
}

// Change takes down what has become of a task. Of one that is not known it does nothing.
func (s *Store) Change(info types.TaskInfo) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.byKey[info.Key]; r != nil {
		s.change(r, info)
		s.forget()
	}
}

func (s *Store) change(r *record, info types.TaskInfo) {
	r.info = info
	if r.ended.IsZero() && (info.State == types.TaskInfoStateSuccess || info.State == types.TaskInfoStateError) {
		r.ended = s.now()
		s.ended = append(s.ended, r)
	}
}

// forget drops what is too old or too much. The lock is held.
func (s *Store) forget() {
	oldest := s.now().Add(-s.age)
	n := 0
	for n < len(s.ended) && (len(s.ended)-n > s.max || s.ended[n].ended.Before(oldest)) {
		r := s.ended[n]
		delete(s.byKey, r.info.Key)
		r.gone, r.info, r.above = true, types.TaskInfo{}, nil
		s.dropped++
		n++
	}
	s.ended = slices.Delete(s.ended, 0, n)
	if s.dropped > len(s.records)/2 {
		s.records = slices.DeleteFunc(s.records, func(r *record) bool { return r.gone })
		s.dropped = 0
	}
}

// Clear forgets all, also tasks that are not over: what becomes of them later is not taken down.
func (s *Store) Clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, r := range s.records {
		r.gone = true
	}
	s.records, s.dropped, s.ended = nil, 0, nil
	clear(s.byKey)
}

// Len tells how many tasks are known.
func (s *Store) Len() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forget()
	return len(s.byKey)
}

// after gives the index of the first record whose number is more.
func (s *Store) after(number int64) int {
	at, _ := slices.BinarySearchFunc(s.records, number, func(r *record, number int64) int {
		if r.number <= number {
			return -1
		}
		return 1
	})
	return at
}
