package scenario

import (
	"strconv"

	"github.com/goccy/go-yaml/ast"
)

// Limits say how much of a vCenter's work may be under way at once; what is more waits. A limit that is not given is a
// vCenter's own.
type Limits struct {
	Tasks        *Limit `yaml:"tasks"`         // running tasks of the vCenter
	Host         *Limit `yaml:"host"`          // units of a host, for migrations and provisioning
	Datastore    *Limit `yaml:"datastore"`     // units of a datastore, for migrations of running VMs
	FCDHost      *Limit `yaml:"fcd_host"`      // relocations of first class disks that a host does
	FCDDatastore *Limit `yaml:"fcd_datastore"` // the same, from or to a datastore
}

// Limit is a number; 0 is without limit.
type Limit int

// UnmarshalYAML implements yaml.NodeUnmarshaler.
func (l *Limit) UnmarshalYAML(node ast.Node) error {
	if text(node) == "unlimited" {
		*l = 0
		return nil
	}
	number, err := strconv.Atoi(text(node))
	if err != nil || number < 0 {
		return at(node, "%q is not a limit; write a number, or unlimited", text(node))
	}
	*l = Limit(number)
	return nil
}

// Or gives the limit, or another one if it is not given.
func (l *Limit) Or(other int) int {
	if l == nil {
		return other
	}
	return int(*l)
}

// Tasks say how long a vCenter knows its tasks and how it cancels them. What is not given is as a vCenter has it.
type Tasks struct {
	RecentAge     *Span  `yaml:"recent_age"`     // how long a task that is over is in recentTask
	RecentMax     *Limit `yaml:"recent_max"`     // how many such there are
	Retention     *Span  `yaml:"retention"`      // how long it can be read at all
	HistoryAge    *Span  `yaml:"history_age"`    // how long a TaskHistoryCollector finds it
	HistoryMax    *Limit `yaml:"history_max"`    // how many it finds
	MaxCollectors *Limit `yaml:"max_collectors"` // how many collectors a session may have
	CancelLatency *Span  `yaml:"cancel_latency"` // from the answer to CancelTask to when the work hears of it
	SwitchTime    *Span  `yaml:"switch_time"`    // how long what was copied takes to replace its source
}
