package vcenter_test

import (
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

func (l *lab) host(name string) *object.HostSystem {
	l.Helper()
	host, err := l.find.HostSystem(l.Context(), "*/"+name)
	l.must(err)
	return host
}

// does waits for the success of a task that was just asked for.
func (l *lab) does(task *object.Task, err error) {
	l.Helper()
	l.must(err)
	if fault := l.ends(task); fault != nil {
		l.Fatalf("%T", fault)
	}
}

func (l *lab) connection(vm *object.VirtualMachine) types.VirtualMachineConnectionState {
	l.Helper()
	var now mo.VirtualMachine
	l.read(vm, &now, "runtime.connectionState", "summary.runtime.connectionState")
	if now.Summary.Runtime.ConnectionState != now.Runtime.ConnectionState {
		l.Errorf("%s in runtime, %s in summary", now.Runtime.ConnectionState, now.Summary.Runtime.ConnectionState)
	}
	return now.Runtime.ConnectionState
}

func TestVMsOfADisconnectedHost(t *testing.T) {
	l := start(t, inventory, fast)
	vm := l.vm("vm-1")
	host, err := vm.HostSystem(t.Context())
	l.must(err)
	l.does(host.Disconnect(t.Context()))

	var props mo.HostSystem
	l.read(host, &props, "runtime.connectionState", "summary.runtime.connectionState")
	if props.Runtime.ConnectionState != types.HostSystemConnectionStateDisconnected ||
		props.Summary.Runtime.ConnectionState != types.HostSystemConnectionStateDisconnected {
		t.Errorf("the host is %s", props.Runtime.ConnectionState)
	}
	if state := l.connection(vm); state != types.VirtualMachineConnectionStateDisconnected {
		t.Errorf("its VM is %s", state)
	}
	_, err = vm.Relocate(t.Context(), to(l.datastore("new")), "")
	wantFault[*types.HostNotConnected](t, callFault(t, err))
	_, err = vm.PowerOn(t.Context())
	wantFault[*types.HostNotConnected](t, callFault(t, err))

	l.does(host.Reconnect(t.Context(), nil, nil))
	if state := l.connection(vm); state != types.VirtualMachineConnectionStateConnected {
		t.Errorf("its VM is %s", state)
	}
	l.does(vm.Relocate(t.Context(), to(l.datastore("new")), ""))
	task, err := host.Reconnect(t.Context(), nil, nil)
	l.must(err)
	wantFault[*types.InvalidState](t, l.ends(task))
}

func TestRelocationOfAHostThatGoesAway(t *testing.T) {
	l := start(t, inventory, stuck)
	vm := l.vm("vm-1")
	host, err := vm.HostSystem(t.Context())
	l.must(err)
	moving := l.relocate(vm, to(l.datastore("new")))
	l.until(moving, isRunning)
	l.does(host.Disconnect(t.Context()))
	wantFault[*types.HostCommunication](t, l.ends(moving))
	l.wantFree("new", 100*gib)
}

func TestDatastoreOfAHostThatGoesAway(t *testing.T) {
	l := start(t, inventory, fast)
	accessible := func(name string) bool {
		var ds mo.Datastore
		l.read(l.datastore(name), &ds, "summary")
		return ds.Summary.Accessible
	}
	l.does(l.host("b1").Disconnect(t.Context()))
	if accessible("far") {
		t.Error("the only host of far is away, and it is accessible")
	}
	l.does(l.host("a1").Disconnect(t.Context()))
	if !accessible("old") {
		t.Error("one host of old is away, and it is not accessible")
	}
	l.does(l.host("b1").Reconnect(t.Context(), nil, nil))
	if !accessible("far") {
		t.Error("far is not accessible though its host is back")
	}
}

func TestHostMaintenanceWaitsForRunningVMs(t *testing.T) {
	l := start(t, inventory, fast)
	running := l.vm("running")
	host, err := running.HostSystem(t.Context())
	l.must(err)

	late, err := host.EnterMaintenanceMode(t.Context(), 1, false, nil)
	l.must(err)
	wantFault[*types.Timedout](t, l.ends(late))
	entering, err := host.EnterMaintenanceMode(t.Context(), 0, false, nil)
	l.must(err)
	l.until(entering, isRunning)
	l.does(running.PowerOff(t.Context()))
	if fault := l.ends(entering); fault != nil {
		t.Fatal(fault)
	}
	var props mo.HostSystem
	l.read(host, &props, "runtime.inMaintenanceMode", "summary.runtime.inMaintenanceMode")
	if !props.Runtime.InMaintenanceMode || !props.Summary.Runtime.InMaintenanceMode {
		t.Error("the host is not in maintenance mode")
	}
	l.does(host.ExitMaintenanceMode(t.Context(), 0))
	task, err := host.ExitMaintenanceMode(t.Context(), 0)
	l.must(err)
	wantFault[*types.InvalidState](t, l.ends(task))
}

func TestVolumeIsUnmountedAndMounted(t *testing.T) {
	l := start(t, inventory, fast)
	ref := l.datastore("far")
	var ds mo.Datastore
	l.read(ref, &ds, "info")
	uuid := ds.Info.(*types.VmfsDatastoreInfo).Vmfs.Uuid
	host := l.host("b1")
	system, err := host.ConfigManager().StorageSystem(t.Context())
	l.must(err)
	mounted := func() bool {
		var now mo.Datastore
		l.read(ref, &now, "host", "summary")
		if is := *now.Host[0].MountInfo.Mounted; is != now.Summary.Accessible {
			t.Errorf("mounted %v, accessible %v", is, now.Summary.Accessible)
		}
		return now.Summary.Accessible
	}
	unmount := func() error {
		_, err := methods.UnmountVmfsVolume(t.Context(), l.client, &types.UnmountVmfsVolume{This: system.Reference(), VmfsUuid: uuid})
		return err
	}
	l.must(unmount())
	if mounted() {
		t.Error("it is still mounted")
	}
	wantFault[*types.InvalidState](t, callFault(t, unmount()))
	_, err = methods.MountVmfsVolume(t.Context(), l.client, &types.MountVmfsVolume{This: system.Reference(), VmfsUuid: uuid})
	l.must(err)
	if !mounted() {
		t.Error("it is not mounted")
	}
	uuid = "none"
	wantFault[*types.NotFound](t, callFault(t, unmount()))

	// One that a VM uses stays.
	l.read(l.datastore("old"), &ds, "info")
	uuid = ds.Info.(*types.VmfsDatastoreInfo).Vmfs.Uuid
	used, err := l.vm("vm-1").HostSystem(t.Context())
	l.must(err)
	system, err = used.ConfigManager().StorageSystem(t.Context())
	l.must(err)
	wantFault[*types.ResourceInUse](t, callFault(t, unmount()))

	// Rescans find nothing, and succeed.
	l.must(system.RescanVmfs(t.Context()))
	l.must(system.RescanAllHba(t.Context()))
	l.must(system.Refresh(t.Context()))
}
