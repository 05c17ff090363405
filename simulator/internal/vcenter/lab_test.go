package vcenter_test

import (
	"encoding/json"
	"net/http"
	"reflect"
	"sync"
	"testing"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/task"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/ledger"
	"vrelocate/simulator/internal/scenario"
	"vrelocate/simulator/internal/server"
	"vrelocate/simulator/internal/simulation"
)

const gib = int64(1) << 30

// inventory is the vCenter of most tests.
const inventory = `
datacenters:
  - name: dc1
    clusters:
      - {name: a, hosts: ["a{1..2}"]}
      - {name: b, hosts: [b1]}
    datastores:
      - {name: old, capacity: 100GiB, hosts: [a]}
      - {name: new, capacity: 100GiB, hosts: [a]}
      - {name: third, capacity: 100GiB, hosts: [a]}
      - {name: small, capacity: 3GiB, hosts: [a]}
      - {name: far, capacity: 100GiB, hosts: [b]}
    vms:
      - name: vm-{1..3}
        cluster: a
        datastore: old
        disks:
          - {size: 4GiB, used: 1GiB}
          - {size: 2GiB, kind: thick}
      - {name: running, cluster: a, datastore: old, running: true, disks: [{size: 1GiB}]}
      - {name: empty, cluster: a, datastore: old}
    disks:
      - {path: "[old] loose/thin.vmdk", size: 4GiB, used: 1GiB}
      - {path: "[old] loose/thick.vmdk", size: 2GiB, kind: thick}
`

// The speeds of a test: all but instant, and slow enough never to end.
const (
	fast  = 1e6
	stuck = 1e-6
)

// lab is a simulated vCenter with a client.
type lab struct {
	*testing.T
	sim    *simulation.Simulation
	client *govmomi.Client
	find   *find.Finder
	dc     *object.Datacenter
}

// start makes a lab for a test that runs beside others: it waits more than it works, and nothing that they do can be seen
// in its vCenter.
func start(t *testing.T, yaml string, speed float64) *lab {
	t.Helper()
	beside(t)
	return startAlone(t, yaml, speed)
}

// startAlone makes a lab for a test that measures what all of a process share (processors, the heap), or changes it.
func startAlone(t *testing.T, yaml string, speed float64) *lab {
	t.Helper()
	described, err := scenario.Parse([]byte(yaml))
	if err != nil {
		t.Fatal(err)
	}
	making.Lock()
	sim, err := simulation.Start(t.Context(), simulation.Config{Scenario: described, Speed: speed,
		Server: server.Options{Listen: "127.0.0.1:0", Username: "user", Password: "pass", Admin: "127.0.0.1:0"}})
	making.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Stop)
	l := &lab{T: t, sim: sim, client: login(t, sim)}
	l.find = find.NewFinder(l.client.Client)
	datacenters, err := l.find.DatacenterList(t.Context(), "*")
	if err != nil {
		t.Fatal(err)
	}
	l.dc = datacenters[0]
	l.find.SetDatacenter(l.dc)
	return l
}

// beside lets a test run beside others. One that starts several labs says so once: t.Parallel panics at the second time.
func beside(t *testing.T) {
	t.Helper()
	if _, already := parallel.LoadOrStore(t, true); already {
		return
	}
	t.Cleanup(func() { parallel.Delete(t) })
	t.Parallel()
}

// parallel are the tests that run beside others.
var parallel sync.Map // *testing.T: true

// making is held while a vCenter is made: vcsim changes what all of a process share, such as simulator.EvalLicense.
var making sync.Mutex

// login gives another session.
func login(t *testing.T, sim *simulation.Simulation) *govmomi.Client {
	t.Helper()
	client, err := govmomi.NewClient(t.Context(), sim.URL(), true)
	if err != nil {
		t.Fatal(err)
	}
	return client
}

func (l *lab) vm(name string) *object.VirtualMachine {
	l.Helper()
	vm, err := l.find.VirtualMachine(l.Context(), name)
	l.must(err)
	return vm
}

