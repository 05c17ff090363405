package vcenter

import (
	"fmt"
	"os"

	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/disk"
)

// planDisk says where a disk of the clone comes to be and how. A disk without a locator goes to the location's
// datastore, or stays on its own if there is none.
func (c *cloning) planDisk(datacenter types.ManagedObjectReference, device *types.VirtualDisk) (*diskClone, types.BaseMethodFault) {
	at, ok := c.vc.placeOfDisk(datacenter, device)
	if _, flat := device.Backing.(*types.VirtualDiskFlatVer2BackingInfo); !flat || !ok {
		return nil, &types.DeviceNotSupported{Device: labelOf(&device.VirtualDevice)}
	}
	chain, fault := c.vc.chainOf(at)
	if fault != nil {
		return nil, fault
	}
	if fault := at.store.readable(); fault != nil {
		return nil, fault
	}
	d := &diskClone{device: device, chain: chain, to: place{store: at.store}}
	moveType, kind, fault := c.wanted(d)
	if fault != nil {
		return nil, fault
	}
	parentsThere := len(chain) > 1 && chain[1].store == d.to.store
	switch moveType {
	case createNewChild:
		if c.spec.Snapshot == nil {
			return nil, &types.InvalidArgument{InvalidProperty: "spec.snapshot"} // "only valid when cloning from a snapshot"
		}
		d.way = newChild
		d.after = chain[0].disk.Child("")
	case moveChildMost:
		if len(chain) > 1 {
			d.way = topCopy
		}
	case types.VirtualMachineRelocateDiskMoveOptionsMoveAllDiskBackingsAndAllowSharing:
		if parentsThere {
			d.way = topCopy
		}
	}
	switch d.way {
	case topCopy:
		d.after = chain[0].disk
	case wholeCopy:
		d.after = mergedDisk(chain)
		if kind != "" {
			d.after.Kind = kind
		}
	}
	d.after.UUID = disk.NewUUID("")
	return d, nil
}

// wanted reads what the location says of a disk and notes its datastore.
func (c *cloning) wanted(d *diskClone) (moveType types.VirtualMachineRelocateDiskMoveOptions, kind disk.Kind, fault types.BaseMethodFault) {
	location := c.spec.Location
	if location.Datastore != nil {
		d.to.store = c.home.store
	}
	name := location.DiskMoveType
	switch location.Transform {
	case types.VirtualMachineRelocateTransformationSparse:
		kind = disk.Thin
	case types.VirtualMachineRelocateTransformationFlat:
		kind = disk.Thick
	}
	for _, locator := range location.Disk {
		if locator.DiskId != d.device.Key {
			continue
		}
		if fault := c.vc.checkReference(&locator.Datastore, "spec.location.disk.datastore", "Datastore"); fault != nil {
			return "", "", fault
		}
		d.to.store = c.vc.store(locator.Datastore)
		if locator.DiskMoveType != "" {
			name = locator.DiskMoveType
		}
		if flat, ok := locator.DiskBackingInfo.(*types.VirtualDiskFlatVer2BackingInfo); ok {
			kind = kindOf(flat)
		}
	}
	if !knownMoveType(name) {
		return "", "", &types.InvalidArgument{InvalidProperty: "spec.location.disk.diskMoveType"}
	}
	return types.VirtualMachineRelocateDiskMoveOptions(name), kind, nil
}

// shared gives what of the source's chain the clone hangs on.
func (d *diskClone) shared() []link {
	switch d.way {
	case newChild:
		return d.chain
	case topCopy:
		return d.chain[1:]
	}
	return nil
}

// bytes is what is to be copied.
func (d *diskClone) bytes() int64 {
	if d.way == newChild {
		return 0
	}
	return d.after.AllocatedBytes()
}

// reads gives all disks that the clone is made of.
func (c *cloning) reads() map[place]bool {
	all := make(map[place]bool)
	for _, d := range c.disks {
		for _, link := range d.chain {
			all[link.place] = true
		}
	}
	return all
}

// copyDisks makes the clone's folders and its disks, one after another.
func (op *operation) copyDisks(c *cloning) types.BaseMethodFault {
	if err := c.makeFolders(); err != nil {
		return fileFault(c.home.url(), err)
	}
	for _, d := range c.disks {
		op.total += d.bytes()
	}
	if op.total == 0 {
		if fault := op.nothingToCopy(c.home.url()); fault != nil {
			return fault
		}
	}
	for _, d := range c.disks {
		d.begun = true
		if fault := op.copyForClone(d); fault != nil {
			return fault
		}
	}
	return nil
}

// copyForClone makes one disk: it takes the time and the space of the copy, then the content is there.
func (op *operation) copyForClone(d *diskClone) types.BaseMethodFault {
	if d.way == newChild {
		_, fault := putDelta(d.chain[0].place, d.to, d.after.UUID)
		return fault
	}
	if d.way == topCopy {
		d.after.Parent = hint(d.to, d.chain[1].place)
	}
	partial := d.after
	partial.WrittenBytes = 0
	if err := disk.Write(d.to.file(), partial); err != nil {
		return fileFault(d.to.url(), err)
	}
	if fault := op.copy(transfer{
		from: d.chain[0].store, to: d.to.store, fromName: d.chain[0].name, toName: d.to.name,
		bytes: d.bytes(), thin: d.after.Kind == disk.Thin,
	}); fault != nil {
		return fault
	}
	parts := d.chain
	if d.way == topCopy {
		parts = d.chain[:1]
	}
	err := disk.Flatten(filesOf(parts), d.to.file())
	if err == nil {
		err = disk.Write(d.to.file(), d.after)
	}
	if err != nil {
		return fileFault(d.to.url(), err)
	}
	return nil
}

// makeFolders makes a folder of the clone's name on each datastore, or name_1 where another has that, and names the
// disks: name.vmdk, name_1.vmdk and so on.
func (c *cloning) makeFolders() error {
	folders := make(map[*store]string)
	folder := func(s *store) (string, error) {
		if known, ok := folders[s]; ok {
			return known, nil
		}
		for n := 0; ; n++ {
			name := c.name
			if n > 0 {
				name = fmt.Sprintf("%s_%d", c.name, n)
			}
			err := os.Mkdir(s.file(name), 0o700)
			if os.IsExist(err) {
				continue
			}
			if err == nil {
				c.made = append(c.made, place{s, name})
				folders[s] = name
			}
			return name, err
		}
	}
	var err error
	if c.home.name, err = folder(c.home.store); err != nil {
		return err
	}
	for n, d := range c.disks {
		if d.to.name, err = folder(d.to.store); err != nil {
			return err
		}
		name := c.name + ".vmdk"
		if n > 0 {
			name = fmt.Sprintf("%s_%d.vmdk", c.name, n)
		}
		d.to = d.to.join(name)
	}
	return nil
}

// undoClone removes what a clone that came to nothing left.
func (op *operation) undoClone(c *cloning) {
	for _, d := range c.disks {
		if d.begun {
			d.to.forgetDisk()
		}
	}
	for _, folder := range c.made {
		_ = os.RemoveAll(folder.file()) // it was made for this clone
		folder.store.account.Remove(folder.name)
		op.vc.publish(op.ctx, folder.store)
	}
}
