package faultplan

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"reflect"
	"slices"
	"strings"

	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/scenario"
)

// TimedMethods are the tasks that take time here, so that a fault can strike when part of the work is done.
var TimedMethods = []string{
	"RelocateVM_Task", "CloneVM_Task",
	"CreateSnapshot_Task", "CreateSnapshotEx_Task", "RemoveSnapshot_Task", "RemoveAllSnapshots_Task",
	"RevertToSnapshot_Task", "RevertToCurrentSnapshot_Task", "ConsolidateVMDisks_Task", "PromoteDisks_Task",
	"MoveDatastoreFile_Task", "CopyDatastoreFile_Task",
	"MoveVirtualDisk_Task", "CopyVirtualDisk_Task", "CreateVirtualDisk_Task", "ExtendVirtualDisk_Task",
	"InflateVirtualDisk_Task", "EagerZeroVirtualDisk_Task", "ZeroFillVirtualDisk_Task",
	"CreateDisk_Task", "CloneVStorageObject_Task", "ExtendDisk_Task", "InflateDisk_Task", "RelocateVStorageObject_Task",
}

// Rule is one piece of trouble and what became of it.
type Rule struct {
	scenario.Fault
	ID     int `json:"id"`
	Struck int `json:"struck"` // how often it has struck
	Passed int `json:"passed"` // how often it would have, but for skip and probability

	kind   reflect.Type // of the fault
	left   int          // scenario.Always: without end
	skip   int
	chance *rand.Rand
	lifted chan struct{} // closed when the rule is: what hangs by it goes on
}

// newRule checks trouble: that vSphere has what it names, and that it can strike when it should.
func newRule(fault scenario.Fault) (*Rule, error) {
	r := &Rule{Fault: fault, left: int(fault.Times), skip: fault.Skip, lifted: make(chan struct{}),
		chance: rand.New(rand.NewPCG(fault.Seed, 0))}
	known := types.TypeFunc()
	if fault.Method != "" {
		if method, ok := known(fault.Method); !ok || !isMethod(method) {
			return nil, fmt.Errorf("vSphere has no method %q; its tasks end in _Task, such as RelocateVM_Task", fault.Method)
		}
	}
	switch {
	case fault.Chance < 0 || fault.Chance > 1:
		return nil, fmt.Errorf("probability is %g; it is between 0 and 1", fault.Chance)
	case fault.Skip < 0:
		return nil, fmt.Errorf("skip is %d; it is how many are let pass first, 0 or more", fault.Skip)
	case fault.Path != "" && !strings.HasPrefix(fault.Path, "/"):
		return nil, fmt.Errorf("path %q is no path; it is how a URL's path begins, such as /rest/ or /folder/", fault.Path)
	case fault.Path != "" && (fault.Method != "" || fault.Entity != ""):
		return nil, errors.New("path stands alone: method and entity are of calls of the API, which all go to /sdk")
	}
	if fault.Do != scenario.Fail {
		return r, r.checkCall()
	}
	return r, r.checkFault(known)
}

// checkFault checks what makes a typed fault.
func (r *Rule) checkFault(known func(string) (reflect.Type, bool)) error {
	switch {
	case r.Method == "":
		return errors.New("method is missing: a fault answers a method, such as RelocateVM_Task; for other URLs write do: status")
	case r.At.Before || r.At.After:
		return errors.New("a fault strikes at 0% to 99% of a task, when it is done, or at the call; before and after go with do: lose, delay, hang, status")
	case r.For != 0 || r.Jitter != 0 || r.Status != 0:
		return errors.New("for, jitter and status are of no fault; they go with do: delay, hang, status")
	}
	task := strings.HasSuffix(r.Method, "_Task")
	switch {
	case !task && r.At == scenario.When{}:
		r.At.Call = true // there is no other moment
	case !task && !r.At.Call:
		return fmt.Errorf("%s makes no task, write at: call", r.Method)
	case r.At.Percent > 0 && !slices.Contains(TimedMethods, r.Method):
		return fmt.Errorf("%s takes no time here, write at: 0%%, done or call; another percentage goes with %s",
			r.Method, strings.Join(TimedMethods, ", "))
	}
	kind, ok := known(r.Fault.Fault)
	if !ok || !reflect.PointerTo(kind).Implements(reflect.TypeFor[types.BaseMethodFault]()) {
		return fmt.Errorf("vSphere has no fault %q; it is a name such as FileLocked or NoDiskSpace", r.Fault.Fault)
	}
	r.kind = kind
	_, err := r.make("")
	return err
}

