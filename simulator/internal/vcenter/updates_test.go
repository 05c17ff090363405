package vcenter_test

import (
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// watch is a list view of tasks with one filter, as vrelocate's watcher has it.
type watch struct {
	*lab
	session   *vim25.Client
	collector *property.Collector
	list      *view.ListView
	version   string
	seen      map[types.ManagedObjectReference]map[string]types.AnyType
}

func (l *lab) watch(paths ...string) *watch {
	l.Helper()
	client := login(l.T, l.sim)
	list, err := view.NewManager(client.Client).CreateListView(l.Context(), nil)
	l.must(err)
	collector := property.DefaultCollector(client.Client)
	l.filter(collector, types.PropertyFilterSpec{
		ObjectSet: []types.ObjectSpec{{
			Obj:  list.Reference(),
			Skip: types.NewBool(true),
			SelectSet: []types.BaseSelectionSpec{&types.TraversalSpec{
				Type: "ListView", Path: "view", Skip: types.NewBool(false),
			}},
		}},
		PropSet: []types.PropertySpec{{Type: "Task", PathSet: paths}},
	})
	return &watch{lab: l, session: client.Client, collector: collector, list: list,
		seen: make(map[types.ManagedObjectReference]map[string]types.AnyType)}
}

func (l *lab) filter(collector *property.Collector, spec types.PropertyFilterSpec) {
	l.Helper()
	_, err := collector.CreateFilter(l.Context(), types.CreateFilter{Spec: spec})
	l.must(err)
}

// wait asks once and notes what it is told; nil if it is told nothing within so many seconds.
func (w *watch) wait(seconds int32) *types.UpdateSet {
	w.Helper()
	res, err := methods.WaitForUpdatesEx(w.Context(), w.session, &types.WaitForUpdatesEx{
		This: w.collector.Reference(), Version: w.version, Options: &types.WaitOptions{MaxWaitSeconds: &seconds},
	})
	w.must(err)
	set := res.Returnval
	if set == nil {
		return nil
	}
	w.version = set.Version
	for _, filter := range set.FilterSet {
		for _, object := range filter.ObjectSet {
			if object.Kind == types.ObjectUpdateKindLeave {
				delete(w.seen, object.Obj)
				continue
			}
			if w.seen[object.Obj] == nil {
				w.seen[object.Obj] = make(map[string]types.AnyType)
			}
			for _, change := range object.ChangeSet {
				w.seen[object.Obj][change.Name] = change.Val
			}
		}
	}
	return set
}

// add lists objects; their coming is told by the next answer.
func (w *watch) add(refs ...types.ManagedObjectReference) {
	w.Helper()
	_, err := w.list.Add(w.Context(), refs)
	w.must(err)
}

func TestUpdatesTellOfTasks(t *testing.T) {
	l := start(t, inventory, fast)
	w := l.watch("info.state", "info.error", "info.progress")
	if set := w.wait(10); set == nil || len(set.FilterSet) != 0 {
		t.Fatalf("the first answer is %+v", set)
	}
	task := l.relocate(l.vm("vm-1"), to(l.datastore("new")))
	failing := l.relocate(l.vm("vm-2"), to(l.datastore("far")))
	w.add(task.Reference(), failing.Reference())
	for w.seen[task.Reference()]["info.state"] != types.TaskInfoStateSuccess ||
		w.seen[failing.Reference()]["info.state"] != types.TaskInfoStateError {
		if w.wait(10) == nil {
			t.Fatalf("nothing in 10 s; seen: %v", w.seen)
		}
	}
	if progress := w.seen[task.Reference()]["info.progress"]; progress != int32(100) {
		t.Errorf("progress is %v", progress)
	}
	fault := w.seen[failing.Reference()]["info.error"].(types.LocalizedMethodFault)
	wantFault[*types.InvalidDatastore](t, fault.Fault)
	if fault.LocalizedMessage != "Invalid datastore 'far'." {
		t.Errorf("message is %q", fault.LocalizedMessage)
	}
	if set := w.wait(0); set != nil {
		t.Errorf("told once more: %+v", set)
	}

	_, err := w.list.Remove(t.Context(), []types.ManagedObjectReference{task.Reference()})
	l.must(err)
	if set := w.wait(10); set == nil || set.FilterSet[0].ObjectSet[0].Kind != types.ObjectUpdateKindLeave {
		t.Errorf("after its removal from the list: %+v", set)
	}
}

func TestUpdatesCoverPartsAndWholes(t *testing.T) {
	l := start(t, inventory, fast)
	for _, path := range []string{"config", "config.files", "config.files.vmPathName", "datastore", "layoutEx.file", "summary"} {
		t.Run(path, func(t *testing.T) {
			client := login(t, l.sim)
			collector := property.DefaultCollector(client.Client)
			vm := l.vm("vm-1")
			l.filter(collector, types.PropertyFilterSpec{
				ObjectSet: []types.ObjectSpec{{Obj: vm.Reference()}},
				PropSet:   []types.PropertySpec{{Type: "VirtualMachine", PathSet: []string{path}}},
			})
			w := &watch{lab: l, session: client.Client, collector: collector,
				seen: make(map[types.ManagedObjectReference]map[string]types.AnyType)}
			w.wait(10)
			next := "third"
			if l.whereIs(vm).datastores[0] == "third" {
				next = "new"
			}
			l.ends(l.relocate(vm, to(l.datastore(next))))
			if set := w.wait(10); set == nil || set.FilterSet[0].ObjectSet[0].ChangeSet[0].Name != path {
				t.Errorf("told %+v", set)
			}
		})
	}
}

func TestLostAnswerIsGivenAgain(t *testing.T) {
	l := start(t, inventory, stuck)
	w := l.watch("info.state")
	w.wait(10)
	task := l.relocate(l.vm("vm-1"), to(l.datastore("new")))
	w.add(task.Reference())
	before := w.version
	first := w.wait(10)
	after := w.version

	w.version = before // the answer never came
	again := w.wait(10)
	if again == nil || again.Version != first.Version || len(again.FilterSet) != len(first.FilterSet) {
		t.Errorf("again %+v, first %+v", again, first)
	}
	if w.version != after {
		t.Errorf("version %s, was %s", w.version, after)
	}

	number, err := strconv.Atoi(after)
	l.must(err)
	_, err = methods.WaitForUpdatesEx(t.Context(), w.session, &types.WaitForUpdatesEx{
		This: w.collector.Reference(), Version: strconv.Itoa(number + 7),
	})
	wantFault[*types.InvalidCollectorVersion](t, callFault(t, err))
}

func TestLongAnswersComeInPieces(t *testing.T) {
	l := start(t, `
datacenters:
  - name: dc1
    clusters: [{name: a, hosts: [a1]}]
    datastores: [{name: ds, capacity: 1TiB, hosts: [a]}]
    vms: [{name: "vm-{001..250}", cluster: a, datastore: ds}]
`, fast)
	client := login(t, l.sim)
	var folders mo.Datacenter
	l.read(l.dc, &folders, "vmFolder")
	container, err := view.NewManager(client.Client).CreateContainerView(t.Context(), folders.VmFolder, []string{"VirtualMachine"}, true)
	l.must(err)
	collector := property.DefaultCollector(client.Client)
	l.filter(collector, types.PropertyFilterSpec{
		ObjectSet: []types.ObjectSpec{{Obj: container.Reference(), Skip: types.NewBool(true),
			SelectSet: []types.BaseSelectionSpec{container.TraversalSpec()}}},
		PropSet: []types.PropertySpec{{Type: "VirtualMachine", PathSet: []string{"name"}}},
	})
	w := &watch{lab: l, session: client.Client, collector: collector,
		seen: make(map[types.ManagedObjectReference]map[string]types.AnyType)}
	var sizes []int
	for {
		set := w.wait(10)
		sizes = append(sizes, len(set.FilterSet[0].ObjectSet))
		if set.Truncated == nil || !*set.Truncated {
			break
		}
	}
	if !slices.Equal(sizes, []int{100, 100, 50}) || len(w.seen) != 250 {
		t.Errorf("pieces %v, %d objects", sizes, len(w.seen))
	}

	task, err := l.vm("vm-007").Destroy(t.Context())
	l.must(err)
	l.ends(task)
	for len(w.seen) != 249 {
		if w.wait(10) == nil {
			t.Fatal("never told of the end of a VM")
		}
	}
}

func TestWaitEndsWithoutNews(t *testing.T) {
	l := start(t, inventory, fast)
	w := l.watch("info.state")
	w.wait(1)
	begin := time.Now()
	if set := w.wait(1); set != nil {
		t.Errorf("told %+v", set)
	}
	if took := time.Since(begin); took < 900*time.Millisecond || took > 3*time.Second {
		t.Errorf("waited %v", took)
	}

	cancelled := make(chan error, 1)
	go func() {
		_, err := methods.WaitForUpdatesEx(t.Context(), w.session, &types.WaitForUpdatesEx{
			This: w.collector.Reference(), Version: w.version,
		})
		cancelled <- err
	}()
	// Whether it waits already can't be seen from outside: cancel until it has ended.
	for {
		l.must(w.collector.CancelWaitForUpdates(t.Context()))
		select {
		case err := <-cancelled:
			wantFault[*types.RequestCanceled](t, callFault(t, err))
			return
		case <-time.After(20 * time.Millisecond):
		}
	}
}
