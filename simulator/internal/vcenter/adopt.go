package vcenter

import (
	"fmt"
	"reflect"
	"runtime"
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
	"golang.org/x/sync/errgroup"

	"vrelocate/simulator/internal/disk"
)

// adopt makes what vcsim wrote about a VM true: vcsim's descriptors have no UUID and no type, its extents are empty
// files, and the sizes in layoutEx are those of the empty files.
func (vc *VCenter) adopt(ctx *simulator.Context, vm *simulator.VirtualMachine) error {
	return vc.adoptWritten(ctx, vm, 0)
}

// adoptAll adopts all VMs that are there from the start, then counts what each datastore holds, on all processors.
func (vc *VCenter) adoptAll(growing *uncommitted) error {
	var adopting errgroup.Group
	adopting.SetLimit(runtime.NumCPU())
	for _, entity := range vc.registry.All("VirtualMachine") {
		vm := entity.(*simulator.VirtualMachine)
		adopting.Go(func() error {
			ctx := vc.newContext()
			vc.powered.set(vm.Self, vm.Runtime.PowerState)
			if err := vc.adoptModel(ctx, vm); err != nil {
				return fmt.Errorf("vm %q: %w", vm.Name, err)
			}
			vc.adoptSnapshots(ctx, vm)
			growing.count(vm.Self, vm.Storage.PerDatastoreUsage)
			return nil
		})
	}
	if err := adopting.Wait(); err != nil {
		return err
	}
	for _, s := range vc.stores {
		adopting.Go(func() error {
			if err := s.scan(""); err != nil {
				return fmt.Errorf("datastore %q: %w", s.name, err)
			}
			vc.publish(vc.newContext(), s)
			return nil
		})
	}
	return adopting.Wait()
}

// adoptModel adopts a VM that is there from the start. Half of its disks is written, as of a scenario's disk that says
// nothing of it.
func (vc *VCenter) adoptModel(ctx *simulator.Context, vm *simulator.VirtualMachine) error {
	err := vc.adoptWritten(ctx, vm, 50)
	ctx.WithLock(vm, func() {
		if hasImage(vm) { // vcsim knows of disks alone
			vc.relistDatastores(ctx, vm)
		}
	})
	return err
}

// hasImage tells whether a drive of a VM has an image. The VM's lock is held.
func hasImage(vm *simulator.VirtualMachine) bool {
	return slices.ContainsFunc(vm.Config.Hardware.Device, func(device types.BaseVirtualDevice) bool {
		_, isDisk := device.(*types.VirtualDisk)
		_, isFile := device.GetVirtualDevice().Backing.(types.BaseVirtualDeviceFileBackingInfo)
		return isFile && !isDisk
	})
}

func (vc *VCenter) adoptWritten(ctx *simulator.Context, vm *simulator.VirtualMachine, percent int64) (err error) {
	ctx.WithLock(vm, func() {
		vc.restore(ctx, vm)
		vc.deleteLeft(ctx, vm)
		devices := slices.Clone(vm.Config.Hardware.Device)
		datacenter := vc.datacenterOf(vm)
		for i, device := range devices {
			old, isDisk := device.(*types.VirtualDisk)
			if !isDisk {
				continue
			}
			adopted, failed := vc.adoptDisk(datacenter, old, percent)
			if failed != nil {
				err = failed
				return
			}
			devices[i] = adopted
		}
		if !slices.Equal(devices, vm.Config.Hardware.Device) {
			ctx.Update(vm, []types.PropertyChange{{Name: "config.hardware.device", Val: devices}})
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

// adoptDisk gives a device that tells of its disk as its files do; the same device if it did so before. A disk that
// vcsim made gets the descriptor that the device describes.
func (vc *VCenter) adoptDisk(datacenter types.ManagedObjectReference, device *types.VirtualDisk, percent int64) (*types.VirtualDisk, error) {
	backing, ok := device.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
	if !ok {
		return device, nil // a raw device mapping, say: it has no descriptor of ours
	}
	s, name, fault := vc.locate(datacenter, backing.FileName)
	if fault != nil {
		return device, nil // on a datastore that is gone
	}
	at := place{s, name}
	chain, fault := vc.chainOf(at)
	if len(chain) > 0 && chain[0].disk.UUID == "" {
		fresh := &chain[0].disk
		fresh.UUID = disk.NewUUID("")
		fresh.CapacityBytes = device.CapacityInBytes
		fresh.WrittenBytes = fresh.CapacityBytes * percent / 100
		fresh.Kind = kindOf(backing)
		if err := disk.Write(at.file(), *fresh); err != nil {
			return device, err
		}
	}
	if fault != nil {
		return device, nil // it is no disk of ours, or a parent is gone
	}
	return toldBy(device, backing, chain), nil
}

// toldBy gives a device that tells of a disk as its chain does. It is a copy, unless nothing is to change: readers may
// still be encoding the old one.
func toldBy(device *types.VirtualDisk, backing *types.VirtualDiskFlatVer2BackingInfo, chain []link) *types.VirtualDisk {
	told := *device
	told.CapacityInBytes = chain[0].disk.CapacityBytes
	told.CapacityInKB = told.CapacityInBytes >> 10
	fresh := backingOf(chain, *backing)
	told.Backing = fresh
	if reflect.DeepEqual(fresh, backing) && told.CapacityInBytes == device.CapacityInBytes {
		return device
	}
	if description := device.DeviceInfo; description != nil {
		told.DeviceInfo = &types.Description{
			Label:   description.GetDescription().Label,
			Summary: fmt.Sprintf("%d KB", told.CapacityInKB),
		}
	}
	return &told
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
