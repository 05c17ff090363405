package vcenter_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// crowd is a vCenter with so many VMs.
func crowd(vms int) string {
	return fmt.Sprintf(`
datacenters:
  - name: dc1
    clusters: [{name: a, hosts: ["a{1..4}"]}]
    datastores:
      - {name: "old{1..4}", capacity: 64TiB, rate: 1000MB/s, hosts: [a]}
      - {name: "new{1..4}", capacity: 64TiB, rate: 1000MB/s, hosts: [a]}
    vms:
      - name: vm-{0001..%04d}
        cluster: a
        datastore: old{1..4}
        disks: [{size: 20GiB, used: 10GiB}, {size: 4GiB, kind: thick}]
`, vms)
}

// TestManyAtOnce is for the race detector above all: 200 relocations, 32 at a time and the others in line, some cancelled
// here and there, while others read and watch.
func TestManyAtOnce(t *testing.T) {
	const vms, cancelled = 200, 40
	l := start(t, crowd(vms)+"limits: {host: unlimited}\n", 2_000) // 2.8 TiB at 8 TB/s, once all of them run
	l.stall(true)
	all, err := l.find.VirtualMachineList(t.Context(), "*")
	l.must(err)
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		client := login(t, l.sim)
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				var read []mo.VirtualMachine
				paths := []string{"config.hardware.device", "layoutEx", "datastore", "summary", "recentTask"}
				if err := client.Retrieve(t.Context(), references(all), paths, &read); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}

	targets := l.targets()
	w := l.watch("info.state")
	w.wait(10)
	tasks := make([]*object.Task, len(all))
	var movers sync.WaitGroup
	for i, vm := range all {
		movers.Go(func() {
			tasks[i] = l.relocate(vm, to(targets[i%len(targets)]))
			w.add(tasks[i].Reference())
		})
	}
	movers.Wait()
	w.untilRunning(vms)
	if working := l.ledger().Working; working != vms {
		t.Fatalf("%d of %d are running", working, vms)
	}
	for _, task := range tasks[:cancelled] {
		movers.Go(func() { _ = task.Cancel(t.Context()) }) // it may have ended already
	}
	l.stall(false)
	movers.Wait()
	ended := w.untilEnded(vms)
	close(stop)
	readers.Wait()

	var read []mo.VirtualMachine
	l.must(l.client.Retrieve(t.Context(), references(all), []string{"config.files.vmPathName", "datastore"}, &read))
	places := make(map[types.ManagedObjectReference]mo.VirtualMachine)
	for _, vm := range read {
		places[vm.Self] = vm
	}
	moved := 0
	for i, vm := range all {
		place := places[vm.Reference()]
		isNew := strings.HasPrefix(place.Config.Files.VmPathName, "[new")
		state := ended[tasks[i].Reference()]
		if len(place.Datastore) != 1 || isNew != (state == types.TaskInfoStateSuccess) {
			t.Errorf("%s ended in %s and is on %v at %s", vm.Name(), state, place.Datastore, place.Config.Files.VmPathName)
		}
		if isNew {
			moved++
		}
	}
	if moved < vms-cancelled {
		t.Errorf("%d moved", moved)
	}
	for n := 1; n <= 4; n++ {
		var old, fresh mo.Datastore
		l.read(l.datastore(fmt.Sprintf("old%d", n)), &old, "vm", "summary")
		l.read(l.datastore(fmt.Sprintf("new%d", n)), &fresh, "vm", "summary")
		for _, ds := range []mo.Datastore{old, fresh} {
			l.wantFree(ds.Summary.Name, 64<<40-int64(len(ds.Vm))*14*gib)
		}
	}
}

// targets gives the datastores of a crowd that are empty at first.
func (l *lab) targets() []types.ManagedObjectReference {
	l.Helper()
	var refs []types.ManagedObjectReference
	for n := 1; n <= 4; n++ {
		refs = append(refs, l.datastore(fmt.Sprintf("new%d", n)))
	}
	return refs
}

