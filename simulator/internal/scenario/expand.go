package scenario

import (
	"fmt"
	"slices"
)

// expand replaces every pattern by the objects that it stands for and fills the defaults in.
func (s *Scenario) expand() error {
	if s.Speed == 0 {
		s.Speed = 1
	}
	for i := range s.Datacenters {
		if err := s.Datacenters[i].expand(); err != nil {
			return fmt.Errorf("datacenter %q: %w", s.Datacenters[i].Name, err)
		}
	}

	var err error
	s.Faults, err = expandFaults(s.Faults)
	return err
}

func (dc *Datacenter) expand() error {
	for i := range dc.Clusters {
		cluster := &dc.Clusters[i]
		var hosts []string
		for _, pattern := range cluster.Hosts {
			some, err := names(pattern)
			if err != nil {
				return fmt.Errorf("cluster %q: hosts: %w", cluster.Name, err)
			}
			hosts = append(hosts, some...)
		}
		cluster.Hosts = hosts
	}

	var datastores []Datastore
	for _, ds := range dc.Datastores {
		if ds.Type == "" {
			ds.Type = "VMFS"
		}
		if ds.Rate == 0 {
			ds.Rate = DefaultRate
		}
		all, err := names(ds.Name)
		if err != nil {
			return fmt.Errorf("datastores: %w", err)
		}
		for _, ds.Name = range all {
			datastores = append(datastores, ds)
		}
	}
	dc.Datastores = datastores
	if err := dc.expandStorage(); err != nil {
		return err
	}

	var vms []VM
	for _, vm := range dc.VMs {
		some, err := vm.expand()
		if err != nil {
			return fmt.Errorf("vm %q: %w", vm.Name, err)
		}
		vms = append(vms, some...)
	}
	dc.VMs = vms
	for i := range dc.VMs {
		if err := dc.disksFromSource(&dc.VMs[i]); err != nil {
			return fmt.Errorf("vm %q: %w", dc.VMs[i].Name, err)
		}
	}

	var disks []LooseDisk
	for _, disk := range dc.Disks {
		all, err := names(disk.Path)
		if err != nil {
			return fmt.Errorf("disks: %w", err)
		}
		disk.Kind, disk.Used = defaults(disk.Kind, disk.Size, disk.Used)
		for _, disk.Path = range all {
			disks = append(disks, disk)
		}
	}
	dc.Disks = disks
	return dc.expandFCDs()
}

func (vm VM) expand() ([]VM, error) {
	if vm.CPUs == 0 {
		vm.CPUs = 1
	}
	if vm.Memory == 0 {
		vm.Memory = 1 << 30
	}
	all, err := names(vm.Name)
	if err != nil {
		return nil, err
	}
	vms := make([]VM, len(all))
	for n, name := range all {
		one := vm
		one.Name = name
		one.Disks = slices.Clone(vm.Disks)
		places := []*string{&one.Cluster, &one.Host, &one.Datastore, &one.CDROM, &one.Floppy}
		if vm.LinkedFrom != nil {
			link := *vm.LinkedFrom
			one.LinkedFrom = &link
			places = append(places, &link.VM)
		}
		for i := range one.Disks {
			disk := &one.Disks[i]
			disk.Kind, disk.Used = defaults(disk.Kind, disk.Size, disk.Used)
			places = append(places, &disk.Datastore)
		}
		for _, place := range places {
			if *place, err = turns(*place, n); err != nil {
				return nil, err
			}
		}
		for i := range one.Disks {
			if one.Disks[i].Datastore == "" {
				one.Disks[i].Datastore = one.Datastore
			}
		}
		vms[n] = one
	}
	return vms, nil
}

// defaults fills in how a disk takes space: thin, and half written.
func defaults(kind DiskKind, size, used Size) (DiskKind, Size) {
	if kind == "" {
		kind = Thin
	}
	if used == 0 {
		used = size / 2
	}
	return kind, used
}
