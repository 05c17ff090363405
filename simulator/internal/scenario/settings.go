package scenario

import (
	"time"

	"github.com/goccy/go-yaml/ast"
)

// Sessions are the limits of sessions.
type Sessions struct {
	Idle *Span `yaml:"idle"` // how long one may be idle; default 30m, 0s is for ever
	Max  *int  `yaml:"max"`  // how many there may be; default 2000, 0 is any number
}

// Clock is the vCenter's clock.
type Clock struct {
	Offset Offset `yaml:"offset"` // by how much it is ahead
}

// Offset is how much a clock is ahead, written as 90s, or behind, as -90s.
type Offset time.Duration

// UnmarshalYAML implements yaml.NodeUnmarshaler.
func (o *Offset) UnmarshalYAML(node ast.Node) error {
	offset, err := time.ParseDuration(text(node))
	if err != nil {
		return at(node, "%q is not an offset of a clock; write 90s for one that is ahead, -90s for one that is behind", text(node))
	}
	*o = Offset(offset)
	return nil
}
