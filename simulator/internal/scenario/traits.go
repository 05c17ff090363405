package scenario

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/vmware/govmomi/object"
)

// Traits are what a VM may have that a migration must look at first.
type Traits struct {
	CDROM          string `yaml:"cdrom"`           // an image, "[datastore] folder/name.iso"
	Floppy         string `yaml:"floppy"`          // an image, "[datastore] folder/name.flp"
	ChangeTracking bool   `yaml:"change_tracking"` // changed block tracking is on
	Encrypted      bool   `yaml:"encrypted"`       // the home and all disks
	Template       bool   `yaml:"template"`
	Suspended      bool   `yaml:"suspended"`
	// ConsolidationNeeded is what a failed removal of a snapshot leaves behind.
	ConsolidationNeeded bool `yaml:"consolidation_needed"`
	// SharedBus lets the VM's SCSI controller be shared with VMs of the same host (virtual) or of any (physical).
	SharedBus string `yaml:"shared_bus"`
}

// DiskTraits are what a VM's disk may have that a migration must look at first.
type DiskTraits struct {
	Sharing string `yaml:"sharing"` // multi-writer; default none
	RDM     RDM    `yaml:"rdm"`     // a mapping of a LUN instead of a file
	Content string `yaml:"content"` // a seed; see disk.Fill
}

// RDM is the compatibility mode of a raw device mapping; empty: none.
type RDM string

// The compatibility modes (VirtualDiskCompatibilityMode).
const (
	VirtualRDM  RDM = "virtualMode"
	PhysicalRDM RDM = "physicalMode"
)

// UnmarshalYAML implements yaml.NodeUnmarshaler.
func (r *RDM) UnmarshalYAML(node ast.Node) error {
	switch text(node) {
	case "false":
		*r = ""
	case "true", "virtual":
		*r = VirtualRDM
	case "physical":
		*r = PhysicalRDM
	default:
		return at(node, "%q is not a raw device mapping; write true, virtual or physical", text(node))
	}
	return nil
}

// images gives the paths of the VM's images.
func (t *Traits) images() []string {
	return slices.DeleteFunc([]string{t.CDROM, t.Floppy}, func(path string) bool { return path == "" })
}

// imageStores gives the datastores of the VM's images.
func (t *Traits) imageStores() []string {
	var stores []string
	for _, image := range t.images() {
		var at object.DatastorePath
		if at.FromString(image) {
			stores = append(stores, at.Datastore)
		}
	}
	return stores
}

func (vm *VM) validateTraits() error {
	for _, image := range vm.images() {
		var at object.DatastorePath
		if !at.FromString(image) || at.Path == "" || strings.Contains(at.Path, "..") {
			return fmt.Errorf(`an image has the form "[datastore] folder/name.iso", not %q`, image)
		}
	}
	switch {
	case vm.Template && (vm.Running || vm.Suspended):
		return errors.New("a template neither runs nor is suspended")
	case vm.Running && vm.Suspended:
		return errors.New("running and suspended at once")
	case !slices.Contains([]string{"", "none", "virtual", "physical"}, vm.SharedBus):
		return fmt.Errorf("shared_bus %q is not known; write none, virtual or physical", vm.SharedBus)
	}
	for i, d := range vm.Disks {
		switch {
		case !slices.Contains([]string{"", "none", "multi-writer"}, d.Sharing):
			return fmt.Errorf("disk %d: sharing %q is not known; write none or multi-writer", i+1, d.Sharing)
		case d.RDM != "" && (d.Content != "" || len(vm.Snapshots) > 0):
			return fmt.Errorf("disk %d: a raw device mapping has no content here, and no snapshots", i+1)
		}
	}
	return nil
}
