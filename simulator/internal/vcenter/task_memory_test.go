package vcenter

import (
	"runtime"
	"testing"
	"time"
	"weak"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/faultplan"
)

// removals hears of tasks that are gone (simulator.RegisterObject).
type removals chan types.ManagedObjectReference

func (removals) Reference() types.ManagedObjectReference {
	return types.ManagedObjectReference{Type: "test", Value: "removals"}
}

func (removals) PutObject(*simulator.Context, mo.Reference) {}

func (removals) UpdateObject(*simulator.Context, mo.Reference, []types.PropertyChange) {}

func (r removals) RemoveObject(_ *simulator.Context, ref types.ManagedObjectReference) {
	if ref.Type == "Task" {
		r <- ref
	}
}

// After its retention nothing of a task is kept but its record in the history.
func TestNothingIsKeptOfATask(t *testing.T) {
	model := simulator.VPX()
	if err := model.Create(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(model.Remove)
	faults, err := faultplan.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	options := DefaultTasks
	options.Retention = 100 * time.Millisecond
	vc, err := TakeOver(model, Options{Speed: 1, Faults: faults, Tasks: options})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(vc.Close)

	const tasks = 20
	removed := make(removals, tasks)
	vc.registry.AddHandler(removed)
	ctx := vc.newContext()
	vm := vc.registry.Any("VirtualMachine").(*simulator.VirtualMachine)
	var kept []weak.Pointer[simulator.Task]
	for n := range tasks {
		if n%2 == 0 { // one of ours
			ref, fault := vc.start(ctx, job{entity: vm, id: "test", method: "Test_Task", name: vm.Name,
				run: func(*operation) (types.AnyType, types.BaseMethodFault) { return nil, nil }})
			if fault != nil {
				t.Fatalf("%#v", fault)
			}
			kept = append(kept, weak.Make(vc.registry.Get(ref).(*simulator.Task)))
			continue
		}
		task := simulator.CreateTask(vm, "test", func(*simulator.Task) (types.AnyType, types.BaseMethodFault) { return nil, nil })
		call := vc.newContext()
		call.WithLock(vm, func() { task.Run(call) }) // as a call does it
		kept = append(kept, weak.Make(task))
	}
	for range tasks {
		select {
		case <-removed:
		case <-time.After(10 * time.Second):
			t.Fatal("a task is not removed after 10 s")
		}
	}
	vc.registry.RemoveHandler(removed)
	vc.records.tidying.Lock() // the last one is gone when the timer's work is done
	runtime.GC()
	vc.records.tidying.Unlock()
	for n, task := range kept {
		if task.Value() != nil {
			t.Errorf("task %d is kept", n)
		}
	}
	kinds := make(map[string]int)
	vc.records.mu.Lock()
	kinds["records"] = len(vc.records.tasks) + len(vc.records.byRef) + len(vc.records.ended)
	vc.records.mu.Unlock()
	vc.mu.Lock()
	kinds["operations"], kinds["claims"] = len(vc.operations), len(vc.claims)
	vc.mu.Unlock()
	ctx.WithLock(vm, func() { kinds["recentTask"] = len(vm.RecentTask) })
	for kind, count := range kinds {
		if count != 0 {
			t.Errorf("%s: %d are kept", kind, count)
		}
	}
	if known := vc.records.history.Len(); known != tasks {
		t.Errorf("the history knows %d", known)
	}
}
