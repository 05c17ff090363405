package taskhistory

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/vmware/govmomi/vim25/types"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

// book is a store with a clock of its own.
type book struct {
	*Store
	now time.Time
}

func newBook(max int, age time.Duration) *book {
	b := &book{now: noon}
	b.Store = New(max, age, func() time.Time { return b.now })
	return b
}

// tasks makes so many, of which each has ended.
func (b *book) tasks(count int) {
	for n := range count {
		key := fmt.Sprintf("task-%d", n+1)
		b.Add(types.TaskInfo{Key: key, State: types.TaskInfoStateQueued}, nil)
		b.Change(types.TaskInfo{Key: key, State: types.TaskInfoStateSuccess})
	}
}

func keys(infos []types.TaskInfo) []string {
	var all []string
	for _, info := range infos {
		all = append(all, info.Key)
	}
	return all
}

func want(t *testing.T, what string, infos []types.TaskInfo, wanted ...string) {
	t.Helper()
	if got := keys(infos); !slices.Equal(got, wanted) {
		t.Errorf("%s: %v, want %v", what, got, wanted)
	}
}

func TestScrolling(t *testing.T) {
	b := newBook(100, time.Hour)
	b.tasks(7)
	v := NewView(b.Store, types.TaskFilterSpec{}, 3)
	want(t, "latest", v.Latest(), "task-7", "task-6", "task-5")
	want(t, "before the oldest", v.Previous(2))
	want(t, "next", v.Next(3), "task-1", "task-2", "task-3")
	want(t, "back", v.Previous(2), "task-3", "task-2")
	want(t, "on", v.Next(100), "task-2", "task-3", "task-4", "task-5", "task-6", "task-7")
	want(t, "at the end", v.Next(1))
	v.Reset()
	want(t, "older than the latest page", v.Previous(2), "task-4", "task-3")
	v.Reset()
	want(t, "the latest page", v.Next(9), "task-5", "task-6", "task-7")
	v.Rewind()
	want(t, "rewound", v.Next(1), "task-1")
	v.Resize(1)
	want(t, "a smaller page", v.Latest(), "task-7")
}

func TestForgetsWhatEndedFirst(t *testing.T) {
	b := newBook(2, time.Hour)
	b.Add(types.TaskInfo{Key: "endless", State: types.TaskInfoStateRunning}, nil)
	b.tasks(5)
	v := NewView(b.Store, types.TaskFilterSpec{}, 10)
	want(t, "by number", v.Next(10), "endless", "task-4", "task-5")
	b.now = noon.Add(2 * time.Hour)
	v.Rewind()
	want(t, "by age", v.Next(10), "endless")
	if b.Len() != 1 || len(b.records) > 2 || len(b.ended) != 0 {
		t.Errorf("%d known, %d records and %d ends are kept", b.Len(), len(b.records), len(b.ended))
	}
}

func TestClear(t *testing.T) {
	b := newBook(10, time.Hour)
	b.Add(types.TaskInfo{Key: "running", State: types.TaskInfoStateRunning}, nil)
	b.tasks(3)
	v := NewView(b.Store, types.TaskFilterSpec{}, 10)
	v.Next(2)
	b.Clear()
	b.Change(types.TaskInfo{Key: "running", State: types.TaskInfoStateSuccess})
	b.Add(types.TaskInfo{Key: "new"}, nil)
	want(t, "after", v.Next(9), "new")
	if b.Len() != 1 {
		t.Errorf("%d are known", b.Len())
	}
}

// A view that scrolls is not thrown off by what is forgotten meanwhile.
func TestForgettingWhileScrolling(t *testing.T) {
	b := newBook(4, time.Hour)
	b.tasks(4)
	v := NewView(b.Store, types.TaskFilterSpec{}, 10)
	want(t, "first", v.Next(2), "task-1", "task-2")
	for n := 5; n <= 8; n++ {
		key := fmt.Sprintf("task-%d", n)
		b.Add(types.TaskInfo{Key: key, State: types.TaskInfoStateSuccess}, nil)
	}
	want(t, "then", v.Next(9), "task-5", "task-6", "task-7", "task-8")
}

