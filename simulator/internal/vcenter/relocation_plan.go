package vcenter

import (
	"path"
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/disk"
)

// planRelocation reads a RelocateSpec, or gives the fault that refuses it. The VM's lock is held.
func (op *operation) planRelocation(vm *simulator.VirtualMachine, spec types.VirtualMachineRelocateSpec) (*relocation, types.BaseMethodFault) {
	vc := op.vc
	r := &relocation{vm: vm, name: vm.Name, datacenter: vc.datacenterOf(vm)}

	homeStore, homeName, fault := vc.locate(r.datacenter, vm.Config.Files.VmPathName)
	if fault != nil {
		return nil, fault
	}
	r.home = homeMove{from: homeStore, to: homeStore, fromDir: path.Dir(homeName), toDir: path.Dir(homeName)}
	if spec.Datastore != nil {
		if r.home.to = vc.store(*spec.Datastore); r.home.to == nil {
			return nil, &types.ManagedObjectNotFound{Obj: *spec.Datastore}
		}
	}
	if r.home.fromDir == "." {
		return nil, new(types.NotSupported) // no folder of its own: its files can't be told from others
	}

	lies := []*store{r.home.to} // where the VM lies afterwards
	disks := disksOf(vm)
	for _, locator := range spec.Disk {
		known := slices.ContainsFunc(disks, func(d *types.VirtualDisk) bool { return d.Key == locator.DiskId })
		if !known {
			return nil, &types.InvalidArgument{InvalidProperty: "spec.disk.diskId"}
		}
	}
	for _, device := range disks {
		move, fault := vc.planDisk(r, device, spec)
		if fault != nil {
			return nil, fault
		}
		if move != nil {
			r.disks = append(r.disks, move)
			lies = append(lies, move.to)
		} else if s := vc.storeOf(r.datacenter, device); s != nil {
			lies = append(lies, s)
		}
	}
	if vm.Config.Template && (r.home.moves() || len(r.disks) > 0) {
		return nil, new(types.NotSupported) // VirtualMachineRelocateSpec: a template's datastore does not change
	}
	if r.compute, fault = op.planCompute(vm, spec, lies); fault != nil {
		return nil, fault
	}
	return r, nil
}

// planDisk says where a disk goes; nil if it stays.
func (vc *VCenter) planDisk(r *relocation, device *types.VirtualDisk, spec types.VirtualMachineRelocateSpec) (*diskMove, types.BaseMethodFault) {
	backing, flat := device.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
	var from *store
	var name string
	if flat {
		var fault types.BaseMethodFault
		if from, name, fault = vc.locate(r.datacenter, backing.FileName); fault != nil {
			return nil, fault
		}
	}

	to := from
	if spec.Datastore != nil {
		to = r.home.to
	}
	moveType, format := spec.DiskMoveType, types.BaseVirtualDeviceBackingInfo(nil)
	for _, locator := range spec.Disk {
		if locator.DiskId != device.Key {
			continue
		}
		if to = vc.store(locator.Datastore); to == nil {
			return nil, &types.ManagedObjectNotFound{Obj: locator.Datastore}
		}
		format = locator.DiskBackingInfo
		if locator.DiskMoveType != "" {
			moveType = locator.DiskMoveType
		}
	}

	label := device.DeviceInfo.GetDescription().Label
	switch {
	case to == from:
		return nil, nil
	case !flat:
		return nil, &types.DeviceNotSupported{Device: label}
	case backing.Parent != nil:
		// Backing chains come with the snapshots' own files, which vcsim does not make yet.
		return nil, &types.CannotMoveVmWithDeltaDisk{Device: label}
	case moveType == string(types.VirtualMachineRelocateDiskMoveOptionsCreateNewChildDiskBacking):
		return nil, &types.DiskMoveTypeNotSupported{}
	}

	after, err := disk.Read(from.file(name))
	if err != nil {
		return nil, fileFault(backing.FileName, err)
	}
	if wanted, ok := format.(*types.VirtualDiskFlatVer2BackingInfo); ok {
		after.Kind = kindOf(wanted)
	}
	toName := path.Join(r.name, path.Base(name)) // until makePlaces knows better
	return &diskMove{key: device.Key, from: from, to: to, fromName: name, toName: toName, after: after}, nil
}

// kindOf reads how a backing takes space (VirtualDiskFlatVer2BackingInfo: thinProvisioned, eagerlyScrub).
func kindOf(backing *types.VirtualDiskFlatVer2BackingInfo) disk.Kind {
	switch {
	case isTrue(backing.ThinProvisioned):
		return disk.Thin
	case isTrue(backing.EagerlyScrub):
		return disk.Eager
	}
	return disk.Thick
}

// storeOf gives the datastore of a disk; nil if it is not on one.
func (vc *VCenter) storeOf(datacenter types.ManagedObjectReference, device *types.VirtualDisk) *store {
	backing, ok := device.Backing.(types.BaseVirtualDeviceFileBackingInfo)
	if !ok {
		return nil
	}
	s, _, _ := vc.locate(datacenter, backing.GetVirtualDeviceFileBackingInfo().FileName)
	return s
}
