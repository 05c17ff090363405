package faultplan

import (
	"strings"
	"testing"

	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/scenario"
)

const relocate = "RelocateVM_Task"

// plan reads faults as a test asks for them, and plans them.
func plan(t *testing.T, text string) *Plan {
	t.Helper()
	faults, err := scenario.ParseFaults([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	p, err := New(faults)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestFaultStrikesAsOftenAsPlanned(t *testing.T) {
	p := plan(t, `{method: RelocateVM_Task, entity: vm, fault: FileLocked, at: 40%, times: 2}`)
	if p.Task(relocate, "other") != nil {
		t.Error("another VM is struck")
	}
	for range 2 {
		task := p.Task(relocate, "vm")
		if percent, planned := task.AtPercent(); !planned || percent != 40 {
			t.Errorf("%d, %v", percent, planned)
		}
		locked, ok := task.Strike("[ds] vm/vm.vmdk").(*types.FileLocked)
		if !ok || locked.File != "[ds] vm/vm.vmdk" {
			t.Errorf("%+v", locked)
		}
	}
	if p.Task(relocate, "vm") != nil {
		t.Error("a third time is planned")
	}
	if rules := p.Rules(); rules[0].Struck != 2 {
		t.Errorf("%+v", rules)
	}
}

func TestOneFaultStrikesOneOfTwoTasks(t *testing.T) {
	p := plan(t, `{method: RelocateVM_Task, fault: FileLocked, at: 40%}`)
	first, second := p.Task(relocate, "a"), p.Task(relocate, "b")
	if second.Strike("") == nil {
		t.Error("the first to come there is not struck")
	}
	if fault := first.Strike(""); fault != nil {
		t.Errorf("both are struck: %v", fault)
	}
	if _, planned := first.AtPercent(); planned {
		t.Error("it is still planned")
	}
}

func TestFaultOfATaskThatIsDone(t *testing.T) {
	p := plan(t, `{method: PowerOnVM_Task, fault: Timedout, at: done}`)
	task := p.Task("PowerOnVM_Task", "vm")
	if _, planned := task.AtPercent(); planned || task.Strike("") != nil {
		t.Error("struck before it was done")
	}
	if _, ok := task.Done("").(*types.Timedout); !ok {
		t.Error("not struck")
	}
	if task.Done("") != nil {
		t.Error("struck twice")
	}
}

func TestNothingPlanned(t *testing.T) {
	var none *Task = new(Plan).Task(relocate, "vm")
	if _, planned := none.AtPercent(); planned || none.Strike("") != nil || none.Done("") != nil {
		t.Error("struck by nothing")
	}
}

func TestFaultAnswersCalls(t *testing.T) {
	p := plan(t, `{method: PowerOnVM_Task, fault: Timedout, at: call, times: always}`)
	if p.AtCall("PowerOffVM_Task", "any") != nil {
		t.Error("the wrong method")
	}
	var heard []string
	p.Struck = func(method, trouble string) { heard = append(heard, method+" "+trouble) }
	for range 5 {
		if _, ok := p.AtCall("PowerOnVM_Task", "any").(*types.Timedout); !ok {
			t.Error("not struck")
		}
	}
	if p.Task("PowerOnVM_Task", "any") != nil {
		t.Error("its task is struck too")
	}
	if len(heard) != 5 || heard[0] != "PowerOnVM_Task Timedout" {
		t.Errorf("heard %v", heard)
	}
}

func TestSkipAndProbability(t *testing.T) {
	p := plan(t, `{method: RelocateVM_Task, fault: FileLocked, skip: 2}`)
	for n := range 4 {
		if struck := p.Task(relocate, "vm").Strike("") != nil; struck != (n == 2) {
			t.Errorf("task %d is struck: %v", n, struck)
		}
	}
	if rules := p.Rules(); rules[0].Passed != 2 {
		t.Errorf("%+v", rules)
	}

	pattern := func() (struck []bool) {
		p := plan(t, `{method: CurrentTime, fault: Timedout, times: always, probability: 0.5, seed: 1}`)
		for range 100 {
			struck = append(struck, p.AtCall("CurrentTime", "") != nil)
		}
		return struck
	}
	once, again, count := pattern(), pattern(), 0
	for i := range once {
		if once[i] != again[i] {
			t.Fatal("one seed gives two patterns")
		}
		if once[i] {
			count++
		}
	}
	if count < 25 || count > 75 {
		t.Errorf("%d of 100 are struck by half a chance", count)
	}
}

func TestPropertiesOfAFault(t *testing.T) {
	p := plan(t, `{method: RelocateVM_Task, fault: NoDiskSpace, with: {datastore: ds-9, file: "[ds-9] x"}, message: nothing left}`)
	fault, ok := p.Task(relocate, "vm").Strike("[ds] y").(*types.NoDiskSpace)
	if !ok || fault.Datastore != "ds-9" || fault.File != "[ds-9] x" || fault.FaultMessage[0].Message != "nothing left" {
		t.Errorf("%+v", fault)
	}
}

func TestFaultHoldsAFaultWhereItMust(t *testing.T) {
	p := plan(t, `{method: RelocateVM_Task, fault: DisallowedMigrationDeviceAttached, with: {fault: {localizedMessage: in use}}}`)
	fault, ok := p.Task(relocate, "vm").Strike("").(*types.DisallowedMigrationDeviceAttached)
	if !ok || fault.Fault.Fault == nil || fault.Fault.LocalizedMessage != "in use" {
		t.Errorf("%+v", fault)
	}
}

func TestLiftedRuleStrikesNoMore(t *testing.T) {
	p := plan(t, `[{method: RelocateVM_Task, fault: FileLocked}, {method: RelocateVM_Task, fault: Timedout, at: call}]`)
	task := p.Task(relocate, "vm")
	if !p.Lift(1) || p.Lift(1) {
		t.Error("lifted not once")
	}
	if task.Strike("") != nil {
		t.Error("a task that had it in hand is struck")
	}
	if p.LiftAll() != 1 || p.AtCall(relocate, "vm") != nil || p.Any() {
		t.Error("one is left")
	}
}

func TestPlanRefuses(t *testing.T) {
	cases := map[string]struct{ fault, want string }{
		"a method":                   {`{method: Relocate, fault: FileLocked}`, `no method "Relocate"`},
		"a type for a method":        {`{method: VirtualMachineConfigSpec, fault: FileLocked}`, "no method"},
		"an enumeration's name":      {`{method: TaskInfoState, fault: FileLocked}`, "no method"},
		"a fault":                    {`{method: RelocateVM_Task, fault: Locked}`, `no fault "Locked"`},
		"a type for a fault":         {`{method: RelocateVM_Task, fault: VirtualDisk}`, `no fault "VirtualDisk"`},
		"no method":                  {`{fault: FileLocked}`, "method is missing"},
		"a task without time":        {`{method: PowerOnVM_Task, fault: FileLocked, at: 50%}`, "takes no time here"},
		"a percentage of a call":     {`{method: CurrentTime, fault: Timedout, at: 50%}`, "makes no task"},
		"a property":                 {`{method: RelocateVM_Task, fault: NoDiskSpace, with: {disk: 1}}`, "no such property"},
		"a property's type":          {`{method: RelocateVM_Task, fault: NoDiskSpace, with: {datastore: [1]}}`, "another type"},
		"a moment of calls":          {`{method: RelocateVM_Task, fault: NoDiskSpace, at: after}`, "before and after go with"},
		"a moment of tasks":          {`{do: lose, method: RelocateVM_Task, at: done}`, "before or after"},
		"a fault that is also lost":  {`{do: lose, fault: Timedout}`, "are of do: fault"},
		"a delay of nothing":         {`{do: delay}`, "says how long"},
		"a status that is none":      {`{do: status, path: /rest/, status: 200}`, "a failure of HTTP"},
		"a status of a fault":        {`{method: CurrentTime, fault: Timedout, status: 503}`, "of no fault"},
		"a path that is none":        {`{do: status, path: rest, status: 503}`, "is no path"},
		"a path and a method":        {`{do: lose, path: /sdk, method: CurrentTime}`, "path stands alone"},
		"a chance":                   {`{do: lose, probability: 2}`, "between 0 and 1"},
		"a number to skip":           {`{do: lose, skip: -1}`, "0 or more"},
		"jitter of what is no delay": {`{do: hang, jitter: 1s}`, "jitter is of do: delay"},
	}
	for name, c := range cases {
		faults, err := scenario.ParseFaults([]byte(c.fault))
		if err != nil {
			t.Fatal(err)
		}
		if _, err := New(faults); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}