func TestFilters(t *testing.T) {
	ref := func(kind, value string) types.ManagedObjectReference {
		return types.ManagedObjectReference{Type: kind, Value: value}
	}
	at := func(minutes int) *time.Time { when := noon.Add(time.Duration(minutes) * time.Minute); return &when }
	folder, vm, alarm, schedule := ref("Folder", "group-v3"), ref("VirtualMachine", "vm-1"), ref("Alarm", "alarm-1"), ref("ScheduledTask", "s-1")
	b := newBook(100, time.Hour)
	b.Add(types.TaskInfo{
		Key: "a", Entity: &vm, State: types.TaskInfoStateSuccess, Reason: &types.TaskReasonUser{UserName: "ann"},
		QueueTime: *at(1), StartTime: at(2), CompleteTime: at(9),
		ActivationId: "act", EventChainId: 7, ChangeTag: "tag", ParentTaskKey: "p", RootTaskKey: "r",
	}, []types.ManagedObjectReference{folder})
	b.Add(types.TaskInfo{
		Key: "b", Entity: &folder, State: types.TaskInfoStateRunning, Reason: new(types.TaskReasonSystem),
		QueueTime: *at(3), StartTime: at(4),
	}, nil)
	b.Add(types.TaskInfo{Key: "c", State: types.TaskInfoStateQueued, Reason: &types.TaskReasonAlarm{Alarm: alarm}, QueueTime: *at(5)}, nil)
	b.Add(types.TaskInfo{Key: "d", State: types.TaskInfoStateQueued, Reason: &types.TaskReasonSchedule{ScheduledTask: schedule}, QueueTime: *at(6)}, nil)

	type spec = types.TaskFilterSpec
	byTime := func(kind types.TaskFilterSpecTimeOption, begin, end *time.Time) spec {
		return spec{Time: &types.TaskFilterSpecByTime{TimeType: kind, BeginTime: begin, EndTime: end}}
	}
	byEntity := func(entity types.ManagedObjectReference, how types.TaskFilterSpecRecursionOption) spec {
		return spec{Entity: &types.TaskFilterSpecByEntity{Entity: entity, Recursion: how}}
	}
	byUser := func(system bool, names ...string) spec {
		return spec{UserName: &types.TaskFilterSpecByUsername{SystemUser: system, UserList: names}}
	}
	for _, c := range []struct {
		what  string
		spec  spec
		wants []string
	}{
		{"all", spec{}, []string{"a", "b", "c", "d"}},
		{"entity", byEntity(folder, types.TaskFilterSpecRecursionOptionSelf), []string{"b"}},
		{"children", byEntity(folder, types.TaskFilterSpecRecursionOptionChildren), []string{"a"}},
		{"entity and children", byEntity(folder, types.TaskFilterSpecRecursionOptionAll), []string{"a", "b"}},
		{"queued since", byTime(types.TaskFilterSpecTimeOptionQueuedTime, at(3), nil), []string{"b", "c", "d"}},
		{"queued until", byTime(types.TaskFilterSpecTimeOptionQueuedTime, nil, at(3)), []string{"a", "b"}},
		{"started within", byTime(types.TaskFilterSpecTimeOptionStartedTime, at(3), at(5)), []string{"b"}},
		{"completed", byTime(types.TaskFilterSpecTimeOptionCompletedTime, nil, nil), []string{"a"}},
		{"users", byUser(false), []string{"a"}},
		{"users and the system", byUser(true), []string{"a", "b"}},
		{"another user", byUser(false, "bob"), nil},
		{"ann", byUser(false, "bob", "ann"), []string{"a"}},
		{"activation", spec{ActivationId: []string{"act"}}, []string{"a"}},
		{"states", spec{State: []types.TaskInfoState{"queued", "running"}}, []string{"b", "c", "d"}},
		{"event chain", spec{EventChainId: []int32{7}}, []string{"a"}},
		{"tag", spec{Tag: []string{"tag"}}, []string{"a"}},
		{"no tag", spec{Tag: []string{""}}, []string{"b", "c", "d"}},
		{"parent", spec{ParentTaskKey: []string{"p"}}, []string{"a"}},
		{"root", spec{RootTaskKey: []string{"r", "x"}}, []string{"a"}},
		{"alarm", spec{Alarm: &alarm}, []string{"c"}},
		{"scheduled task", spec{ScheduledTask: &schedule}, []string{"d"}},
		{"two parts", spec{Tag: []string{""}, State: []types.TaskInfoState{"queued"}, Alarm: &alarm}, []string{"c"}},
	} {
		v := NewView(b.Store, c.spec, 10)
		want(t, c.what, v.Next(10), c.wants...)
		if v.Matches("a") != slices.Contains(c.wants, "a") {
			t.Errorf("%s: Matches(a) is %v", c.what, v.Matches("a"))
		}
	}
}
