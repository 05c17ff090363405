package vcenter_test

import (
	"testing"

	"github.com/vmware/govmomi/vim25/types"
)

func TestRevertStartsANewDelta(t *testing.T) {
	l := start(t, snapshots, fast)
	vm, free := l.vm("vm"), l.free("old")
	l.done(vm.RevertToSnapshot(t.Context(), "first", true))

	// What was written since the first snapshot is needed by the second; what was written after the second is gone.
	l.wantChain(vm, 2000, "[old] vm/vm-000003.vmdk", "[old] vm/vm.vmdk")
	l.wantFree("old", free+2*3*gib)
	m := l.state(vm)
	if *m.Snapshot.CurrentSnapshot != m.Snapshot.RootSnapshotList[0].Snapshot {
		t.Errorf("%+v", m.Snapshot)
	}

	// A branch: the base has two children now, so it stays as it is.
	l.snap(vm, "branch")
	if fault := l.ends(l.remove(vm, "first", false, nil)); fault != nil {
		t.Fatalf("%#v", fault)
	}
	l.wantChain(vm, 2000, "[old] vm/vm-000002.vmdk", "[old] vm/vm-000003.vmdk", "[old] vm/vm.vmdk")
	l.wantConsolidation(vm, false)
	m = l.state(vm)
	if len(m.Snapshot.RootSnapshotList) != 2 || len(m.RootSnapshot) != 2 {
		t.Fatalf("%+v", m.Snapshot)
	}

	// The other branch goes with its delta, nothing of it is merged, and then the rest is one chain again.
	if fault := l.ends(l.remove(vm, "second", false, nil)); fault != nil {
		t.Fatalf("%#v", fault)
	}
	l.wantFiles("old", "vm", "vm.vmx", "vm.vmsd", "vm-Snapshot3.vmsn", "vm.vmdk", "vm-flat.vmdk", "vm_1.vmdk", "vm_1-flat.vmdk",
		"vm-000002.vmdk", "vm-000002-delta.vmdk", "vm_1-000002.vmdk", "vm_1-000002-delta.vmdk")
	l.done(vm.RemoveAllSnapshot(t.Context(), nil))
	l.wantChain(vm, 2000, "[old] vm/vm.vmdk")
	l.wantFree("old", 100*gib-1*gib-10*gib)
}

func TestRevertGivesPowerAndHardwareOfThen(t *testing.T) {
	l := start(t, inventory, fast)
	vm := l.vm("running")
	l.done(vm.CreateSnapshot(t.Context(), "live", "", true, false))
	l.done(vm.PowerOff(t.Context()))
	l.done(vm.Reconfigure(t.Context(), types.VirtualMachineConfigSpec{NumCPUs: 4}))

	l.done(vm.RevertToCurrentSnapshot(t.Context(), false))
	m := l.state(vm)
	if m.Runtime.PowerState != types.VirtualMachinePowerStatePoweredOn || m.Config.Hardware.NumCPU != 1 || m.Summary.Config.NumCpu != 1 {
		t.Errorf("%s with %d CPUs", m.Runtime.PowerState, m.Config.Hardware.NumCPU)
	}
	l.done(vm.RevertToCurrentSnapshot(t.Context(), true))
	if m := l.state(vm); m.Runtime.PowerState != types.VirtualMachinePowerStatePoweredOff {
		t.Errorf("%s", m.Runtime.PowerState)
	}

	_, err := l.vm("vm-1").RevertToCurrentSnapshot(t.Context(), false)
	wantFault[*types.NotFound](t, callFault(t, err))
}
