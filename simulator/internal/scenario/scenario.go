// Package scenario reads the YAML file that describes a simulated vCenter: what is in it, how fast its datastores are,
// and which operations fail. docs/simulator.md is the reference of the format.
//
// Names may stand for many: app-{01..10} is ten names. Load gives the scenario with every name spelled out.
package scenario

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/goccy/go-yaml"
)

// Scenario is a whole vCenter.
type Scenario struct {
	// Speed is how many times faster than the clock on the wall copying goes; 0 means 1. The flag -speed overrides it.
	Speed float64 `yaml:"speed"`
	// CopyDestSpec honours CopyVirtualDisk_Task's destSpec. A vCenter does not implement it: NotImplemented.
	CopyDestSpec bool `yaml:"copy_dest_spec"`

	Tags        []TagCategory `yaml:"tags"`
	Policies    []Policy      `yaml:"policies"`
	Datacenters []Datacenter  `yaml:"datacenters"`
	Faults      []Fault       `yaml:"faults"`
	Sessions    Sessions      `yaml:"sessions"`
	Clock       Clock         `yaml:"clock"`
	Tasks       Tasks         `yaml:"tasks"`
	Limits      Limits        `yaml:"limits"`
	Relocation  Relocation    `yaml:"relocation"`
}

// TagCategory is a tag category with its tags. Objects name a tag as category/tag.
type TagCategory struct {
	Category string   `yaml:"category"`
	Names    []string `yaml:"names"`
}

// Datacenter holds clusters, datastores and what lies on them.
type Datacenter struct {
	Name        string       `yaml:"name"`
	Clusters    []Cluster    `yaml:"clusters"`
	Hosts       []Host       `yaml:"hosts"` // those that are not as usual
	Datastores  []Datastore  `yaml:"datastores"`
	StoragePods []StoragePod `yaml:"storage_pods"`
	VMs         []VM         `yaml:"vms"`
	Disks       []LooseDisk  `yaml:"disks"`

	FCDs []FirstClassDisk `yaml:"fcds"`
}

// Cluster is a compute cluster. Each of Hosts may be a pattern.
type Cluster struct {
	Name  string   `yaml:"name"`
	Hosts []string `yaml:"hosts"`
}

// Datastore is a place for disks.
type Datastore struct {
	Name     string `yaml:"name"` // may be a pattern
	Type     string `yaml:"type"` // VMFS (the default) or NFS
	Capacity Size   `yaml:"capacity"`
	// Rate is what all copies that read from or write to the datastore share. Default: DefaultRate.
	Rate Rate `yaml:"rate"`
	// UsedElsewhere is space taken by things that the scenario does not list.
	UsedElsewhere Size     `yaml:"used_elsewhere"`
	Hosts         []string `yaml:"hosts"`  // clusters and hosts that mount it
	Mounts        []Mount  `yaml:"mounts"` // those that are not as usual
	Tags          []string `yaml:"tags"`   // category/tag
}

// VM is a virtual machine with its disks.
type VM struct {
	Name      string   `yaml:"name"` // may be a pattern
	Cluster   string   `yaml:"cluster"`
	Host      string   `yaml:"host"`      // default: the cluster's hosts that mount the datastore take turns
	Datastore string   `yaml:"datastore"` // of the VM's home; may be a pattern: the VMs take turns
	Running   bool     `yaml:"running"`
	CPUs      int32    `yaml:"cpus"`   // default 1
	Memory    Size     `yaml:"memory"` // default 1GiB
	Disks     []Disk   `yaml:"disks"`
	Tags      []string `yaml:"tags"`

	Traits `yaml:",inline"`

	Snapshots  []Snapshot  `yaml:"snapshots"`
	LinkedFrom *LinkedFrom `yaml:"linked_from"` // a linked clone, which has no disks of its own

	needs []string // datastores of a linked clone's sources
}

// Disk is a virtual disk attached to a VM.
type Disk struct {
	Size      Size     `yaml:"size"`
	Kind      DiskKind `yaml:"kind"`      // default thin
	Used      Size     `yaml:"used"`      // what is written, and taken if the disk is thin; default half of size
	Datastore string   `yaml:"datastore"` // default: the VM's

	DiskTraits `yaml:",inline"`
}

// LooseDisk is a VMDK attached to no VM.
type LooseDisk struct {
	Path string   `yaml:"path"` // "[datastore] folder/name.vmdk", may be a pattern
	Size Size     `yaml:"size"`
	Kind DiskKind `yaml:"kind"`
	Used Size     `yaml:"used"`

	Content string `yaml:"content"` // a seed; see disk.Fill
}

// Load reads, checks and spells out a scenario file.
func Load(file string) (*Scenario, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("reading the scenario: %w", err)
	}
	s, err := Parse(content)
	if err != nil {
		return nil, fmt.Errorf("scenario %s: %w", file, err)
	}
	return s, nil
}

// Parse checks a scenario and spells its names out. An unknown key is an error that names its line.
func Parse(content []byte) (*Scenario, error) {
	s := new(Scenario)
	err := yaml.NewDecoder(bytes.NewReader(content), yaml.Strict()).Decode(s)
	if errors.Is(err, io.EOF) {
		return nil, errors.New("the file is empty; a scenario needs at least datacenters")
	}
	if err != nil {
		return nil, err
	}
	if err := s.expand(); err != nil {
		return nil, err
	}
	if err := s.validate(); err != nil {
		return nil, err
	}
	return s, nil
}