func (l *lab) datastore(name string) types.ManagedObjectReference {
	l.Helper()
	ds, err := l.find.Datastore(l.Context(), name)
	l.must(err)
	return ds.Reference()
}

func (l *lab) must(err error) {
	l.Helper()
	if err != nil {
		l.Fatal(err)
	}
}

// read gets an object's properties.
func (l *lab) read(of mo.Reference, into any, paths ...string) {
	l.Helper()
	l.must(l.client.RetrieveOne(l.Context(), of.Reference(), paths, into))
}

// free gives a datastore's free space.
func (l *lab) free(name string) int64 {
	l.Helper()
	var ds mo.Datastore
	l.read(l.datastore(name), &ds, "summary.freeSpace")
	return ds.Summary.FreeSpace
}

// wantFree checks free space in bytes, less the few that VMs' homes take besides.
func (l *lab) wantFree(name string, bytes int64) {
	l.Helper()
	const homes = 1 << 20
	if free := l.free(name); free > bytes+homes || free < bytes-homes {
		l.Errorf("%s has %d bytes free, want %d", name, free, bytes)
	}
}

func to(datastore types.ManagedObjectReference) types.VirtualMachineRelocateSpec {
	return types.VirtualMachineRelocateSpec{Datastore: &datastore}
}

func (l *lab) relocate(vm *object.VirtualMachine, spec types.VirtualMachineRelocateSpec) *object.Task {
	l.Helper()
	task, err := vm.Relocate(l.Context(), spec, types.VirtualMachineMovePriorityDefaultPriority)
	l.must(err)
	return task
}

// ends waits for a task's end and gives its fault; nil for success.
func (l *lab) ends(t *object.Task) types.BaseMethodFault {
	l.Helper()
	_, err := t.WaitForResult(l.Context(), nil)
	if err == nil {
		return nil
	}
	failed, ok := err.(task.Error)
	if !ok {
		l.Fatal(err)
	}
	return failed.Fault()
}

// until waits until a task's info is as wanted.
func (l *lab) until(t *object.Task, wanted func(types.TaskInfo) bool) types.TaskInfo {
	l.Helper()
	var info types.TaskInfo
	err := property.Wait(l.Context(), property.DefaultCollector(l.client.Client), t.Reference(), []string{"info"},
		func([]types.PropertyChange) bool {
			var now mo.Task
			l.read(t.Reference(), &now, "info")
			info = now.Info
			return wanted(info)
		})
	l.must(err)
	return info
}

// isRunning is for until.
func isRunning(info types.TaskInfo) bool { return info.State == types.TaskInfoStateRunning }

// ledger reads the admin port.
func (l *lab) ledger() ledger.Page {
	l.Helper()
	res, err := http.Get(l.sim.Ready().Admin + "/vrelocate/ledger")
	l.must(err)
	defer func() { _ = res.Body.Close() }()
	var page ledger.Page
	l.must(json.NewDecoder(res.Body).Decode(&page))
	return page
}

// wantFault checks that a fault is of a type and gives it.
func wantFault[F types.BaseMethodFault](t *testing.T, fault types.BaseMethodFault) F {
	t.Helper()
	typed, ok := fault.(F)
	if !ok {
		t.Fatalf("fault is %T, want %T", fault, typed)
	}
	return typed
}

// callFault gives the fault that answered a call.
func callFault(t *testing.T, err error) types.BaseMethodFault {
	t.Helper()
	if !soap.IsSoapFault(err) {
		t.Fatalf("no fault: %v", err)
	}
	// It arrives as a value; the interface is its pointer's.
	value := reflect.ValueOf(soap.ToSoapFault(err).VimFault())
	pointer := reflect.New(value.Type())
	pointer.Elem().Set(value)
	fault, ok := pointer.Interface().(types.BaseMethodFault)
	if !ok {
		t.Fatalf("not a method fault: %#v", value.Interface())
	}
	return fault
}
