package simulation_test

import (
	"testing"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/pbm"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/simulation"
)

const unusual = `
tags: [{category: tier, names: [gold]}]
policies: [{name: gold storage, tags: [tier/gold]}]
datacenters:
  - name: dc1
    clusters: [{name: a, hosts: ["a{1..2}"]}]
    hosts: [{name: a2, state: disconnected, maintenance: true}]
    datastores:
      - {name: "ds{1..2}", capacity: 1TiB, hosts: [a], mounts: [{host: a2, access: read-only}]}
    storage_pods: [{name: pod, datastores: ["ds{1..2}"], automation: automated}]
    vms: [{name: vm, cluster: a, host: a2, datastore: ds1}]
`

func TestUnusualStorageIsThere(t *testing.T) {
	for name, plain := range map[string]bool{"ours": false, "plain": true} {
		t.Run(name, func(t *testing.T) {
			_, client, finder := serve(t, simulation.Config{Scenario: parse(t, unusual), Plain: plain})
			found, err := finder.DatastoreCluster(t.Context(), "/dc1/datastore/pod")
			if err != nil {
				t.Fatal(err)
			}
			var pod mo.StoragePod
			read(t, client, found.Reference(), &pod)
			config := pod.PodStorageDrsEntry.StorageDrsConfig.PodConfig
			if len(pod.ChildEntity) != 2 || !config.Enabled || config.DefaultVmBehavior != "automated" {
				t.Errorf("%v, %+v", pod.ChildEntity, config)
			}
			for _, ref := range pod.ChildEntity {
				var ds mo.Datastore
				read(t, client, ref, &ds)
				if !ds.Summary.Accessible || ds.Host[0].MountInfo.AccessMode != "readWrite" || ds.Host[1].MountInfo.AccessMode != "readOnly" {
					t.Errorf("%+v", ds.Host)
				}
			}
			host, err := finder.HostSystem(t.Context(), "/dc1/host/a/a2")
			if err != nil {
				t.Fatal(err)
			}
			var runtime mo.HostSystem
			read(t, client, host.Reference(), &runtime)
			if runtime.Runtime.ConnectionState != types.HostSystemConnectionStateDisconnected || !runtime.Runtime.InMaintenanceMode {
				t.Errorf("a2: %+v", runtime.Runtime)
			}
			service, err := pbm.NewClient(t.Context(), client.Client)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := service.ProfileIDByName(t.Context(), "gold storage"); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestPodsOfTheModel is vcsim's own model with -pod: the datastores go into the pod when it serves already.
func TestPodsOfTheModel(t *testing.T) {
	model := simulator.VPX()
	model.Pod, model.Datastore = 1, 2
	_, client, finder := serve(t, simulation.Config{Model: model})
	found, err := finder.DatastoreCluster(t.Context(), "/DC0/datastore/*")
	if err != nil {
		t.Fatal(err)
	}
	stores, err := finder.DatastoreList(t.Context(), "/DC0/datastore/...")
	if err != nil {
		t.Fatal(err)
	}
	var refs []types.ManagedObjectReference
	var free int64
	for _, ds := range stores {
		var props mo.Datastore
		read(t, client, ds.Reference(), &props)
		free += props.Summary.FreeSpace
		if props.Parent.Type != "StoragePod" {
			refs = append(refs, ds.Reference())
		}
	}
	if len(refs) > 0 {
		task, err := found.MoveInto(t.Context(), refs)
		if err == nil {
			err = task.Wait(t.Context())
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var pod mo.StoragePod
	read(t, client, found.Reference(), &pod)
	if len(pod.ChildEntity) != len(stores) || pod.Summary.FreeSpace != free || free == 0 {
		t.Errorf("%d of %d datastores, %+v, %d bytes free", len(pod.ChildEntity), len(stores), pod.Summary, free)
	}
}

func read(t *testing.T, client *govmomi.Client, ref types.ManagedObjectReference, into any) {
	t.Helper()
	if err := client.RetrieveOne(t.Context(), ref, nil, into); err != nil {
		t.Fatal(err)
	}
}