// checkCall checks what befalls a call as HTTP has it.
func (r *Rule) checkCall() error {
	if r.Fault.Fault != "" || len(r.With) != 0 || r.Says != "" {
		return fmt.Errorf("fault, with and message are of do: fault, not of do: %s", r.Do)
	}
	if r.At.Call || r.At.Done || r.At.Percent != 0 {
		return fmt.Errorf("do: %s happens at: before or after the call is carried out", r.Do)
	}
	if r.At == (scenario.When{}) {
		r.At = scenario.When{Before: r.Do != scenario.LoseReply, After: r.Do == scenario.LoseReply}
	}
	switch {
	case r.Do == scenario.Delay && r.For == 0 && r.Jitter == 0:
		return errors.New("a delay says how long: for: 200ms, jitter: 100ms, or both")
	case r.Jitter != 0 && r.Do != scenario.Delay:
		return errors.New("jitter is of do: delay")
	case r.For != 0 && r.Do != scenario.Delay && r.Do != scenario.Hang:
		return errors.New("for is of do: delay and of do: hang")
	case r.Do == scenario.Answer && (r.Status < 400 || r.Status > 599):
		return fmt.Errorf("status is %d; it is a failure of HTTP, 400 to 599, such as 503", r.Status)
	case r.Do != scenario.Answer && r.Status != 0:
		return errors.New("status is of do: status")
	}
	return nil
}

// isMethod tells a method's request, which names the object that is called, from any other type.
func isMethod(request reflect.Type) bool {
	if request.Kind() != reflect.Struct {
		return false
	}
	_, called := request.FieldByName("This")
	return called
}

// make makes the fault. A fault of a file names the given one, unless the rule names another; one that has to hold a
// fault, such as DisallowedMigrationDeviceAttached, holds the plainest: clients cannot read it without.
func (r *Rule) make(file string) (types.BaseMethodFault, error) {
	made := reflect.New(r.kind)
	for i := range r.kind.NumField() {
		if held, ok := made.Elem().Field(i).Addr().Interface().(*types.LocalizedMethodFault); ok {
			held.Fault = new(types.MethodFault)
		}
	}
	fault := made.Interface().(types.BaseMethodFault)
	if of, ok := fault.(types.BaseFileFault); ok {
		of.GetFileFault().File = file
	}
	if len(r.With) != 0 {
		values, err := json.Marshal(r.With)
		if err != nil {
			return nil, fmt.Errorf("with: %w", err)
		}
		decoder := json.NewDecoder(bytes.NewReader(values))
		decoder.DisallowUnknownFields()
		if err := decoder.Decode(fault); err != nil {
			return nil, fmt.Errorf("with: %s has no such property, or of another type: %w", r.Fault.Fault, err)
		}
	}
	if r.Says != "" {
		of := fault.GetMethodFault()
		of.FaultMessage = append(of.FaultMessage, types.LocalizableMessage{Key: "vrelocate.simulator.fault", Message: r.Says})
	}
	return fault, nil
}

// concerns tells whether a rule may still strike a call or a task.
func (r *Rule) concerns(method, entity string) bool {
	return r.left != 0 && (r.Method == "" || r.Method == method) && (r.Entity == "" || r.Entity == entity)
}

// falls decides whether the rule strikes this time, by what is to be skipped and by chance.
func (r *Rule) falls() bool {
	if r.skip > 0 {
		r.skip--
		r.Passed++
		return false
	}
	if r.Chance > 0 && r.chance.Float64() >= r.Chance {
		r.Passed++
		return false
	}
	return true
}

// strike counts that the rule has struck.
func (r *Rule) strike() {
	if r.left > 0 {
		r.left--
	}
	r.Struck++
}
