package scenario

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/vmware/govmomi/object"
)

// validate checks what the YAML alone cannot: that names are there once, that what is named exists, that things fit.
func (s *Scenario) validate() error {
	if s.Speed < 0 {
		return fmt.Errorf("speed is %g; it is how many times faster than the clock, such as 1 or 60", s.Speed)
	}
	if len(s.Datacenters) == 0 {
		return errors.New("there is no datacenter: list at least one under datacenters")
	}
	tags, err := s.tagNames()
	if err != nil {
		return err
	}
	if err := s.validatePolicies(tags); err != nil {
		return err
	}
	datacenters := make(seen)
	for i := range s.Datacenters {
		dc := &s.Datacenters[i]
		if err := datacenters.add("datacenter", dc.Name); err != nil {
			return err
		}
		if err := dc.validate(tags); err != nil {
			return fmt.Errorf("datacenter %q: %w", dc.Name, err)
		}
	}
	return nil
}

// tagNames gives all tags as category/tag.
func (s *Scenario) tagNames() ([]string, error) {
	var all []string
	categories := make(seen)
	for _, category := range s.Tags {
		if err := categories.add("tag category", category.Category); err != nil {
			return nil, err
		}
		tags := make(seen)
		for _, name := range category.Names {
			if err := tags.add("tag", name); err != nil {
				return nil, fmt.Errorf("tag category %q: %w", category.Category, err)
			}
			all = append(all, category.Category+"/"+name)
		}
	}
	return all, nil
}

func (dc *Datacenter) validate(tags []string) error {
	clusters, hosts := make(seen), make(seen)
	for _, cluster := range dc.Clusters {
		if err := clusters.add("cluster", cluster.Name); err != nil {
			return err
		}
		if len(cluster.Hosts) == 0 {
			return fmt.Errorf("cluster %q has no hosts: list at least one under hosts", cluster.Name)
		}
		for _, host := range cluster.Hosts {
			if err := hosts.add("host", host); err != nil {
				return err
			}
		}
	}

	datastores := make(seen)
	for _, ds := range dc.Datastores {
		if err := datastores.add("datastore", ds.Name); err != nil {
			return err
		}
		if err := ds.validate(dc, tags); err != nil {
			return fmt.Errorf("datastore %q: %w", ds.Name, err)
		}
	}

	if err := dc.validateStorage(datastores); err != nil {
		return err
	}

	vms := make(seen)
	for _, vm := range dc.VMs {
		if err := vms.add("vm", vm.Name); err != nil {
			return err
		}
		if err := vm.validate(dc, tags); err != nil {
			return fmt.Errorf("vm %q: %w", vm.Name, err)
		}
	}

	paths := make(seen)
	for _, disk := range dc.Disks {
		if err := paths.add("disk", disk.Path); err != nil {
			return err
		}
		if err := disk.validate(datastores); err != nil {
			return fmt.Errorf("disk %q: %w", disk.Path, err)
		}
	}
	if err := dc.validateFCDs(datastores, paths); err != nil {
		return err
	}
	return dc.fits()
}

func (ds *Datastore) validate(dc *Datacenter, tags []string) error {
	if ds.Type != "VMFS" && ds.Type != "NFS" {
		return fmt.Errorf("type %q is not known; write VMFS or NFS", ds.Type)
	}
	if ds.Capacity == 0 {
		return errors.New("capacity is missing; write for instance capacity: 2TiB")
	}
	if len(ds.Hosts) == 0 {
		return errors.New("no host mounts it: name clusters or hosts under hosts")
	}
	for _, name := range ds.Hosts {
		if len(dc.HostsOf(name)) == 0 {
			return fmt.Errorf("hosts: there is no cluster or host %q in the datacenter", name)
		}
	}
	return known("tag", ds.Tags, tags)
}

func (vm *VM) validate(dc *Datacenter, tags []string) error {
	if vm.Cluster == "" {
		return errors.New("cluster is missing")
	}
	if !slices.ContainsFunc(dc.Clusters, func(c Cluster) bool { return c.Name == vm.Cluster }) {
		return fmt.Errorf("there is no cluster %q in the datacenter", vm.Cluster)
	}
	if vm.Host != "" && !slices.Contains(dc.HostsOf(vm.Cluster), vm.Host) {
		return fmt.Errorf("there is no host %q in cluster %q", vm.Host, vm.Cluster)
	}
	if vm.Datastore == "" {
		return errors.New("datastore is missing")
	}
	for _, name := range vm.datastores() {
		if !slices.ContainsFunc(dc.Datastores, func(ds Datastore) bool { return ds.Name == name }) {
			return fmt.Errorf("there is no datastore %q in the datacenter", name)
		}
	}
	if len(dc.Runners(vm)) == 0 {
		return fmt.Errorf("no host of its cluster mounts all of its datastores (%s); add the cluster under their hosts",
			strings.Join(vm.datastores(), ", "))
	}
	for i, disk := range vm.Disks {
		if err := sized(disk.Size, disk.Used); err != nil {
			return fmt.Errorf("disk %d: %w", i+1, err)
		}
	}
	if err := vm.validateTraits(); err != nil {
		return err
	}
	if err := vm.validateSnapshots(); err != nil {
		return err
	}
	return known("tag", vm.Tags, tags)
}

func (d *LooseDisk) validate(datastores seen) error {
	var at object.DatastorePath
	if !at.FromString(d.Path) || path.Ext(at.Path) != ".vmdk" || strings.Contains(at.Path, "..") {
		return errors.New(`the path has the form "[datastore] folder/name.vmdk"`)
	}
	if !datastores[at.Datastore] {
		return fmt.Errorf("there is no datastore %q in the datacenter", at.Datastore)
	}
	return sized(d.Size, d.Used)
}

func sized(size, used Size) error {
	if size == 0 {
		return errors.New("size is missing; write for instance size: 40GiB")
	}
	if used > size {
		return fmt.Errorf("used, %s, is more than size, %s", used, size)
	}
	return nil
}

// fits checks that every datastore holds what lies on it.
func (dc *Datacenter) fits() error {
	taken := make(map[string]Size)
	for _, vm := range dc.VMs {
		for _, disk := range vm.Disks {
			taken[disk.Datastore] += vm.taken(disk)
		}
	}
	for _, disk := range dc.Disks {
		var at object.DatastorePath
		at.FromString(disk.Path)
		taken[at.Datastore] += takes(disk.Kind, disk.Size, disk.Used)
	}
	for _, disk := range dc.FCDs {
		taken[disk.Datastore] += takes(disk.Kind, disk.Size, disk.Used)
	}
	for _, ds := range dc.Datastores {
		if all := taken[ds.Name] + ds.UsedElsewhere; all > ds.Capacity {
			return fmt.Errorf("datastore %q: %s lie on it but its capacity is %s; enlarge capacity", ds.Name, all, ds.Capacity)
		}
	}
	return nil
}

func takes(kind DiskKind, size, used Size) Size {
	if kind == Thin {
		return used
	}
	return size
}

// seen holds the names already given.
type seen map[string]bool

func (s seen) add(kind, name string) error {
	if name == "" {
		return fmt.Errorf("a %s has no name", kind)
	}
	if s[name] {
		return fmt.Errorf("%s %q is there twice: names are unique", kind, name)
	}
	s[name] = true
	return nil
}

func known(kind string, named, all []string) error {
	for _, name := range named {
		if !slices.Contains(all, name) {
			return fmt.Errorf("%s %q is not declared under tags; write category/tag", kind, name)
		}
	}
	return nil
}
