package scenario

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"
)

func TestFaultDefaults(t *testing.T) {
	s, err := Parse([]byte(small + `
faults:
  - {method: RelocateVM_Task, entity: "vm-{1..2}", fault: FileLocked}
  - {method: RelocateVM_Task, fault: Timedout, at: call, times: always}
  - {do: delay, for: 200ms, jitter: 1s}
`))
	if err != nil {
		t.Fatal(err)
	}
	want := []Fault{
		{Do: Fail, Method: "RelocateVM_Task", Entity: "vm-1", Fault: "FileLocked", Times: 1},
		{Do: Fail, Method: "RelocateVM_Task", Entity: "vm-2", Fault: "FileLocked", Times: 1},
		{Do: Fail, Method: "RelocateVM_Task", Fault: "Timedout", At: When{Call: true}, Times: Always},
		{Do: Delay, For: Span(200 * time.Millisecond), Jitter: Span(time.Second), Times: Always},
	}
	if !reflect.DeepEqual(s.Faults, want) {
		t.Errorf("%+v, want %+v", s.Faults, want)
	}
}

func TestFaultsAreReadAsJSON(t *testing.T) {
	one := `{"method": "RelocateVM_Task", "fault": "NoDiskSpace", "at": "done", "times": 2, "with": {"datastore": "ds"}, "message": "full"}`
	want := Fault{Do: Fail, Method: "RelocateVM_Task", Fault: "NoDiskSpace", At: When{Done: true}, Times: 2,
		With: Values{"datastore": "ds"}, Says: "full"}
	for _, text := range []string{one, "[" + one + "]"} {
		faults, err := ParseFaults([]byte(text))
		if err != nil || len(faults) != 1 || !reflect.DeepEqual(faults[0], want) {
			t.Errorf("%+v, %v", faults, err)
		}
	}
}

func TestFaultIsWrittenAsItIsRead(t *testing.T) {
	for _, text := range []string{
		`{"do":"fault","method":"M","at":"50%","times":"always"}`,
		`{"do":"fault","method":"M","at":"call","times":3,"skip":1,"probability":0.5,"seed":7}`,
		`{"do":"fault","method":"M","at":"done","times":1}`,
		`{"do":"hang","path":"/rest/","at":"after","for":"1m30s","times":1}`,
		`{"do":"status","path":"/rest/","at":"before","status":503,"times":1}`,
	} {
		faults, err := ParseFaults([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		written, err := json.Marshal(faults[0])
		if err != nil {
			t.Fatal(err)
		}
		again, err := ParseFaults(written)
		if err != nil || !reflect.DeepEqual(faults, again) {
			t.Errorf("%s came back as %s: %v", text, written, err)
		}
	}
}

func TestMistakesInFaultsAreNamed(t *testing.T) {
	cases := map[string]string{
		``:                        "there is no fault in it",
		`{"methods": "M"}`:        `unknown field "methods"`,
		`{"do": "explode"}`:       "write fault, lose, delay, hang or status",
		`{"for": "soon"}`:         `"soon" is not an amount of time`,
		`{"at": "later"}`:         `"later" is not a moment`,
		`{"times": "often"}`:      `"often" is not a number of times`,
		`{"entity": "vm-{1..x}"}`: "entity",
		`{"method"`:               "",
	}
	for text, want := range cases {
		if faults, err := ParseFaults([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %+v, %v, want %q", text, faults, err, want)
		}
	}
}
