package vcenter

import (
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/disk"
)

// cloning is a VM that is to be.
type cloning struct {
	vc     *VCenter
	source *simulator.VirtualMachine
	name   string
	spec   types.VirtualMachineCloneSpec

	config types.VirtualMachineConfigInfo // of the source, or of its snapshot; a copy
	folder *simulator.Folder
	pool   types.ManagedObjectReference
	host   types.ManagedObjectReference
	home   place // its folder
	disks  []*diskClone
	made   []place // folders
}

// diskClone is one disk of a clone.
type diskClone struct {
	device *types.VirtualDisk
	chain  []link // of the source
	to     place
	after  disk.Disk
	way    cloneWay
	begun  bool // something of it is on the target
}

// cloneWay is how a disk gets its content.
type cloneWay int

const (
	wholeCopy cloneWay = iota // the chain is copied into one disk
	topCopy                   // the top delta is copied, its parents are shared
	newChild                  // nothing is copied, all is shared
)

// plan reads a CloneSpec, or gives the fault that refuses it. The source's lock is held.
func (c *cloning) plan(ctx *simulator.Context, folder types.ManagedObjectReference) types.BaseMethodFault {
	if fault := c.checkReferences(&folder); fault != nil {
		return fault
	}
	var fault types.BaseMethodFault
	if c.config, fault = c.configOf(c.spec.Snapshot); fault != nil {
		return fault
	}
	datacenter := c.vc.datacenterOf(c.source)
	homeStore, _, fault := c.vc.locate(datacenter, c.source.Config.Files.VmPathName)
	if fault != nil {
		return fault
	}
	if ref := c.spec.Location.Datastore; ref != nil {
		homeStore = c.vc.store(*ref)
	}
	c.home = place{homeStore, c.name}
	lies := []*store{homeStore}
	for _, device := range c.config.Hardware.Device {
		d, ok := device.(*types.VirtualDisk)
		if !ok {
			continue
		}
		planned, fault := c.planDisk(datacenter, d)
		if fault != nil {
			return fault
		}
		c.disks = append(c.disks, planned)
		lies = append(lies, planned.to.store)
		for _, link := range planned.shared() {
			lies = append(lies, link.store)
		}
	}
	if fault := c.checkLocators(); fault != nil {
		return fault
	}
	return c.planCompute(ctx, lies)
}

// checkReferences checks that what the spec names is there. "The folder specified in the spec takes precedence over the
// folder parameter."
func (c *cloning) checkReferences(folder *types.ManagedObjectReference) types.BaseMethodFault {
	location := c.spec.Location
	if location.Folder != nil {
		folder = location.Folder
	}
	for _, of := range []struct {
		ref      *types.ManagedObjectReference
		property string
		kinds    []string
	}{
		{folder, "folder", []string{"Folder"}},
		{location.Datastore, "spec.location.datastore", []string{"Datastore"}},
		{location.Host, "spec.location.host", []string{"HostSystem"}},
		{location.Pool, "spec.location.pool", []string{"ResourcePool", "VirtualApp"}},
	} {
		if fault := c.vc.checkReference(of.ref, of.property, of.kinds...); fault != nil {
			return fault
		}
	}
	var ok bool
	if c.folder, ok = c.vc.registry.Get(*folder).(*simulator.Folder); !ok || !slices.Contains(c.folder.ChildType, "VirtualMachine") {
		return &types.InvalidArgument{InvalidProperty: "folder"}
	}
	if !knownMoveType(location.DiskMoveType) {
		return &types.InvalidArgument{InvalidProperty: "spec.location.diskMoveType"}
	}
	return nil
}

// configOf gives the configuration to clone: "if this parameter is set, the clone is based off of the snapshot point".
func (c *cloning) configOf(ref *types.ManagedObjectReference) (config types.VirtualMachineConfigInfo, fault types.BaseMethodFault) {
	if ref == nil {
		return deepCopied(*c.source.Config), nil
	}
	object, ok := c.vc.registry.Get(*ref).(*simulator.VirtualMachineSnapshot)
	if !ok {
		return config, &types.ManagedObjectNotFound{Obj: *ref}
	}
	if _, _, ok := treeOf(c.source).find(*ref); !ok {
		return config, &types.InvalidArgument{InvalidProperty: "spec.snapshot"} // another VM's
	}
	return deepCopied(object.Config), nil
}

// checkLocators checks that every locator is of a disk.
func (c *cloning) checkLocators() types.BaseMethodFault {
	for _, locator := range c.spec.Location.Disk {
		if !slices.ContainsFunc(c.disks, func(d *diskClone) bool { return d.device.Key == locator.DiskId }) {
			return &types.InvalidArgument{InvalidProperty: "spec.location.disk.diskId"}
		}
	}
	return nil
}

// planCompute chooses pool and host. "For a clone operation from a template to a virtual machine, this argument is
// required"; else the source's is taken (VirtualMachineRelocateSpec.pool).
func (c *cloning) planCompute(ctx *simulator.Context, lies []*store) types.BaseMethodFault {
	location, present := c.spec.Location, *c.source.Runtime.Host
	switch {
	case location.Pool != nil:
		c.pool = *location.Pool
	case c.source.ResourcePool != nil:
		c.pool = *c.source.ResourcePool
	case c.spec.Template: // a template has none; vcsim asks for one while it makes the VM
		c.pool = *c.vc.computeOf(present).ResourcePool
	default:
		return &types.InvalidArgument{InvalidProperty: "spec.location.pool"}
	}
	compute := c.vc.computeOf(c.pool)
	hosts := c.vc.hostsFor(present, compute.Host)
	if location.Host != nil {
		if !slices.Contains(compute.Host, *location.Host) {
			return &types.InvalidArgument{InvalidProperty: "spec.location.host"} // the pool is of another cluster
		}
		hosts = []types.ManagedObjectReference{*location.Host}
	}
	refused := types.BaseMethodFault(new(types.NoCompatibleHost))
	for _, host := range hosts {
		fault := c.reaches(ctx, host, lies)
		if fault == nil {
			c.host = host
			return nil
		}
		if len(hosts) == 1 {
			refused = fault
		}
	}
	return refused
}

// reaches tells whether a host has all datastores that the clone needs.
func (c *cloning) reaches(ctx *simulator.Context, host types.ManagedObjectReference, lies []*store) types.BaseMethodFault {
	for _, s := range lies {
		if fault := c.vc.reach(ctx, host, s, true); fault != nil {
			return fault
		}
	}
	return nil
}

// checkName keeps two of one name out of a folder.
func (c *cloning) checkName(ctx *simulator.Context) (fault types.BaseMethodFault) {
	if c.name == "" {
		return new(types.InvalidName)
	}
	ctx.WithLock(c.folder, func() {
		if other := c.vc.registry.FindByName(c.name, c.folder.ChildEntity); other != nil {
			fault = &types.DuplicateName{Name: c.name, Object: other.Reference()}
		}
	})
	return fault
}

// fits checks the space of the targets before anything is copied, and that they can be written to.
func (c *cloning) fits() types.BaseMethodFault {
	if fault := c.home.store.usable(); fault != nil {
		return fault
	}
	need := make(map[*store]int64)
	for _, d := range c.disks {
		if fault := d.to.store.usable(); fault != nil {
			return fault
		}
		need[d.to.store] += d.after.AllocatedBytes()
		if need[d.to.store] > d.to.store.account.Free() {
			return noSpace(d.to.store, d.to.name)
		}
	}
	return nil
}
