package vcenter_test

import (
	"testing"

	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// clustered has datastore clusters, and mounts and hosts that are not as usual.
const clustered = `
tags: [{category: tier, names: [gold, fast]}]
policies:
  - {name: gold storage, tags: [tier/gold]}
  - {name: best storage, tags: [tier/gold, tier/fast]}
datacenters:
  - name: dc1
    clusters:
      - {name: a, hosts: ["a{1..3}"]}
    hosts:
      - {name: a3, state: not-responding}
    datastores:
      - {name: ds1, capacity: 100GiB, hosts: [a], tags: [tier/gold]}
      - {name: ds2, capacity: 50GiB, hosts: [a], tags: [tier/gold, tier/fast]}
      - {name: ds3, capacity: 200GiB, hosts: [a], mounts: [{host: a1, access: read-only}, {host: a2, accessible: false}, {host: a3, mounted: false}]}
      - {name: lost, capacity: 10GiB, hosts: [a], mounts: [{host: a, accessible: false}]}
      - {name: plain, capacity: 100GiB, hosts: [a], tags: [tier/fast]}
    storage_pods:
      - {name: pod, datastores: ["ds{1..2}"]}
      - {name: auto, datastores: [plain], automation: automated}
    vms:
      - name: vm-{1..2}
        cluster: a
        host: a{1..2}
        datastore: ds1
        disks: [{size: 4GiB, used: 1GiB}, {size: 2GiB, kind: thick}]
      - {name: far-away, cluster: a, host: a3, datastore: plain, disks: [{size: 1GiB}]}
`

func (l *lab) pod(name string) mo.StoragePod {
	l.Helper()
	found, err := l.find.DatastoreCluster(l.Context(), name)
	l.must(err)
	var pod mo.StoragePod
	l.read(found.Reference(), &pod, "name", "summary", "childEntity", "podStorageDrsEntry")
	return pod
}

func TestPodIsTheSumOfItsDatastores(t *testing.T) {
	l := start(t, clustered, fast)
	pod := l.pod("pod")
	if pod.Summary.Name != "pod" || pod.Summary.Capacity != 150*gib || len(pod.ChildEntity) != 2 {
		t.Errorf("summary %+v of %v", pod.Summary, pod.ChildEntity)
	}
	if free := l.free("ds1") + l.free("ds2"); pod.Summary.FreeSpace != free {
		t.Errorf("%d bytes are free on the pod, %d on its datastores", pod.Summary.FreeSpace, free)
	}

	// A VM leaves the pod: the pod has more space.
	if fault := l.ends(l.relocate(l.vm("vm-1"), to(l.datastore("plain")))); fault != nil {
		t.Fatal(fault)
	}
	after := l.pod("pod").Summary.FreeSpace
	if free := l.free("ds1") + l.free("ds2"); after != free || after <= pod.Summary.FreeSpace {
		t.Errorf("%d bytes are free on the pod, %d on its datastores, %d before", after, free, pod.Summary.FreeSpace)
	}

	// A datastore changes its pod.
	found, err := l.find.DatastoreCluster(t.Context(), "pod")
	l.must(err)
	task, err := found.MoveInto(t.Context(), []types.ManagedObjectReference{l.datastore("plain")})
	l.must(err)
	if fault := l.ends(task); fault != nil {
		t.Fatal(fault)
	}
	if pod := l.pod("pod"); len(pod.ChildEntity) != 3 || pod.Summary.Capacity != 250*gib {
		t.Errorf("summary %+v of %v", pod.Summary, pod.ChildEntity)
	}
	if auto := l.pod("auto"); len(auto.ChildEntity) != 0 || auto.Summary.Capacity != 0 || auto.Summary.FreeSpace != 0 {
		t.Errorf("summary %+v of %v", auto.Summary, auto.ChildEntity)
	}

	// It leaves for the folder of all datastores.
	folders, err := l.dc.Folders(t.Context())
	l.must(err)
	l.does(folders.DatastoreFolder.MoveInto(t.Context(), []types.ManagedObjectReference{l.datastore("plain")}))
	if pod := l.pod("pod"); len(pod.ChildEntity) != 2 || pod.Summary.Capacity != 150*gib {
		t.Errorf("summary %+v of %v", pod.Summary, pod.ChildEntity)
	}
	if _, err := l.find.Datastore(t.Context(), "/dc1/datastore/plain"); err != nil {
		t.Error(err)
	}

	refused := l.relocate(l.vm("vm-1"), to(found.Reference()))
	if fault := wantFault[*types.InvalidArgument](t, l.ends(refused)); fault.InvalidProperty != "spec.datastore" {
		t.Errorf("a pod as target: %q", fault.InvalidProperty)
	}
}

func TestUnusualMountsOfAScenario(t *testing.T) {
	l := start(t, clustered, fast)
	var ds3, lost mo.Datastore
	l.read(l.datastore("ds3"), &ds3, "host", "summary")
	l.read(l.datastore("lost"), &lost, "host", "summary")
	if !ds3.Summary.Accessible || lost.Summary.Accessible || !*ds3.Summary.MultipleHostAccess {
		t.Errorf("%+v, %+v", ds3.Summary, lost.Summary)
	}
	is := func(n int, access types.HostMountMode, mounted, accessible bool, reason types.HostMountInfoInaccessibleReason) {
		info := ds3.Host[n].MountInfo
		if info.AccessMode != string(access) || *info.Mounted != mounted || *info.Accessible != accessible || info.InaccessibleReason != string(reason) {
			t.Errorf("mount %d: %+v", n+1, info)
		}
	}
	is(0, types.HostMountModeReadOnly, true, true, "")
	is(1, types.HostMountModeReadWrite, true, false, types.HostMountInfoInaccessibleReasonPermanentDeviceLoss)
	is(2, types.HostMountModeReadWrite, false, false, "")

	var far mo.VirtualMachine
	l.read(l.vm("far-away"), &far, "runtime", "summary.runtime")
	if far.Runtime.ConnectionState != types.VirtualMachineConnectionStateDisconnected ||
		far.Summary.Runtime.ConnectionState != types.VirtualMachineConnectionStateDisconnected {
		t.Errorf("a VM of a host that does not respond is %s", far.Runtime.ConnectionState)
	}
}
