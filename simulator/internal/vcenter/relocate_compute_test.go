package vcenter_test

import (
	"slices"
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

const twoDatacenters = `
datacenters:
  - name: dc1
    clusters:
      - {name: a, hosts: ["a{1..3}"]}
      - {name: b, hosts: ["b{1..3}"]}
    datastores:
      - {name: old, capacity: 100GiB, hosts: [a, b]}
      - {name: some, capacity: 100GiB, hosts: [b2]}
      - {name: frozen, capacity: 100GiB, hosts: [a, b], mounts: [{host: a, access: read-only}]}
    vms:
      - {name: off, cluster: a, host: a1, datastore: old, disks: [{size: 2GiB, used: 1GiB}]}
      - {name: on, cluster: a, host: a1, datastore: old, running: true, disks: [{size: 2GiB, used: 1GiB}]}
  - name: dc2
    clusters: [{name: c, hosts: [c1]}]
    datastores: [{name: old, capacity: 100GiB, hosts: [c]}]
`

func (l *lab) poolAt(path string) *types.ManagedObjectReference {
	l.Helper()
	pool, err := l.find.ResourcePool(l.Context(), path)
	l.must(err)
	ref := pool.Reference()
	return &ref
}

func (l *lab) at(host string) *types.ManagedObjectReference {
	l.Helper()
	ref := l.host(host).Reference()
	return &ref
}

// runsOn gives the names of a VM's host, of its pool's owner and of its folder's datacenter, and checks both lists.
func (l *lab) runsOn(vm *object.VirtualMachine) (host, cluster, folder string) {
	l.Helper()
	var m mo.VirtualMachine
	l.read(vm, &m, "runtime.host", "summary.runtime.host", "resourcePool", "parent")
	if *m.Summary.Runtime.Host != *m.Runtime.Host {
		l.Error("runtime and summary tell of two hosts")
	}
	var on mo.HostSystem
	l.read(*m.Runtime.Host, &on, "name", "vm")
	var pool mo.ResourcePool
	l.read(*m.ResourcePool, &pool, "owner", "vm")
	if !slices.Contains(on.Vm, vm.Reference()) || !slices.Contains(pool.Vm, vm.Reference()) {
		l.Error("host or pool does not list the VM")
	}
	var of mo.Folder
	l.read(*m.Parent, &of, "parent", "childEntity")
	if !slices.Contains(of.ChildEntity, vm.Reference()) {
		l.Error("the folder does not list the VM")
	}
	return on.Name, l.nameOf(pool.Owner), l.nameOf(*of.Parent)
}

func TestPoolAloneChoosesACompatibleHost(t *testing.T) {
	l := start(t, twoDatacenters, fast)
	vm := l.vm("off")
	spec := to(l.datastore("some")) // of cluster b, b2 alone mounts it
	spec.Pool = l.poolAt("b/Resources")
	l.moves(vm, spec)
	if host, cluster, _ := l.runsOn(vm); host != "b2" || cluster != "b" {
		t.Errorf("it runs on %s in %s", host, cluster)
	}
	if now := l.whereIs(vm); now.vmx != "[some] off/off.vmx" {
		t.Errorf("home is %s", now.vmx)
	}
	l.moves(vm, types.VirtualMachineRelocateSpec{Pool: l.poolAt("b/Resources")}) // where it is: nothing to do
	if host, _, _ := l.runsOn(vm); host != "b2" {
		t.Errorf("it runs on %s", host)
	}
}

func TestHostsThatAreNotChosen(t *testing.T) {
	l := start(t, twoDatacenters, fast)
	task, err := l.host("b1").EnterMaintenanceMode(t.Context(), 0, false, nil)
	l.done(task, err)
	l.admin("POST", "/hosts/b2", `{"connection": "notResponding"}`)
	vm := l.vm("off")
	l.moves(vm, types.VirtualMachineRelocateSpec{Pool: l.poolAt("b/Resources")})
	if host, _, _ := l.runsOn(vm); host != "b3" {
		t.Errorf("it runs on %s", host)
	}
	wantFault[*types.InvalidHostState](t, l.ends(l.relocate(vm, types.VirtualMachineRelocateSpec{Host: l.at("b1")})))
	_, err = vm.Relocate(t.Context(), types.VirtualMachineRelocateSpec{Host: l.at("b2")}, types.VirtualMachineMovePriorityDefaultPriority)
	wantFault[*types.HostNotReachable](t, callFault(t, err))
	if results := l.check(vm, types.VirtualMachineRelocateSpec{Host: l.at("b2")}); kinds(results[0]) != "HostNotReachable" {
		t.Errorf("CheckRelocate_Task says %q", kinds(results[0]))
	}
	l.admin("POST", "/hosts/b3", `{"connection": "disconnected"}`)
	vm = l.vm("on")
	wantFault[*types.NoCompatibleHost](t, l.ends(l.relocate(vm, types.VirtualMachineRelocateSpec{Pool: l.poolAt("b/Resources")})))
}

func TestHostsAndPoolsThatDoNotGoTogether(t *testing.T) {
	l := start(t, twoDatacenters, fast)
	vm := l.vm("on")
	for name, spec := range map[string]types.VirtualMachineRelocateSpec{
		"a host of another cluster, no pool": {Host: l.at("b1")},
		"a pool of another cluster":          {Host: l.at("b1"), Pool: l.poolAt("a/Resources")},
	} {
		argument := wantFault[*types.InvalidArgument](t, l.ends(l.relocate(vm, spec)))
		if argument.InvalidProperty != "spec.pool" {
			t.Errorf("%s: %s", name, argument.InvalidProperty)
		}
	}
	l.moves(vm, types.VirtualMachineRelocateSpec{Host: l.at("b1"), Pool: l.poolAt("b/Resources")})
	if host, cluster, _ := l.runsOn(vm); host != "b1" || cluster != "b" {
		t.Errorf("it runs on %s in %s", host, cluster)
	}
	if state, err := vm.PowerState(t.Context()); err != nil || state != types.VirtualMachinePowerStatePoweredOn {
		t.Errorf("%s, %v", state, err)
	}
}

func TestRunningVMNeedsDRSOrAHost(t *testing.T) {
	l := start(t, twoDatacenters, fast)
	b, err := l.find.ClusterComputeResource(t.Context(), "b")
	l.must(err)
	task, err := b.Reconfigure(t.Context(), &types.ClusterConfigSpecEx{DrsConfig: &types.ClusterDrsConfigInfo{Enabled: types.NewBool(false)}}, true)
	l.done(task, err)
	spec := types.VirtualMachineRelocateSpec{Pool: l.poolAt("b/Resources")}
	argument := wantFault[*types.InvalidArgument](t, l.ends(l.relocate(l.vm("on"), spec)))
	if argument.InvalidProperty != "spec.host" {
		t.Errorf("property is %s", argument.InvalidProperty)
	}
	l.moves(l.vm("off"), spec)
}

func TestSourceHostInMaintenanceKeepsItsFiles(t *testing.T) {
	l := start(t, twoDatacenters, fast)
	l.done(l.host("a2").EnterMaintenanceMode(t.Context(), 0, false, nil))
	vm := l.vm("off")
	l.moves(vm, types.VirtualMachineRelocateSpec{Host: l.at("a3")})
	l.done(l.host("a3").EnterMaintenanceMode(t.Context(), 0, true, nil))
	spec := to(l.datastore("some"))
	spec.Pool = l.poolAt("b/Resources")
	wantFault[*types.MaintenanceModeFileMove](t, l.ends(l.relocate(vm, spec)))
}

func TestReadOnlyMountTakesNothing(t *testing.T) {
	l := start(t, twoDatacenters, fast)
	refused := wantFault[*types.DatastoreNotWritableOnHost](t, l.ends(l.relocate(l.vm("off"), to(l.datastore("frozen")))))
	if refused.Name != "frozen" || refused.Host != *l.at("a1") {
		t.Errorf("%+v", refused)
	}
}

func TestRelocateCrossesDatacenters(t *testing.T) {
	for _, name := range []string{"off", "on"} {
		t.Run(name, func(t *testing.T) {
			l := start(t, twoDatacenters, fast)
			vm := l.vm(name)
			ds, err := l.find.Datastore(t.Context(), "/dc2/datastore/old")
			l.must(err)
			spec := to(ds.Reference())
			spec.Pool = l.poolAt("/dc2/host/c/Resources")
			l.moves(vm, spec)
			if host, cluster, datacenter := l.runsOn(vm); host != "c1" || cluster != "c" || datacenter != "dc2" {
				t.Errorf("it runs on %s in %s, %s", host, cluster, datacenter)
			}
			m := l.state(vm)
			if m.Config.Files.VmPathName != "[old] "+name+"/"+name+".vmx" || !slices.Equal(m.Datastore, []types.ManagedObjectReference{ds.Reference()}) {
				t.Errorf("%s on %v", m.Config.Files.VmPathName, m.Datastore)
			}
			if l.holds("old", vm) {
				t.Error("the old datastore still lists it")
			}
			for _, device := range m.Config.Hardware.Device {
				if d, ok := device.(*types.VirtualDisk); ok && *d.Backing.(*types.VirtualDiskFlatVer2BackingInfo).Datastore != ds.Reference() {
					t.Error("the backing is on the old datastore")
				}
			}
		})
	}
}

func TestDatacentersThatDoNotGoTogether(t *testing.T) {
	l := start(t, twoDatacenters, fast)
	vm := l.vm("off")
	folders, err := l.dc.Folders(t.Context())
	l.must(err)
	folder := folders.VmFolder.Reference()
	spec := types.VirtualMachineRelocateSpec{Pool: l.poolAt("/dc2/host/c/Resources"), Folder: &folder}
	mismatch := wantFault[*types.DatacenterMismatch](t, l.ends(l.relocate(vm, spec)))
	if len(mismatch.InvalidArgument) != 1 || mismatch.InvalidArgument[0].Entity != folder {
		t.Errorf("%+v", mismatch)
	}
	hosts := folders.HostFolder.Reference()
	argument := wantFault[*types.InvalidArgument](t, l.ends(l.relocate(vm, types.VirtualMachineRelocateSpec{Folder: &hosts})))
	if argument.InvalidProperty != "spec.folder" {
		t.Errorf("property is %s", argument.InvalidProperty)
	}
}

func TestRelocateToAFolder(t *testing.T) {
	l := start(t, twoDatacenters, fast)
	folders, err := l.dc.Folders(t.Context())
	l.must(err)
	made, err := methods.CreateFolder(t.Context(), l.client, &types.CreateFolder{This: folders.VmFolder.Reference(), Name: "moved"})
	l.must(err)
	vm := l.vm("off")
	l.moves(vm, types.VirtualMachineRelocateSpec{Folder: &made.Returnval})
	var m mo.VirtualMachine
	l.read(vm, &m, "parent")
	if *m.Parent != made.Returnval {
		t.Errorf("it is in %s", m.Parent)
	}
}

func TestSuspendedVMMovesCold(t *testing.T) {
	l := start(t, twoDatacenters, fast)
	vm := l.vm("on")
	l.done(vm.Suspend(t.Context()))
	spec := to(l.datastore("some"))
	spec.Pool = l.poolAt("b/Resources")
	l.moves(vm, spec)
	state, err := vm.PowerState(t.Context())
	l.must(err)
	if host, _, _ := l.runsOn(vm); host != "b2" || state != types.VirtualMachinePowerStateSuspended {
		t.Errorf("%s on %s", state, host)
	}
}