// stall stops all copies to the datastores of a crowd that are empty at first, or lets them go on.
func (l *lab) stall(stalled bool) {
	l.Helper()
	body := `{"rate": "1000MB/s"}`
	if stalled {
		body = `{"stalled": true}`
	}
	for n := 1; n <= 4; n++ {
		l.admin("POST", fmt.Sprintf("/datastores/new%d", n), body)
	}
}

// untilRunning waits until so many tasks are running at once.
func (w *watch) untilRunning(tasks int) {
	w.Helper()
	for {
		running := 0
		for _, seen := range w.seen {
			if seen["info.state"] == types.TaskInfoStateRunning {
				running++
			}
		}
		if running == tasks {
			return
		}
		if w.wait(10) == nil {
			w.Fatalf("nothing in 10 s; %d of %d are running", running, tasks)
		}
	}
}

// untilEnded waits until so many tasks have ended and gives how.
func (w *watch) untilEnded(tasks int) map[types.ManagedObjectReference]types.TaskInfoState {
	w.Helper()
	ended := make(map[types.ManagedObjectReference]types.TaskInfoState)
	for len(ended) < tasks {
		if w.wait(30) == nil {
			w.Fatalf("nothing in 30 s; %d of %d have ended", len(ended), tasks)
		}
		for ref, seen := range w.seen {
			if state := seen["info.state"]; state == types.TaskInfoStateSuccess || state == types.TaskInfoStateError {
				ended[ref] = state.(types.TaskInfoState)
			}
		}
	}
	return ended
}

func references(vms []*object.VirtualMachine) []types.ManagedObjectReference {
	refs := make([]types.ManagedObjectReference, len(vms))
	for i, vm := range vms {
		refs[i] = vm.Reference()
	}
	return refs
}

// TestUpdatesCostWhatTheyAre holds 600 running tasks in one filter. vcsim, with 200 updates a second, would not have told
// of an end after two minutes.
func TestUpdatesCostWhatTheyAre(t *testing.T) {
	const tasks = 600
	l := startAlone(t, crowd(tasks)+"limits: {host: unlimited}\n", 400)
	l.stall(true) // nothing is copied before all are watched
	all, err := l.find.VirtualMachineList(t.Context(), "*")
	l.must(err)
	w := l.watch("info.state", "info.progress", "info.completeTime")
	w.wait(10)
	var refs []types.ManagedObjectReference
	targets := l.targets()
	for i, vm := range all {
		refs = append(refs, l.relocate(vm, to(targets[i%len(targets)])).Reference())
	}
	w.add(refs...)
	w.untilRunning(tasks)
	if working := l.ledger().Working; working != tasks {
		t.Fatalf("%d of %d are running", working, tasks)
	}
	watched := time.Now()
	l.stall(false)

	ended := make(map[types.ManagedObjectReference]bool)
	var late []time.Duration
	updates := 0
	for len(ended) < tasks {
		set := w.wait(10)
		now := time.Now()
		if set == nil {
			t.Fatalf("nothing in 10 s; %d of %d have ended", len(ended), tasks)
		}
		for _, filter := range set.FilterSet {
			updates += len(filter.ObjectSet)
		}
		for ref, seen := range w.seen {
			if ended[ref] || seen["info.state"] != types.TaskInfoStateSuccess {
				continue
			}
			ended[ref] = true
			late = append(late, now.Sub(seen["info.completeTime"].(time.Time)))
		}
	}
	took := time.Since(watched)
	slices.Sort(late)
	half, most := late[len(late)/2], late[len(late)*99/100]
	t.Logf("%d updates in %v, %.0f/s; an end is known after %v (median), %v (99 of 100)",
		updates, took, float64(updates)/took.Seconds(), half, most)
	// Most end in the same moment, for they share the rates alike. vcsim would be at it for minutes; this machine may be
	// building something else at the same time.
	if half > 10*time.Second {
		t.Errorf("an end is known after %v (median), %v (99 of 100)", half, most)
	}
}
