package vcenter

import (
	"errors"
	"io/fs"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/disk"
)

// adopt makes what vcsim wrote about a VM true: vcsim's descriptors have no UUID and no type, its extents are empty
// files, and the sizes in layoutEx are those of the empty files.
func (vc *VCenter) adopt(ctx *simulator.Context, vm *simulator.VirtualMachine) (err error) {
	ctx.WithLock(vm, func() {
		for _, device := range disksOf(vm) {
			if err = vc.adoptDisk(vm, device); err != nil {
				return
			}
		}
		ctx.Update(vm, append(vc.measure(vm), missingStates...))
	})
	return err
}

// missingStates are enumerations that vcsim leaves empty. pyVmomi can't read vm.runtime or vm.summary with them.
var missingStates = []types.PropertyChange{
	{Name: "runtime.faultToleranceState", Val: types.VirtualMachineFaultToleranceStateNotConfigured},
	{Name: "runtime.recordReplayState", Val: types.VirtualMachineRecordReplayStateInactive},
	{Name: "summary.runtime.faultToleranceState", Val: types.VirtualMachineFaultToleranceStateNotConfigured},
	{Name: "summary.runtime.recordReplayState", Val: types.VirtualMachineRecordReplayStateInactive},
}

// adoptDisk gives a disk that vcsim made the descriptor that its device describes.
func (vc *VCenter) adoptDisk(vm *simulator.VirtualMachine, device *types.VirtualDisk) error {
	backing, ok := device.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
	if !ok {
		return nil // a raw device mapping, say: it has no descriptor of ours
	}
	s, name, fault := vc.locate(vc.datacenterOf(vm), backing.FileName)
	if fault != nil {
		return nil // on a datastore that is gone
	}
	file := s.file(name)
	known, err := disk.Read(file)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, disk.ErrNotDescriptor):
		return nil
	case err != nil:
		return err
	case known.IsDelta():
		if chain, fault := vc.chainOf(place{s, name}); fault == nil {
			*backing = *backingOf(chain, *backing)
		}
		return nil
	case known.UUID != "" && known.CapacityBytes == device.CapacityInBytes:
		backing.Uuid = known.UUID
		return nil
	}

	known.CapacityBytes = device.CapacityInBytes
	known.Kind = disk.Thick
	if isTrue(backing.ThinProvisioned) {
		known.Kind = disk.Thin
	} else if isTrue(backing.EagerlyScrub) {
		known.Kind = disk.Eager
	}
	if known.UUID == "" {
		known.WrittenBytes = known.CapacityBytes / 2 // as a scenario's disk that says nothing of it
		known.UUID = disk.NewUUID("")
	}
	backing.Uuid = known.UUID
	return disk.Write(file, known)
}

// disksOf gives a VM's virtual disks. The VM's lock is held.
func disksOf(vm *simulator.VirtualMachine) []*types.VirtualDisk {
	var disks []*types.VirtualDisk
	for _, device := range vm.Config.Hardware.Device {
		if d, ok := device.(*types.VirtualDisk); ok {
			disks = append(disks, d)
		}
	}
	return disks
}

// datacenterOf gives the datacenter of a VM.
func (vc *VCenter) datacenterOf(vm *simulator.VirtualMachine) types.ManagedObjectReference {
	if dc := vc.parent(vm, "Datacenter"); dc != nil {
		return dc.Reference()
	}
	return types.ManagedObjectReference{}
}

func isTrue(flag *bool) bool { return flag != nil && *flag }
