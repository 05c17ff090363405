package vcenter_test

import (
	"strings"
	"testing"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/task"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

func TestFaultInMidTaskThatIsAskedForLive(t *testing.T) {
	l := start(t, inventory, fast)
	vm := l.vm("vm-1")
	before, free := l.whereIs(vm), l.free("new")
	l.plant(`{"method": "RelocateVM_Task", "entity": "vm-1", "fault": "NoDiskSpace", "at": "50%",
		"with": {"datastore": "new"}, "message": "nothing is left on new"}`)

	_, err := l.relocate(vm, to(l.datastore("new"))).WaitForResult(t.Context())
	failed, ok := err.(task.Error)
	if !ok {
		t.Fatal(err)
	}
	if full := wantFault[*types.NoDiskSpace](t, failed.Fault()); full.Datastore != "new" || !strings.HasPrefix(full.File, "[old] vm-1/") {
		t.Errorf("%+v", full)
	}
	if failed.LocalizedMessage != "nothing is left on new" {
		t.Errorf("it says %q", failed.LocalizedMessage)
	}
	l.wantWhole(vm, before, "new", free)
	if fault := l.ends(l.relocate(vm, to(l.datastore("new")))); fault != nil {
		t.Errorf("a retry: %#v", fault)
	}
	rule := l.admin("GET", "/faults", "")["faults"].([]any)[0].(map[string]any)
	if rule["struck"] != 1.0 || l.ledger().Faults["RelocateVM_Task"]["NoDiskSpace"] != 1 {
		t.Errorf("%v, %v", rule, l.ledger().Faults)
	}
}

// TestFaultOfATaskThatIsDone: the task ends in error, and yet everything is where it should be.
func TestFaultOfATaskThatIsDone(t *testing.T) {
	l := start(t, inventory, fast)
	vm := l.vm("vm-1")
	l.plant(`{"method": "RelocateVM_Task", "fault": "HostCommunication", "at": "done"}`)
	wantFault[*types.HostCommunication](t, l.ends(l.relocate(vm, to(l.datastore("new")))))
	if after := l.whereIs(vm); after.vmx != "[new] vm-1/vm-1.vmx" {
		t.Errorf("home is %s", after.vmx)
	}
}

func TestFaultsOfVcsimsOwnTasks(t *testing.T) {
	l := start(t, inventory, fast)
	vm := l.vm("vm-1")
	l.plant(`[{"method": "PowerOnVM_Task", "entity": "vm-1", "fault": "Timedout", "message": "too slow"},
		{"method": "PowerOnVM_Task", "entity": "vm-1", "fault": "HostCommunication", "at": "done"}]`)
	power := func() (types.BaseMethodFault, types.VirtualMachinePowerState) {
		on, err := vm.PowerOn(t.Context())
		l.must(err)
		fault := l.ends(on)
		state, err := vm.PowerState(t.Context())
		l.must(err)
		return fault, state
	}
	fault, state := power()
	wantFault[*types.Timedout](t, fault)
	if state != types.VirtualMachinePowerStatePoweredOff {
		t.Errorf("it is %s", state)
	}
	fault, state = power()
	wantFault[*types.HostCommunication](t, fault)
	if state != types.VirtualMachinePowerStatePoweredOn {
		t.Errorf("the work was to be done, it is %s", state)
	}
	if fault := l.ends(must(l.vm("vm-2").PowerOn(t.Context()))(t)); fault != nil {
		t.Errorf("another VM: %#v", fault)
	}
}

func must[T any](value T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return value
	}
}

func TestFaultAnswersACall(t *testing.T) {
	l := start(t, inventory, fast)
	l.plant(`[{"method": "RelocateVM_Task", "entity": "vm-1", "fault": "InvalidState", "at": "call", "message": "not now"},
		{"method": "CurrentTime", "fault": "HostCommunication", "skip": 1}]`)
	_, err := l.vm("vm-1").Relocate(t.Context(), to(l.datastore("new")), types.VirtualMachineMovePriorityDefaultPriority)
	wantFault[*types.InvalidState](t, callFault(t, err))
	if said := soap.ToSoapFault(err).String; said != "not now" {
		t.Errorf("it says %q", said)
	}
	if l.ledger().Operations["RelocateVM_Task"]["vm-1"] != nil {
		t.Error("a task was made")
	}
	_, err = methods.GetCurrentTime(t.Context(), l.client)
	l.must(err)
	_, err = methods.GetCurrentTime(t.Context(), l.client)
	wantFault[*types.HostCommunication](t, callFault(t, err))
}

func TestFaultOfALogin(t *testing.T) {
	l := start(t, inventory, fast)
	l.plant(`{"method": "Login", "fault": "NoPermission"}`)
	_, err := govmomi.NewClient(t.Context(), l.sim.URL(), true)
	wantFault[*types.NoPermission](t, callFault(t, err))
	login(t, l.sim)
}

func TestLiftedFaultStrikesNoMore(t *testing.T) {
	l := start(t, inventory, fast)
	one := l.plant(`{"method": "CurrentTime", "fault": "Timedout", "times": "always"}`)
	_, err := methods.GetCurrentTime(t.Context(), l.client)
	wantFault[*types.Timedout](t, callFault(t, err))
	l.admin("DELETE", one, "")
	_, err = methods.GetCurrentTime(t.Context(), l.client)
	l.must(err)
	if status, _ := l.askAdmin("DELETE", one, ""); status != 404 {
		t.Errorf("lifted twice: %d", status)
	}
	l.plant(`{"method": "CurrentTime", "fault": "Timedout"}`)
	if lifted := l.admin("DELETE", "/faults", "")["lifted"]; lifted != 1.0 {
		t.Errorf("%v lifted", lifted)
	}
}
