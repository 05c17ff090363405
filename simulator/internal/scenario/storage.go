package scenario

import (
	"fmt"
	"slices"

	"github.com/goccy/go-yaml/ast"
)

// StoragePod is a datastore cluster.
type StoragePod struct {
	Name       string     `yaml:"name"`
	Datastores []string   `yaml:"datastores"` // each may be a pattern
	Automation Automation `yaml:"automation"` // of Storage DRS; default manual
}

// Automation is what Storage DRS does by itself (StorageDrsPodConfigInfoBehavior), or off.
type Automation string

// The automations of Storage DRS.
const (
	DRSManual    Automation = "manual"    // it recommends
	DRSAutomated Automation = "automated" // it does what it recommends
	DRSOff       Automation = "off"
)

// UnmarshalYAML implements yaml.NodeUnmarshaler.
func (a *Automation) UnmarshalYAML(node ast.Node) error {
	switch automation := Automation(text(node)); automation {
	case DRSManual, DRSAutomated, DRSOff:
		*a = automation
		return nil
	}
	return at(node, "%q is not an automation of Storage DRS; write manual, automated or off", text(node))
}

// Mount says how a host mounts a datastore when that is not as usual: mounted, accessible, read-write.
type Mount struct {
	Host       string `yaml:"host"`       // or a cluster; may be a pattern
	Access     Access `yaml:"access"`     // default read-write
	Mounted    *bool  `yaml:"mounted"`    // default true
	Accessible *bool  `yaml:"accessible"` // default true
}

// Access is what a host may do with a datastore (HostMountMode).
type Access string

// The accesses of a mount.
const (
	ReadWrite Access = "read-write"
	ReadOnly  Access = "read-only"
)

// UnmarshalYAML implements yaml.NodeUnmarshaler.
func (a *Access) UnmarshalYAML(node ast.Node) error {
	switch access := Access(text(node)); access {
	case ReadWrite, ReadOnly:
		*a = access
		return nil
	}
	return at(node, "%q is not an access; write read-write or read-only", text(node))
}

// Host is a host that is not as usual: connected, not in maintenance mode.
type Host struct {
	Name        string    `yaml:"name"`  // may be a pattern
	State       HostState `yaml:"state"` // default connected
	Maintenance bool      `yaml:"maintenance"`
}

// HostState is a host's connection to vCenter (HostSystemConnectionState).
type HostState string

// The connection states of hosts.
const (
	Connected     HostState = "connected"
	Disconnected  HostState = "disconnected"   // by an administrator
	NotResponding HostState = "not-responding" // for reasons of its own
)

// UnmarshalYAML implements yaml.NodeUnmarshaler.
func (s *HostState) UnmarshalYAML(node ast.Node) error {
	switch state := HostState(text(node)); state {
	case Connected, Disconnected, NotResponding:
		*s = state
		return nil
	}
	return at(node, "%q is not a state of a host; write connected, disconnected or not-responding", text(node))
}

// Policy is a storage policy that wants a datastore with all of its tags.
type Policy struct {
	Name string   `yaml:"name"`
	Tags []string `yaml:"tags"` // category/tag
}

// expandStorage spells out the patterns of pods, mounts and hosts.
func (dc *Datacenter) expandStorage() error {
	for i := range dc.StoragePods {
		pod := &dc.StoragePods[i]
		if pod.Automation == "" {
			pod.Automation = DRSManual
		}
		all, err := spellAll(pod.Datastores)
		if err != nil {
			return fmt.Errorf("storage pod %q: datastores: %w", pod.Name, err)
		}
		pod.Datastores = all
	}
	for i := range dc.Datastores {
		ds := &dc.Datastores[i]
		var mounts []Mount
		for _, mount := range ds.Mounts {
			all, err := names(mount.Host)
			if err != nil {
				return fmt.Errorf("datastore %q: mounts: host: %w", ds.Name, err)
			}
			for _, mount.Host = range all {
				mounts = append(mounts, mount)
			}
		}
		ds.Mounts = mounts
	}
	var hosts []Host
	for _, host := range dc.Hosts {
		all, err := names(host.Name)
		if err != nil {
			return fmt.Errorf("hosts: %w", err)
		}
		for _, host.Name = range all {
			hosts = append(hosts, host)
		}
	}
	dc.Hosts = hosts
	return nil
}

func spellAll(patterns []string) ([]string, error) {
	var all []string
	for _, pattern := range patterns {
		some, err := names(pattern)
		if err != nil {
			return nil, err
		}
		all = append(all, some...)
	}
	return all, nil
}

// validateStorage checks pods, mounts and hosts.
func (dc *Datacenter) validateStorage(datastores seen) error {
	pods, member := make(seen), make(seen)
	for _, pod := range dc.StoragePods {
		if datastores[pod.Name] { // they share a folder
			return fmt.Errorf("storage pod %q has the name of a datastore", pod.Name)
		}
		if err := pods.add("storage pod", pod.Name); err != nil {
			return err
		}
		if len(pod.Datastores) == 0 {
			return fmt.Errorf("storage pod %q has no datastores: list at least one under datastores", pod.Name)
		}
		for _, name := range pod.Datastores {
			if !slices.ContainsFunc(dc.Datastores, func(ds Datastore) bool { return ds.Name == name }) {
				return fmt.Errorf("storage pod %q: there is no datastore %q in the datacenter", pod.Name, name)
			}
			if err := member.add("datastore", name); err != nil {
				return fmt.Errorf("storage pod %q: a datastore is in one pod at most: %w", pod.Name, err)
			}
		}
	}
	for i := range dc.Datastores {
		ds := &dc.Datastores[i]
		for _, mount := range ds.Mounts {
			if !slices.ContainsFunc(dc.HostsOf(mount.Host), func(host string) bool { return slices.Contains(dc.Mounts(ds), host) }) {
				return fmt.Errorf("datastore %q: mounts: %q is no cluster or host that mounts it; name it under hosts too", ds.Name, mount.Host)
			}
		}
	}
	for _, host := range dc.Hosts {
		if !slices.ContainsFunc(dc.Clusters, func(c Cluster) bool { return slices.Contains(c.Hosts, host.Name) }) {
			return fmt.Errorf("hosts: there is no host %q in a cluster of the datacenter", host.Name)
		}
	}
	return nil
}

// validatePolicies checks the storage policies.
func (s *Scenario) validatePolicies(tags []string) error {
	policies := make(seen)
	for _, policy := range s.Policies {
		if err := policies.add("policy", policy.Name); err != nil {
			return err
		}
		if len(policy.Tags) == 0 {
			return fmt.Errorf("policy %q asks for no tags: list at least one under tags", policy.Name)
		}
		if err := known("tag", policy.Tags, tags); err != nil {
			return fmt.Errorf("policy %q: %w", policy.Name, err)
		}
	}
	return nil
}
