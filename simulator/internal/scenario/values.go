package scenario

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
)

// Size is a number of bytes, written as 40GiB, 500MB or a plain number of bytes.
type Size int64

// String gives a size as a scenario would write it.
func (s Size) String() string { return fmt.Sprintf("%.4gGiB", float64(s)/(1<<30)) }

// Rate is a number of bytes a second, written as 200MB/s.
type Rate int64

// DefaultRate is the rate of a datastore that names none: a mid-range array over 10 Gbit/s.
const DefaultRate Rate = 500e6

var units = []struct {
	suffix string
	bytes  float64
}{
	{"KiB", 1 << 10}, {"MiB", 1 << 20}, {"GiB", 1 << 30}, {"TiB", 1 << 40},
	{"KB", 1e3}, {"MB", 1e6}, {"GB", 1e9}, {"TB", 1e12}, {"B", 1},
}

func parseBytes(text string) (int64, bool) {
	factor := 1.0
	for _, unit := range units {
		if number, found := strings.CutSuffix(text, unit.suffix); found {
			text, factor = strings.TrimSpace(number), unit.bytes
			break
		}
	}
	number, err := strconv.ParseFloat(text, 64)
	value := number * factor
	// The limit keeps sums of sizes far from overflow: 1 EiB is 8,000 times the largest VMFS datastore.
	if err != nil || math.IsNaN(value) || value < 0 || value > 1<<60 {
		return 0, false
	}
	return int64(value), true
}

// at puts a node's position before a message, in the form of the YAML library's own errors.
func at(node ast.Node, format string, args ...any) error {
	position := node.GetToken().Position
	return fmt.Errorf("[%d:%d] %s", position.Line, position.Column, fmt.Sprintf(format, args...))
}

func text(node ast.Node) string { return node.GetToken().Value }

// UnmarshalYAML implements yaml.NodeUnmarshaler.
func (s *Size) UnmarshalYAML(node ast.Node) error {
	bytes, ok := parseBytes(text(node))
	if !ok {
		return at(node, "%q is not a size; write 40GiB, 500MB or a number of bytes", text(node))
	}
	*s = Size(bytes)
	return nil
}

// UnmarshalYAML implements yaml.NodeUnmarshaler.
func (r *Rate) UnmarshalYAML(node ast.Node) error {
	amount, perSecond := strings.CutSuffix(text(node), "/s")
	bytes, ok := parseBytes(amount)
	if !perSecond || !ok || bytes == 0 {
		return at(node, "%q is not a rate; write 200MB/s", text(node))
	}
	*r = Rate(bytes)
	return nil
}

// DiskKind is how a virtual disk takes space.
type DiskKind string

// The kinds of vSphere's flat disks: VirtualDiskType thin, preallocated and eagerZeroedThick.
const (
	Thin  DiskKind = "thin"  // grows as it is written
	Thick DiskKind = "thick" // taken at once, zeroed on first write
	Eager DiskKind = "eager" // taken and zeroed at once
)

// UnmarshalYAML implements yaml.NodeUnmarshaler.
func (k *DiskKind) UnmarshalYAML(node ast.Node) error {
	switch kind := DiskKind(text(node)); kind {
	case Thin, Thick, Eager:
		*k = kind
		return nil
	}
	return at(node, "%q is not a kind of disk; write thin, thick or eager", text(node))
}
