package vcenter_test

import (
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

func (l *lab) placeVM(vm *object.VirtualMachine, pod string) *types.StoragePlacementResult {
	l.Helper()
	ref, into := vm.Reference(), l.pod(pod).Self
	result, err := object.NewStorageResourceManager(l.client.Client).RecommendDatastores(l.Context(), types.StoragePlacementSpec{
		Type: string(types.StoragePlacementSpecPlacementTypeRelocate), Vm: &ref,
		PodSelectionSpec: types.StorageDrsPodSelectionSpec{StoragePod: &into},
	})
	l.must(err)
	return result
}

func (l *lab) apply(key string) *object.Task {
	l.Helper()
	task, err := object.NewStorageResourceManager(l.client.Client).ApplyStorageDrsRecommendation(l.Context(), []string{key})
	l.must(err)
	return task
}

func destination(r types.ClusterRecommendation) types.ManagedObjectReference {
	return r.Action[0].(*types.StoragePlacementAction).Destination
}

// homeOf gives the datastores that a VM lies on.
func (l *lab) liesOn(vm *object.VirtualMachine) []types.ManagedObjectReference {
	l.Helper()
	var now mo.VirtualMachine
	l.read(vm, &now, "datastore")
	return now.Datastore
}

func TestRecommendationsGoByFreeSpace(t *testing.T) {
	l := start(t, clustered, fast)
	ds1, ds2 := l.datastore("ds1"), l.datastore("ds2")
	vm := l.vm("far-away")
	l.does(l.host("a3").Reconnect(t.Context(), nil, nil))

	// ds1 has more free space, until it is in maintenance mode.
	result := l.placeVM(vm, "pod")
	if len(result.Recommendations) != 2 || destination(result.Recommendations[0]) != ds1 || destination(result.Recommendations[1]) != ds2 {
		t.Fatalf("recommended: %+v", result.Recommendations)
	}
	second := result.Recommendations[1].Key
	l.enterMaintenance("ds1")
	if result := l.placeVM(vm, "pod"); len(result.Recommendations) != 1 || destination(result.Recommendations[0]) != ds2 {
		t.Errorf("recommended: %+v", result.Recommendations)
	}

	// The recommendation is followed, once.
	applied := l.apply(second)
	info, err := applied.WaitForResult(t.Context(), nil)
	l.must(err)
	if on := l.liesOn(vm); len(on) != 1 || on[0] != ds2 {
		t.Errorf("it lies on %v", on)
	}
	if made := info.Result.(types.ApplyStorageRecommendationResult).Vm; made == nil || *made != vm.Reference() {
		t.Errorf("result %v", info.Result)
	}
	wantFault[*types.InvalidArgument](t, l.ends(l.apply(second)))
}

func TestNothingFitsIntoThePod(t *testing.T) {
	l := start(t, `
datacenters:
  - name: dc1
    clusters: [{name: a, hosts: [a1]}]
    datastores:
      - {name: big, capacity: 100GiB, hosts: [a]}
      - {name: tiny, capacity: 1GiB, hosts: [a]}
    storage_pods: [{name: pod, datastores: [tiny]}]
    vms: [{name: vm, cluster: a, datastore: big, disks: [{size: 4GiB, kind: thick}]}]
`, fast)
	result := l.placeVM(l.vm("vm"), "pod")
	if len(result.Recommendations) != 0 || result.DrsFault == nil {
		t.Fatalf("%+v", result)
	}
	wantFault[*types.InsufficientStorageSpace](t,
		result.DrsFault.FaultsByVm[0].GetClusterDrsFaultsFaultsByVm().Fault[0].Fault)
}

func TestEvacuationIsRecommended(t *testing.T) {
	l := start(t, clustered, fast)
	res, err := methods.DatastoreEnterMaintenanceMode(t.Context(), l.client, &types.DatastoreEnterMaintenanceMode{This: l.datastore("ds1")})
	l.must(err)
	recommended := res.Returnval.Recommendations
	if len(recommended) != 2 {
		t.Fatalf("recommended: %+v", recommended)
	}
	for _, r := range recommended {
		action := r.Action[0].(*types.StorageMigrationAction)
		if action.Destination != l.datastore("ds2") || action.Source != l.datastore("ds1") || action.SizeTransferred < 3<<20 {
			t.Errorf("%+v", action)
		}
		if fault := l.ends(l.apply(r.Key)); fault != nil {
			t.Fatal(fault)
		}
	}
	if fault := l.ends(object.NewTask(l.client.Client, *res.Returnval.Task)); fault != nil {
		t.Fatal(fault)
	}
	l.wantMode("ds1", types.DatastoreSummaryMaintenanceModeStateInMaintenance)
}

func TestEvacuationByItself(t *testing.T) {
	l := start(t, clustered, fast)
	manager := object.NewStorageResourceManager(l.client.Client)
	pod, err := l.find.DatastoreCluster(t.Context(), "pod")
	l.must(err)
	l.does(manager.ConfigureStorageDrsForPod(t.Context(), pod, types.StorageDrsConfigSpec{
		PodConfigSpec: &types.StorageDrsPodConfigSpec{DefaultVmBehavior: string(types.StorageDrsPodConfigInfoBehaviorAutomated)},
	}, true))
	if fault := l.ends(l.enterMaintenance("ds1")); fault != nil {
		t.Fatal(fault)
	}
	for _, name := range []string{"vm-1", "vm-2"} {
		if on := l.liesOn(l.vm(name)); len(on) != 1 || on[0] != l.datastore("ds2") {
			t.Errorf("%s lies on %v", name, on)
		}
	}
}
