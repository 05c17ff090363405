package scenario

import (
	"errors"
	"fmt"
	"slices"
)

// Snapshot is a snapshot of a VM. A VM's snapshots were taken one after another, in the order of the list.
type Snapshot struct {
	Name string `yaml:"name"`
	// Used is what was written to each of the VM's disks since the snapshot was taken: the delta on top of it takes so
	// much. Default: nothing.
	Used Size `yaml:"used"`
}

// LinkedFrom makes a VM a linked clone: its disks are deltas on those of another VM's snapshot.
type LinkedFrom struct {
	VM       string `yaml:"vm"`       // of the same datacenter, listed before; may be a pattern: the clones take turns
	Snapshot string `yaml:"snapshot"` // of that VM
	Used     Size   `yaml:"used"`     // what was written to each disk since the clone was made. Default: nothing
}

// disksFromSource gives a linked clone the disks of its source, on its own datastore.
func (dc *Datacenter) disksFromSource(vm *VM) error {
	link := vm.LinkedFrom
	if link == nil {
		return nil
	}
	if len(vm.Disks) > 0 {
		return errors.New("disks go without linked_from: a linked clone has the disks of its source")
	}
	at := slices.IndexFunc(dc.VMs, func(other VM) bool { return other.Name == link.VM })
	if at < 0 || at >= slices.IndexFunc(dc.VMs, func(other VM) bool { return other.Name == vm.Name }) {
		return fmt.Errorf("linked_from: there is no vm %q before it in the datacenter", link.VM)
	}
	source := &dc.VMs[at]
	if !slices.ContainsFunc(source.Snapshots, func(s Snapshot) bool { return s.Name == link.Snapshot }) {
		return fmt.Errorf("linked_from: vm %q has no snapshot %q", link.VM, link.Snapshot)
	}
	for _, disk := range source.Disks {
		vm.Disks = append(vm.Disks, Disk{Size: disk.Size, Kind: Thin, Used: link.Used, Datastore: vm.Datastore})
	}
	vm.needs = append(slices.Clone(source.needs), source.datastores()...)
	return nil
}

// validateSnapshots checks a VM's snapshots.
func (vm *VM) validateSnapshots() error {
	names := make(seen)
	for _, s := range vm.Snapshots {
		if err := names.add("snapshot", s.Name); err != nil {
			return err
		}
		for n, disk := range vm.Disks {
			if s.Used > disk.Size {
				return fmt.Errorf("snapshot %q: used, %s, is more than the size of disk %d, %s", s.Name, s.Used, n+1, disk.Size)
			}
		}
	}
	return nil
}

// taken gives what a disk of the VM takes, with the deltas of the snapshots.
func (vm *VM) taken(disk Disk) Size {
	all := takes(disk.Kind, disk.Size, disk.Used)
	for _, s := range vm.Snapshots {
		all += s.Used
	}
	return all
}
