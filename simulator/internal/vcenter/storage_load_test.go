package vcenter_test

import (
	"fmt"
	"sync"
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// TestStorageUnderLoad relocates VMs to and fro while hosts come and go, a datastore enters and leaves maintenance mode
// and another is renamed. Whatever came of it, the numbers are true afterwards.
func TestStorageUnderLoad(t *testing.T) {
	const vms, rounds = 24, 4
	l := start(t, fmt.Sprintf(`
datacenters:
  - name: dc1
    clusters: [{name: a, hosts: ["a{1..3}"]}]
    datastores: [{name: "ds{1..3}", capacity: 200GiB, hosts: [a]}, {name: idle, capacity: 1GiB, hosts: [a]}]
    storage_pods: [{name: pod, datastores: ["ds{1..3}"]}]
    vms: [{name: "vm-{1..%d}", cluster: a, datastore: "ds{1..2}", disks: [{size: 4GiB, used: 1GiB}]}]
`, vms), 1e4)
	stores := []types.ManagedObjectReference{l.datastore("ds1"), l.datastore("ds2"), l.datastore("ds3")}
	idle := l.datastore("idle")
	machines := make([]*object.VirtualMachine, vms)
	for n := range machines {
		machines[n] = l.vm(fmt.Sprintf("vm-%d", n+1))
	}

	var work sync.WaitGroup
	for n, vm := range machines {
		work.Go(func() {
			for round := range rounds {
				task, err := vm.Relocate(t.Context(), to(stores[(n+round)%3]), "")
				if err == nil { // it may fail: a host was away
					_, _ = task.WaitForResult(t.Context(), nil)
				}
			}
		})
	}
	work.Go(func() {
		for round := range rounds {
			host := l.host(fmt.Sprintf("a%d", round%3+1))
			for _, change := range []func() (*object.Task, error){
				func() (*object.Task, error) { return host.Disconnect(t.Context()) },
				func() (*object.Task, error) { return host.Reconnect(t.Context(), nil, nil) },
			} {
				if task, err := change(); err == nil {
					_, _ = task.WaitForResult(t.Context(), nil)
				}
			}
		}
	})
	work.Go(func() {
		for range rounds {
			res, err := methods.DatastoreEnterMaintenanceMode(t.Context(), l.client, &types.DatastoreEnterMaintenanceMode{This: stores[2]})
			if err != nil {
				continue
			}
			task := object.NewTask(l.client.Client, *res.Returnval.Task)
			_ = task.Cancel(t.Context()) // or it is in already
			if _, err := task.WaitForResult(t.Context(), nil); err != nil {
				continue
			}
			if res, err := methods.DatastoreExitMaintenanceMode_Task(t.Context(), l.client, &types.DatastoreExitMaintenanceMode_Task{This: stores[2]}); err == nil {
				_, _ = object.NewTask(l.client.Client, res.Returnval).WaitForResult(t.Context(), nil)
			}
		}
	})
	work.Go(func() {
		for round := range rounds {
			_, _ = methods.RenameDatastore(t.Context(), l.client, &types.RenameDatastore{This: idle, NewName: fmt.Sprintf("idle-%d", round)})
			_, _ = methods.RefreshDatastore(t.Context(), l.client, &types.RefreshDatastore{This: stores[round%3]})
		}
	})
	work.Wait()

	var free int64
	for _, name := range []string{"ds1", "ds2", "ds3"} {
		l.uncommitted(name)
		before := l.free(name)
		_, err := methods.RefreshDatastore(t.Context(), l.client, &types.RefreshDatastore{This: l.datastore(name)})
		l.must(err)
		if after := l.free(name); after != before {
			t.Errorf("%s: %d bytes are free by its account, %d by its files", name, before, after)
		}
		free += before
	}
	if pod := l.pod("pod"); pod.Summary.FreeSpace != free {
		t.Errorf("the pod has %d bytes free, its datastores %d", pod.Summary.FreeSpace, free)
	}
	for _, vm := range machines {
		var now mo.VirtualMachine
		l.read(vm, &now, "runtime.connectionState")
		if now.Runtime.ConnectionState != types.VirtualMachineConnectionStateConnected {
			t.Errorf("%s is %s", vm.Name(), now.Runtime.ConnectionState)
		}
	}
}
