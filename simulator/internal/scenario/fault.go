package scenario

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// Fault is trouble planned in advance, or asked for while the vCenter runs: one format for both. Which keys go together
// is checked by faultplan, which knows vSphere's methods and faults.
type Fault struct {
	Do     Trouble `yaml:"do" json:"do"`                             // default fault
	Method string  `yaml:"method" json:"method,omitempty"`           // such as RelocateVM_Task
	Path   string  `yaml:"path" json:"path,omitempty"`               // or the beginning of a URL's path, such as /rest/
	Entity string  `yaml:"entity" json:"entity,omitempty"`           // VM name, or a disk's path as the call gives it; empty: any
	Fault  string  `yaml:"fault" json:"fault,omitempty"`             // name of a vSphere fault, such as FileLocked
	With   Values  `yaml:"with" json:"with,omitempty"`               // the fault's properties
	Says   string  `yaml:"message" json:"message,omitempty"`         // what a user is shown; default: as a vCenter says it
	At     When    `yaml:"at" json:"at"`                             // default 0%
	For    Span    `yaml:"for" json:"for,omitempty"`                 // of a delay or a hang
	Jitter Span    `yaml:"jitter" json:"jitter,omitempty"`           // a delay is longer by up to so much
	Status int     `yaml:"status" json:"status,omitempty"`           // of HTTP, instead of an answer
	Times  Times   `yaml:"times" json:"times"`                       // default once; a delay: always
	Skip   int     `yaml:"skip" json:"skip,omitempty"`               // so many are let pass first
	Chance float64 `yaml:"probability" json:"probability,omitempty"` // 0 to 1; default 1
	Seed   uint64  `yaml:"seed" json:"seed,omitempty"`               // of the chances, so that they repeat
}

// Values are a fault's properties by their names in the API.
type Values map[string]any

// Trouble is what a Fault does.
type Trouble string

// The kinds of trouble.
const (
	Fail      Trouble = "fault"  // a typed fault of the API
	LoseReply Trouble = "lose"   // the connection dies instead of an answer
	Delay     Trouble = "delay"  // the answer comes late
	Hang      Trouble = "hang"   // no answer, until released
	Answer    Trouble = "status" // a status of HTTP
)

// UnmarshalYAML implements yaml.NodeUnmarshaler.
func (k *Trouble) UnmarshalYAML(node ast.Node) error {
	switch kind := Trouble(text(node)); kind {
	case Fail, LoseReply, Delay, Hang, Answer:
		*k = kind
		return nil
	}
	return at(node, "%q is not something to do; write fault, lose, delay, hang or status", text(node))
}

// When is the moment of trouble.
type When struct {
	Call    bool // the call itself is answered with the fault; no task is made
	Percent int  // 0 to 99: the task fails when this much of its work is done
	Done    bool // the task fails though all of its work is done
	Before  bool // of what is no fault: the call is not carried out yet
	After   bool // it has been carried out
}

// UnmarshalYAML implements yaml.NodeUnmarshaler.
func (w *When) UnmarshalYAML(node ast.Node) error {
	switch text(node) {
	case "call":
		*w = When{Call: true}
		return nil
	case "done":
		*w = When{Done: true}
		return nil
	case "before":
		*w = When{Before: true}
		return nil
	case "after":
		*w = When{After: true}
		return nil
	}
	number, isPercent := strings.CutSuffix(text(node), "%")
	percent, err := strconv.Atoi(number)
	if !isPercent || err != nil || percent < 0 || percent > 99 {
		return at(node, "%q is not a moment; write 0%% to 99%% of a task's work, done, or call for the call itself; "+
			"before or after the call for what is no fault", text(node))
	}
	*w = When{Percent: percent}
	return nil
}

// MarshalText writes a moment as it is read.
func (w When) MarshalText() ([]byte, error) {
	switch {
	case w.Call:
		return []byte("call"), nil
	case w.Done:
		return []byte("done"), nil
	case w.Before:
		return []byte("before"), nil
	case w.After:
		return []byte("after"), nil
	}
	return []byte(strconv.Itoa(w.Percent) + "%"), nil
}

// Times is how often trouble strikes.
type Times int

// Always strikes every time.
const Always Times = -1

// UnmarshalYAML implements yaml.NodeUnmarshaler.
func (t *Times) UnmarshalYAML(node ast.Node) error {
	if text(node) == "always" {
		*t = Always
		return nil
	}
	times, err := strconv.Atoi(text(node))
	if err != nil || times < 1 {
		return at(node, "%q is not a number of times; write 1 or more, or always", text(node))
	}
	*t = Times(times)
	return nil
}

// MarshalJSON writes a number of times as it is read.
func (t Times) MarshalJSON() ([]byte, error) {
	if t == Always {
		return json.Marshal("always")
	}
	return json.Marshal(int(t))
}

// Span is an amount of time, written as 250ms, 30s or 1h30m.
type Span time.Duration

// UnmarshalYAML implements yaml.NodeUnmarshaler.
func (s *Span) UnmarshalYAML(node ast.Node) error {
	span, err := time.ParseDuration(text(node))
	if err != nil || span < 0 {
		return at(node, "%q is not an amount of time; write 250ms, 30s or 1h30m", text(node))
	}
	*s = Span(span)
	return nil
}

// MarshalText writes an amount of time as it is read.
func (s Span) MarshalText() ([]byte, error) { return []byte(time.Duration(s).String()), nil }

// ParseFaults reads faults that are asked for live: one, or a list of them, in JSON or YAML, with their names spelled out.
func ParseFaults(content []byte) ([]Fault, error) {
	var faults []Fault
	var into any = &faults
	one := new(Fault)
	if !bytes.HasPrefix(bytes.TrimSpace(content), []byte("[")) {
		into = one
	}
	err := yaml.NewDecoder(bytes.NewReader(content), yaml.Strict()).Decode(into)
	if errors.Is(err, io.EOF) {
		return nil, errors.New(`there is no fault in it; write for instance {"method": "RelocateVM_Task", "fault": "FileLocked"}`)
	}
	if err != nil {
		return nil, err
	}
	if into == any(one) {
		faults = []Fault{*one}
	}
	return expandFaults(faults)
}

// expandFaults fills the defaults in and replaces a pattern of entities by what it stands for.
func expandFaults(planned []Fault) ([]Fault, error) {
	var faults []Fault
	for _, fault := range planned {
		if fault.Do == "" {
			fault.Do = Fail
		}
		if fault.Times == 0 {
			fault.Times = 1
			if fault.Do == Delay {
				fault.Times = Always
			}
		}
		if fault.Entity == "" {
			faults = append(faults, fault)
			continue
		}
		entities, err := names(fault.Entity)
		if err != nil {
			return nil, fmt.Errorf("fault %s: entity: %w", fault.Fault, err)
		}
		for _, fault.Entity = range entities {
			faults = append(faults, fault)
		}
	}
	return faults, nil
}
