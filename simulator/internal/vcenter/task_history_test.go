package vcenter_test

import (
	"slices"
	"testing"
	"time"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/task"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// history is a TaskHistoryCollector.
type history struct {
	*lab
	*task.HistoryCollector
}

func (l *lab) collect(spec types.TaskFilterSpec) history {
	l.Helper()
	collector, err := task.NewManager(l.client.Client).CreateCollectorForTasks(l.Context(), spec)
	l.must(err)
	return history{l, collector}
}

func (h history) next(count int32) []types.TaskInfo {
	h.Helper()
	infos, err := h.ReadNextTasks(h.Context(), count)
	h.must(err)
	return infos
}

func (h history) previous(count int32) []types.TaskInfo {
	h.Helper()
	infos, err := h.ReadPreviousTasks(h.Context(), count)
	h.must(err)
	return infos
}

func namesOf(infos []types.TaskInfo) []string {
	var names []string
	for _, info := range infos {
		names = append(names, info.EntityName)
	}
	return names
}

func wantNames(t *testing.T, what string, infos []types.TaskInfo, wanted ...string) {
	t.Helper()
	if got := namesOf(infos); !slices.Equal(got, wanted) {
		t.Errorf("%s: %v, want %v", what, got, wanted)
	}
}

func TestTaskHistory(t *testing.T) {
	l := start(t, inventory, fast)
	vms := []string{"vm-1", "vm-2", "vm-3"}
	for _, name := range vms {
		l.ends(l.relocate(l.vm(name), to(l.datastore("new"))))
	}
	between := time.Now()
	l.ends(l.relocate(l.vm("empty"), to(l.datastore("far")))) // fails

	all := l.collect(types.TaskFilterSpec{})
	wantNames(t, "next", all.next(2), "vm-1", "vm-2")
	wantNames(t, "further", all.next(10), "vm-3", "empty")
	wantNames(t, "at the end", all.next(10))
	wantNames(t, "back", all.previous(2), "empty", "vm-3")
	l.must(all.SetPageSize(t.Context(), 1))
	l.must(all.Reset(t.Context()))
	wantNames(t, "older than the latest page", all.previous(1), "vm-3")
	l.must(all.Rewind(t.Context()))
	wantNames(t, "rewound", all.next(1), "vm-1")
	for _, count := range []int32{0, -1, 1001} {
		_, err := all.ReadNextTasks(t.Context(), count)
		wantFault[*types.InvalidArgument](t, callFault(t, err))
	}

	for _, c := range []struct {
		what  string
		spec  types.TaskFilterSpec
		names []string
	}{
		{"failed", types.TaskFilterSpec{State: []types.TaskInfoState{types.TaskInfoStateError}}, []string{"empty"}},
		{"of a user", types.TaskFilterSpec{UserName: &types.TaskFilterSpecByUsername{UserList: []string{"user"}}}, append(vms, "empty")},
		{"of another", types.TaskFilterSpec{UserName: &types.TaskFilterSpecByUsername{UserList: []string{"nobody"}}}, nil},
		{"completed later", types.TaskFilterSpec{Time: &types.TaskFilterSpecByTime{
			TimeType: types.TaskFilterSpecTimeOptionCompletedTime, BeginTime: &between}}, []string{"empty"}},
		{"of a VM", types.TaskFilterSpec{Entity: &types.TaskFilterSpecByEntity{
			Entity: l.vm("vm-2").Reference(), Recursion: types.TaskFilterSpecRecursionOptionSelf}}, []string{"vm-2"}},
		{"of a datacenter", types.TaskFilterSpec{Entity: &types.TaskFilterSpecByEntity{
			Entity: l.dc.Reference(), Recursion: types.TaskFilterSpecRecursionOptionAll}}, append(vms, "empty")},
		{"of a datacenter itself", types.TaskFilterSpec{Entity: &types.TaskFilterSpecByEntity{
			Entity: l.dc.Reference(), Recursion: types.TaskFilterSpecRecursionOptionSelf}}, nil},
	} {
		collector := l.collect(c.spec)
		wantNames(t, c.what, collector.next(10), c.names...)
		l.must(collector.Destroy(t.Context()))
	}
}

// latestPage is told as tasks come and change.
func TestLatestPageIsWatched(t *testing.T) {
	l := start(t, inventory, fast)
	collector := l.collect(types.TaskFilterSpec{})
	task := l.relocate(l.vm("vm-1"), to(l.datastore("new")))
	var page []types.TaskInfo
	err := property.Wait(t.Context(), property.DefaultCollector(l.client.Client), collector.Reference(), []string{"latestPage"},
		func([]types.PropertyChange) bool {
			var read mo.TaskHistoryCollector
			l.read(collector, &read, "latestPage")
			page = read.LatestPage
			return len(page) == 1 && page[0].State == types.TaskInfoStateSuccess
		})
	l.must(err)
	if page[0].Task != task.Reference() {
		t.Errorf("%+v", page)
	}
}

func TestCollectorsBelongToASession(t *testing.T) {
	l := start(t, inventory+"tasks: {max_collectors: 2}\n", fast)
	create := func(client *govmomi.Client) (*task.HistoryCollector, error) {
		return task.NewManager(client.Client).CreateCollectorForTasks(t.Context(), types.TaskFilterSpec{})
	}
	client := login(t, l.sim)
	first, err := create(client)
	l.must(err)
	_, err = create(client)
	l.must(err)
	_, err = create(client)
	wantFault[*types.InvalidState](t, callFault(t, err))
	_, err = create(l.client) // another session
	l.must(err)
	_, err = task.NewManager(l.client.Client).CreateCollectorForTasks(t.Context(), types.TaskFilterSpec{})
	l.must(err)
	var manager mo.TaskManager
	l.read(*l.client.ServiceContent.TaskManager, &manager, "maxCollector")
	if manager.MaxCollector != 2 {
		t.Errorf("maxCollector is %d", manager.MaxCollector)
	}

	l.must(first.Destroy(t.Context()))
	_, err = first.ReadNextTasks(t.Context(), 1)
	wantFault[*types.ManagedObjectNotFound](t, callFault(t, err))
	_, err = create(client) // there is room again
	l.must(err)
	l.must(client.Logout(t.Context()))
	client = login(t, l.sim)
	for range 2 {
		_, err = create(client)
		l.must(err)
	}
}
