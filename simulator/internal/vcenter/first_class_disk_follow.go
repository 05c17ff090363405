package vcenter

import (
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// noteFirstClassDisks brings the catalog in line with a VM: which disks it has, and where they are. A device has its
// disk by vDiskId, or by the file when that is not set; then it is set, as a vCenter does it, which finds the ID in the
// disk's own metadata. Called whenever a VM's files may have changed their places.
func (vc *VCenter) noteFirstClassDisks(ctx *simulator.Context, vm *simulator.VirtualMachine) {
	m := vc.catalog()
	if m.isEmpty(ctx) {
		return
	}
	ctx.WithLock(vm, func() {
		devices := disksOf(vm)
		places := vc.devicePlaces(vm, devices)
		ids := make(map[int32]types.ID) // by device
		m.locked(ctx, func() {
			for i, device := range devices {
				if id, known := m.follow(device, places[i]); known {
					ids[device.Key] = id
					vc.consumers[id] = vm.Self
				}
			}
			for id, consumer := range vc.consumers {
				if consumer == vm.Self && !has(ids, id) {
					delete(vc.consumers, id)
				}
			}
		})
		if named := namedDevices(vm, ids); named != nil {
			ctx.Update(vm, []types.PropertyChange{{Name: "config.hardware.device", Val: named}})
		}
	})
}

func has(ids map[int32]types.ID, id types.ID) bool {
	for _, known := range ids {
		if known == id {
			return true
		}
	}
	return false
}

func (m *VStorageObjectManager) isEmpty(ctx *simulator.Context) bool {
	empty := true
	m.locked(ctx, func() {
		for _, disks := range m.Catalog() {
			empty = empty && len(disks) == 0
		}
	})
	return empty
}

// devicePlaces gives where devices' files are, in their order; the place of what has no file of ours has no store.
func (vc *VCenter) devicePlaces(vm *simulator.VirtualMachine, devices []*types.VirtualDisk) []place {
	places := make([]place, len(devices))
	datacenter := vc.datacenterOf(vm)
	for i, device := range devices {
		if backing, ok := device.Backing.(types.BaseVirtualDeviceFileBackingInfo); ok {
			if s, name, fault := vc.locate(datacenter, backing.GetVirtualDeviceFileBackingInfo().FileName); fault == nil {
				places[i] = place{s, name}
			}
		}
	}
	return places
}

// follow finds the disk of a device, and enters it where the device's file is now. The catalog is locked.
func (m *VStorageObjectManager) follow(device *types.VirtualDisk, at place) (types.ID, bool) {
	if at.store == nil {
		return types.ID{}, false
	}
	if device.VDiskId == nil {
		known, found := m.at(at)
		if !found {
			return types.ID{}, false
		}
		return known.Config.Id, true
	}
	id := *device.VDiskId
	for datastore, disks := range m.Catalog() {
		known := disks[id]
		if known == nil {
			continue
		}
		if datastore != at.store.ref || pathOf(known) != at.name {
			delete(disks, id)
			m.put(*known, at)
		}
		return id, true
	}
	return types.ID{}, false
}

// namedDevices gives a VM's devices with the IDs of their disks; nil if they have them already. They are copies: readers
// may still be encoding the old ones.
func namedDevices(vm *simulator.VirtualMachine, ids map[int32]types.ID) []types.BaseVirtualDevice {
	var named []types.BaseVirtualDevice
	for i, device := range vm.Config.Hardware.Device {
		old, ok := device.(*types.VirtualDisk)
		if !ok || old.VDiskId != nil {
			continue
		}
		id, known := ids[old.Key]
		if !known {
			continue
		}
		if named == nil {
			named = slices.Clone(vm.Config.Hardware.Device)
		}
		fresh := *old
		fresh.VDiskId = &id
		named[i] = &fresh
	}
	return named
}

// isKept tells a first class disk that outlives its VM (its control flag keepAfterDeleteVm).
func (vc *VCenter) isKept(ctx *simulator.Context, at place) bool {
	m := vc.catalog()
	kept := false
	m.locked(ctx, func() {
		known, found := m.at(at)
		kept = found && isTrue(known.Config.KeepAfterDeleteVm)
	})
	return kept
}
