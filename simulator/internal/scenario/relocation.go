package scenario

import "github.com/goccy/go-yaml/ast"

// Relocation says how relocations of VMs behave.
type Relocation struct {
	Switch Switch `yaml:"switch"` // default at-end
}

// Switch is when a relocated VM leaves its old disks for the new ones.
type Switch string

// The moments of a switch.
const (
	SwitchAtEnd    Switch = "at-end"    // all at once, when everything is copied: what fails leaves the VM whole
	SwitchEachDisk Switch = "each-disk" // each disk when it is copied, of a VM that is off: what fails may leave it half moved
)

// UnmarshalYAML implements yaml.NodeUnmarshaler.
func (s *Switch) UnmarshalYAML(node ast.Node) error {
	switch moment := Switch(text(node)); moment {
	case SwitchAtEnd, SwitchEachDisk:
		*s = moment
		return nil
	}
	return at(node, "%q is not a moment to switch; write at-end or each-disk", text(node))
}
