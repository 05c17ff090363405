package inventory

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/disk"
	"vrelocate/simulator/internal/scenario"
)

// diskPath is where the n-th disk of a VM lies.
func diskPath(vm *scenario.VM, n int) object.DatastorePath {
	return object.DatastorePath{Datastore: vm.Disks[n].Datastore, Path: vm.Name + "/" + diskName(vm.Name, n)}
}

// afterSnapshots is the delta that a disk is written to after so many snapshots; the disk itself before the first.
func afterSnapshots(at object.DatastorePath, snapshots int) object.DatastorePath {
	if snapshots > 0 {
		at.Path = disk.Name(at.Path, snapshots)
	}
	return at
}

func (p *placement) file(at object.DatastorePath) string {
	return filepath.Join(p.dirs[at.Datastore], at.Path)
}

// writeDisks writes a VM's n-th disk, whole or as a linked clone's delta, and a delta for each snapshot.
func (b *builder) writeDisks(place *placement, vm *scenario.VM, n int) error {
	at, d := diskPath(vm, n), vm.Disks[n]
	if vm.LinkedFrom == nil {
		if err := writeDisk(place, at, d.Size, d.Used, d.Kind); err != nil {
			return err
		}
	} else if err := b.writeLinked(place, vm, n); err != nil {
		return err
	}
	for i, s := range vm.Snapshots {
		parent := afterSnapshots(at, i)
		if err := writeDelta(place, parent, afterSnapshots(at, i+1), filepath.Base(parent.Path), "", s.Used); err != nil {
			return err
		}
	}
	return nil
}

// writeLinked writes a linked clone's disk on top of its source's, as that was when the snapshot was taken.
func (b *builder) writeLinked(place *placement, vm *scenario.VM, n int) error {
	source := &place.dc.VMs[slices.IndexFunc(place.dc.VMs, func(other scenario.VM) bool { return other.Name == vm.LinkedFrom.VM })]
	taken := slices.IndexFunc(source.Snapshots, func(s scenario.Snapshot) bool { return s.Name == vm.LinkedFrom.Snapshot })
	parent, at := afterSnapshots(diskPath(source, n), taken), diskPath(vm, n)
	dc := b.registry.Get(place.datacenter).(*simulator.Datacenter)
	volume := b.registry.FindByName(parent.Datastore, dc.Datastore).Reference().Value
	uuid := disk.NewUUID(place.dc.Name + " " + at.String())
	return writeDelta(place, parent, at, disk.VolumePath(volume, parent.Path), uuid, vm.LinkedFrom.Used)
}

// writeDelta writes a delta; one with a UUID of its own is another disk to the guest than its parent.
func writeDelta(place *placement, parent, at object.DatastorePath, hint, uuid string, used scenario.Size) error {
	below, err := disk.Read(place.file(parent))
	if err != nil {
		return err
	}
	delta := below.Child(hint)
	delta.WrittenBytes = int64(used)
	if uuid != "" {
		delta.UUID = uuid
	}
	if used > 0 {
		delta.CID = disk.NewCID(place.dc.Name + " " + at.String())
	}
	if err := makeFolderOf(place.file(at)); err != nil {
		return err
	}
	return disk.Write(place.file(at), delta)
}

// takeSnapshots takes a VM's snapshots. vcsim makes the tree; the VM then goes on with the next deltas.
func (b *builder) takeSnapshots(vm types.ManagedObjectReference, described *scenario.VM) error {
	for i, s := range described.Snapshots {
		res, err := methods.CreateSnapshot_Task(b.ctx, b.client, &types.CreateSnapshot_Task{This: vm, Name: s.Name})
		if err != nil {
			return fmt.Errorf("vm %q: snapshot %q: %w", described.Name, s.Name, err)
		}
		if _, err := b.ended(pending{described.Name, res.Returnval}); err != nil {
			return fmt.Errorf("snapshot %q: %w", s.Name, err)
		}
		entity := b.registry.Get(vm).(*simulator.VirtualMachine)
		for _, device := range entity.Config.Hardware.Device {
			d, ok := device.(*types.VirtualDisk)
			if !ok {
				continue
			}
			parent := d.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
			delta := *parent
			delta.Parent = parent
			at := afterSnapshots(diskPath(described, int(d.Key-firstDisk)), i+1)
			delta.FileName = at.String()
			delta.ThinProvisioned, delta.EagerlyScrub = types.NewBool(true), types.NewBool(false)
			d.Backing = &delta
		}
	}
	return nil
}
