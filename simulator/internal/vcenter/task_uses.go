package vcenter

import (
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/limits"
)

// relocationUses says what a relocation takes of hosts and datastores. The VM's lock is held.
func (vc *VCenter) relocationUses(vm *simulator.VirtualMachine, spec types.VirtualMachineRelocateSpec) []limits.Use {
	hosts := valuesOf(vm.Runtime.Host, spec.Host)
	if vm.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOff {
		return limits.Cold(hosts...)
	}
	if moved := vc.datastoresOfMove(vm, spec); len(moved) > 0 {
		return limits.StorageVMotion(hosts, moved)
	}
	var home []string
	for _, ref := range vm.Datastore {
		home = append(home, ref.Value)
	}
	return limits.VMotion(hosts, home)
}

// cloneUses says what a clone takes of hosts. The source's lock is held.
func (vc *VCenter) cloneUses(vm *simulator.VirtualMachine, spec types.VirtualMachineRelocateSpec) []limits.Use {
	hosts := valuesOf(vm.Runtime.Host, spec.Host)
	if len(hosts) == 0 {
		return nil
	}
	if spec.DiskMoveType == string(types.VirtualMachineRelocateDiskMoveOptionsCreateNewChildDiskBacking) {
		return limits.LinkedClone(hosts...)
	}
	return limits.Clone(hosts[0], hosts[len(hosts)-1]) // where it is cloned to, its source's unless the spec says otherwise
}

// datastoresOfMove gives the datastores that the home or a disk of a VM leaves or comes to. What a spec asks for in
// vain, the relocation itself says.
func (vc *VCenter) datastoresOfMove(vm *simulator.VirtualMachine, spec types.VirtualMachineRelocateSpec) []string {
	var moved []string
	move := func(path string, to *types.ManagedObjectReference) {
		var from object.DatastorePath
		if to == nil || !from.FromString(path) {
			return
		}
		for _, ref := range vm.Datastore {
			if s := vc.store(ref); s != nil && s.name == from.Datastore && ref != *to {
				moved = append(moved, ref.Value, to.Value)
			}
		}
	}
	move(vm.Config.Files.VmPathName, spec.Datastore)
	for _, device := range disksOf(vm) {
		to := spec.Datastore
		for _, locator := range spec.Disk {
			if locator.DiskId == device.Key {
				to = &locator.Datastore
			}
		}
		if backing, ok := device.Backing.(types.BaseVirtualDeviceFileBackingInfo); ok {
			move(backing.GetVirtualDeviceFileBackingInfo().FileName, to)
		}
	}
	return moved
}

// diskUses says what moving or copying a virtual disk takes: a host that mounts both datastores does it, as one of its
// provisioning operations. Which host a vCenter takes is not documented; here it is the one with the most room.
func (vc *VCenter) diskUses(from, to *store) []limits.Use {
	return limits.Cold(vc.limits.Least(limits.Host, vc.hostsOfBoth(from, to)))
}

// fcdUses says what relocating a first class disk takes.
func (vc *VCenter) fcdUses(from, to *store) []limits.Use {
	host := vc.limits.Least(limits.FCDHost, vc.hostsOfBoth(from, to))
	return limits.FCDRelocation(host, from.ref.Value, to.ref.Value)
}

// hostsOfBoth gives the hosts that mount both datastores.
func (vc *VCenter) hostsOfBoth(from, to *store) []string {
	mounts := make(map[string]int)
	var both []string
	for n, s := range []*store{from, to} {
		ds, ok := vc.registry.Get(s.ref).(*simulator.Datastore)
		if !ok {
			continue
		}
		ctx := vc.newContext()
		ctx.WithLock(ds, func() {
			for _, mount := range ds.Host {
				host := mount.Key.Value
				if mounts[host]++; n == 1 && mounts[host] == 2 {
					both = append(both, host)
				}
			}
		})
	}
	return both
}

func valuesOf(refs ...*types.ManagedObjectReference) []string {
	var values []string
	for _, ref := range refs {
		if ref != nil {
			values = append(values, ref.Value)
		}
	}
	return values
}

// nameOfResource gives a host's or a datastore's name in the inventory.
func (vc *VCenter) nameOfResource(r limits.Resource) string {
	kind := "Datastore"
	if r.Kind == limits.Host || r.Kind == limits.FCDHost {
		kind = "HostSystem"
	}
	name := r.Name
	object := vc.registry.Get(types.ManagedObjectReference{Type: kind, Value: r.Name})
	if entity, ok := object.(mo.Entity); ok {
		vc.newContext().WithLock(object, func() { name = entity.Entity().Name })
	}
	return name
}
