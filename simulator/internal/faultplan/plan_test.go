package faultplan

import (
	"strings"
	"testing"

	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/scenario"
)

func plan(t *testing.T, faults ...scenario.Fault) *Plan {
	t.Helper()
	p, err := New(faults)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestFaultStrikesAsOftenAsPlanned(t *testing.T) {
	const method = "RelocateVM_Task"
	p := plan(t, scenario.Fault{Method: method, Entity: "vm", Fault: "FileLocked", At: scenario.When{Percent: 40}, Times: 2})
	if _, planned := p.AtPercent(method, "other"); planned {
		t.Error("another VM is struck")
	}
	for range 2 {
		if percent, planned := p.AtPercent(method, "vm"); !planned || percent != 40 {
			t.Errorf("%d, %v", percent, planned)
		}
		locked, ok := p.Strike(method, "vm", "[ds] vm/vm.vmdk").(*types.FileLocked)
		if !ok || locked.File != "[ds] vm/vm.vmdk" {
			t.Errorf("%+v", locked)
		}
	}
	if _, planned := p.AtPercent(method, "vm"); planned {
		t.Error("a third time is planned")
	}
	if fault := p.Strike(method, "vm", ""); fault != nil {
		t.Errorf("a third time: %v", fault)
	}
}

func TestFaultAnswersCalls(t *testing.T) {
	p := plan(t, scenario.Fault{Method: "PowerOnVM_Task", Fault: "Timedout", At: scenario.When{Call: true}, Times: scenario.Always})
	if p.HasCalls("PowerOffVM_Task") || !p.HasCalls("PowerOnVM_Task") {
		t.Error("the wrong method")
	}
	for range 5 {
		if _, ok := p.AtCall("PowerOnVM_Task", "any").(*types.Timedout); !ok {
			t.Error("not struck")
		}
	}
	if _, planned := p.AtPercent("PowerOnVM_Task", "any"); planned {
		t.Error("its task is struck too")
	}
}

func TestPlanRefuses(t *testing.T) {
	cases := map[string]struct {
		fault scenario.Fault
		want  string
	}{
		"a method":              {scenario.Fault{Method: "Relocate", Fault: "FileLocked"}, `no method "Relocate"`},
		"a type for a method":   {scenario.Fault{Method: "VirtualMachineConfigSpec", Fault: "FileLocked"}, "no method"},
		"a fault":               {scenario.Fault{Method: "RelocateVM_Task", Fault: "Locked"}, `no fault "Locked"`},
		"a type for a fault":    {scenario.Fault{Method: "RelocateVM_Task", Fault: "VirtualDisk"}, `no fault "VirtualDisk"`},
		"a task without time":   {scenario.Fault{Method: "PowerOnVM_Task", Fault: "FileLocked"}, "takes no time here"},
		"an enumeration's name": {scenario.Fault{Method: "TaskInfoState", Fault: "FileLocked"}, "no method"},
	}
	for name, c := range cases {
		if _, err := New([]scenario.Fault{c.fault}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
