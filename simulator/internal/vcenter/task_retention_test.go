package vcenter_test

import (
	"slices"
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// recent reads recentTask of the TaskManager and of a VM.
func (l *lab) recent(vm *object.VirtualMachine) (all, own []types.ManagedObjectReference) {
	l.Helper()
	var manager mo.TaskManager
	l.read(*l.client.ServiceContent.TaskManager, &manager, "recentTask")
	var entity mo.VirtualMachine
	l.read(vm, &entity, "recentTask")
	return manager.RecentTask, entity.RecentTask
}

// untilRecent waits until a VM's list of recent tasks is so long.
func (l *lab) untilRecent(vm *object.VirtualMachine, length int) {
	l.Helper()
	var list []types.ManagedObjectReference
	err := property.Wait(l.Context(), property.DefaultCollector(l.client.Client), vm.Reference(), []string{"recentTask"},
		func([]types.PropertyChange) bool {
			_, list = l.recent(vm)
			return len(list) == length
		})
	l.must(err)
}

func TestRecentTasksAreLimitedInNumber(t *testing.T) {
	l := start(t, inventory+"tasks: {recent_max: 3}\n", fast)
	vm := l.vm("vm-1")
	var refs []types.ManagedObjectReference
	for _, name := range []string{"new", "old", "new", "old", "new"} {
		task := l.relocate(vm, to(l.datastore(name)))
		if fault := l.ends(task); fault != nil {
			t.Fatalf("%#v", fault)
		}
		refs = append(refs, task.Reference())
	}
	l.untilRecent(vm, 3)
	if all, own := l.recent(vm); !slices.Equal(all, refs[2:]) || !slices.Equal(own, refs[2:]) {
		t.Errorf("%v and %v, want %v", all, own, refs[2:])
	}
	if state := l.infoOf(object.NewTask(l.client.Client, refs[0])).State; state != types.TaskInfoStateSuccess {
		t.Errorf("the first is %s", state) // off the list, but not gone
	}
}

func TestRunningTasksStayRecent(t *testing.T) {
	l := start(t, inventory+"tasks: {recent_max: 1, recent_age: 1ms}\n", stuck)
	vm := l.vm("vm-1")
	running := l.relocate(vm, to(l.datastore("new")))
	failed := l.relocate(l.vm("vm-2"), to(l.datastore("far")))
	l.ends(failed)
	l.untilRecent(l.vm("vm-2"), 0)
	all, own := l.recent(vm)
	if want := []types.ManagedObjectReference{running.Reference()}; !slices.Equal(all, want) || !slices.Equal(own, want) {
		t.Errorf("%v and %v, want %v", all, own, want)
	}
}

// A task that is over is gone after its retention. Filters tell so, and the history still knows it.
func TestTaskIsGoneAfterItsRetention(t *testing.T) {
	l := start(t, inventory+"tasks: {retention: 100ms}\n", fast)
	vm := l.vm("vm-1")
	l.admin("POST", "/datastores/new", `{"stalled": true}`) // it does not end before it is watched
	relocation := l.relocate(vm, to(l.datastore("new"))).Reference()
	inView := l.watch("info.state")
	inView.add(relocation)
	named := &watch{lab: l, session: l.client.Client, collector: property.DefaultCollector(l.client.Client),
		seen: make(map[types.ManagedObjectReference]map[string]types.AnyType)}
	spec := types.PropertyFilterSpec{
		ObjectSet: []types.ObjectSpec{{Obj: relocation}},
		PropSet:   []types.PropertySpec{{Type: "Task", PathSet: []string{"info.state"}}},
	}
	l.filter(named.collector, spec)
	for inView.seen[relocation] == nil || named.seen[relocation] == nil {
		if inView.wait(10) == nil || named.wait(10) == nil {
			t.Fatal("nothing in 10 s")
		}
	}

	l.admin("POST", "/datastores/new", `{"rate": "500MB/s"}`)
	inView.tellsOfTheEnd(relocation)
	missing := named.tellsOfTheEnd(relocation).MissingSet
	if len(missing) != 1 || missing[0].Obj != relocation {
		t.Fatalf("missing: %+v", missing)
	}
	wantFault[*types.ManagedObjectNotFound](t, missing[0].Fault.Fault)
	if all, own := l.recent(vm); len(all)+len(own) != 0 {
		t.Errorf("recent: %v and %v", all, own)
	}
	var read mo.Task
	wantFault[*types.ManagedObjectNotFound](t, callFault(t, l.client.RetrieveOne(t.Context(), relocation, []string{"info"}, &read)))
	gone := object.NewTask(l.client.Client, relocation)
	wantFault[*types.ManagedObjectNotFound](t, callFault(t, gone.Cancel(t.Context())))

	// A filter made now is refused, or says what is missing.
	_, err := named.collector.CreateFilter(t.Context(), types.CreateFilter{Spec: spec})
	wantFault[*types.ManagedObjectNotFound](t, callFault(t, err))
	spec.ReportMissingObjectsInResults = types.NewBool(true)
	l.filter(named.collector, spec)
	if set := named.wait(10); set == nil || len(set.FilterSet) != 1 || len(set.FilterSet[0].MissingSet) != 1 {
		t.Errorf("%+v", set)
	}
	// Who begins anew is told of no task.
	named.version = ""
	set := named.wait(10)
	for _, filter := range set.FilterSet {
		if len(filter.ObjectSet) != 0 {
			t.Errorf("%+v", filter)
		}
	}

	found := l.collect(types.TaskFilterSpec{}).next(10)
	if len(found) != 1 || found[0].Key != relocation.Value || found[0].State != types.TaskInfoStateSuccess || found[0].EntityName != "vm-1" {
		t.Errorf("the history has %+v", found)
	}
}

// tellsOfTheEnd waits until a filter has told that a task is gone, and gives how.
func (w *watch) tellsOfTheEnd(task types.ManagedObjectReference) types.PropertyFilterUpdate {
	w.Helper()
	for {
		set := w.wait(10)
		if set == nil {
			w.Fatal("nothing in 10 s")
		}
		for _, filter := range set.FilterSet {
			for _, update := range filter.ObjectSet {
				if update.Obj == task && update.Kind == types.ObjectUpdateKindLeave {
					return filter
				}
			}
		}
	}
}
