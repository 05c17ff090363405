package vcenter

import (
	"cmp"
	"errors"
	"os"
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/disk"
)

// change says what becomes of a disk, and how many of its bytes are zeroed for that.
type change func(d disk.Disk) (after disk.Disk, zeroes int64, fault types.BaseMethodFault)

// ExtendVirtualDiskTask makes a disk larger, never smaller. What is added is like the rest, zeroed at once where that is
// eagerZeroedThick, unless eagerZero says it: with true it is zeroed at once, of a thin disk too, with false it is not.
func (m *VirtualDiskManager) ExtendVirtualDiskTask(ctx *simulator.Context, req *types.ExtendVirtualDisk_Task) soap.HasFault {
	body := new(methods.ExtendVirtualDisk_TaskBody)
	ref, fault := m.onDisk(ctx, "extendVirtualDisk", req.Datacenter, req.Name,
		func(op *operation, at place) (types.AnyType, types.BaseMethodFault) {
			return req.Name, op.changeDisk(at, extended(req.NewCapacityKb<<10, req.EagerZero, "newCapacityKb"))
		})
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.ExtendVirtualDisk_TaskResponse{Returnval: ref}
	return body
}

// extended makes a disk larger. A capacity that does not fit is a fault of the given property.
func extended(capacity int64, eagerZero *bool, property string) change {
	return func(d disk.Disk) (disk.Disk, int64, types.BaseMethodFault) {
		growth := capacity - d.CapacityBytes
		if growth < 0 || capacity > maxFileBytes {
			return d, 0, &types.InvalidArgument{InvalidProperty: property}
		}
		d.CapacityBytes = capacity
		switch {
		case eagerZero == nil && d.Kind != disk.Eager:
			return d, 0, nil
		case eagerZero != nil && !*eagerZero:
			if d.Kind == disk.Eager && growth > 0 {
				d.Kind = disk.Thick // some of it is not zeroed any more
			}
			return d, 0, nil
		case d.Kind == disk.Thin:
			d.WrittenBytes += growth // zeros take space too
		}
		return d, growth, nil
	}
}

// InflateVirtualDiskTask gives a thin disk all of its space: "additional space allocated to the disk as a result of this
// operation will be filled with zeroes", so that it is eagerZeroedThick then (as vmkfstools --inflatedisk does it).
func (m *VirtualDiskManager) InflateVirtualDiskTask(ctx *simulator.Context, req *types.InflateVirtualDisk_Task) soap.HasFault {
	body := new(methods.InflateVirtualDisk_TaskBody)
	ref, fault := m.onDisk(ctx, "inflateVirtualDisk", req.Datacenter, req.Name,
		func(op *operation, at place) (types.AnyType, types.BaseMethodFault) {
			return nil, op.changeDisk(at, inflated)
		})
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.InflateVirtualDisk_TaskResponse{Returnval: ref}
	return body
}

func inflated(d disk.Disk) (disk.Disk, int64, types.BaseMethodFault) {
	if d.Kind != disk.Thin {
		return d, 0, nil // it has all of its space
	}
	d.Kind = disk.Eager
	return d, d.CapacityBytes - d.WrittenBytes, nil
}

// EagerZeroVirtualDiskTask: "explicitly zero out unaccessed parts of a zeroedthick disk. Effectively a no-op if the disk
// is already eagerZeroedThick." Of a thin disk there is nothing to zero.
func (m *VirtualDiskManager) EagerZeroVirtualDiskTask(ctx *simulator.Context, req *types.EagerZeroVirtualDisk_Task) soap.HasFault {
	body := new(methods.EagerZeroVirtualDisk_TaskBody)
	ref, fault := m.onDisk(ctx, "eagerZeroVirtualDisk", req.Datacenter, req.Name,
		func(op *operation, at place) (types.AnyType, types.BaseMethodFault) {
			return nil, op.changeDisk(at, func(d disk.Disk) (disk.Disk, int64, types.BaseMethodFault) {
				if d.Kind != disk.Thick {
					return d, 0, nil
				}
				d.Kind = disk.Eager
				return d, d.CapacityBytes - d.WrittenBytes, nil
			})
		})
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.EagerZeroVirtualDisk_TaskResponse{Returnval: ref}
	return body
}

// ZeroFillVirtualDiskTask: "overwrite all blocks of the virtual disk with zeros. All data will be lost."
func (m *VirtualDiskManager) ZeroFillVirtualDiskTask(ctx *simulator.Context, req *types.ZeroFillVirtualDisk_Task) soap.HasFault {
	body := new(methods.ZeroFillVirtualDisk_TaskBody)
	ref, fault := m.onDisk(ctx, "zeroFillVirtualDisk", req.Datacenter, req.Name,
		func(op *operation, at place) (types.AnyType, types.BaseMethodFault) {
			return nil, op.changeDisk(at, func(d disk.Disk) (disk.Disk, int64, types.BaseMethodFault) {
				// From the first zero on nothing can be had back, so the content goes at the start. What is left is as
				// long as the disk: a shorter extent is one that is still being uploaded.
				extent := disk.Extent(at.file())
				if err := cmp.Or(os.Truncate(extent, 0), os.Truncate(extent, d.CapacityBytes)); err != nil {
					return d, 0, fileFault(at.url(), err)
				}
				d.WrittenBytes = d.CapacityBytes
				if d.Kind == disk.Thick {
					d.Kind = disk.Eager
				}
				return d, d.CapacityBytes, nil
			})
		})
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.ZeroFillVirtualDisk_TaskResponse{Returnval: ref}
	return body
}

// ShrinkVirtualDiskTask: "shrink a sparse virtual disk", which is a hosted product's format of many extents. The disks
// of a datastore are flat, thin ones too, and there is nothing to shrink of them.
func (m *VirtualDiskManager) ShrinkVirtualDiskTask(ctx *simulator.Context, req *types.ShrinkVirtualDisk_Task) soap.HasFault {
	body := new(methods.ShrinkVirtualDisk_TaskBody)
	ref, fault := m.onDisk(ctx, "shrinkVirtualDisk", req.Datacenter, req.Name, unchanged)
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.ShrinkVirtualDisk_TaskResponse{Returnval: ref}
	return body
}

// DefragmentVirtualDiskTask: "defragment a sparse virtual disk", as of ShrinkVirtualDisk_Task.
func (m *VirtualDiskManager) DefragmentVirtualDiskTask(ctx *simulator.Context, req *types.DefragmentVirtualDisk_Task) soap.HasFault {
	body := new(methods.DefragmentVirtualDisk_TaskBody)
	ref, fault := m.onDisk(ctx, "defragmentVirtualDisk", req.Datacenter, req.Name, unchanged)
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.DefragmentVirtualDisk_TaskResponse{Returnval: ref}
	return body
}

// unchanged leaves a disk as it is; the disk must be there, and not be locked.
func unchanged(op *operation, at place) (types.AnyType, types.BaseMethodFault) {
	_, fault := op.openDisk(at)
	return nil, fault
}

// errDelta: what a delta shows is its parent's too, and of both it would be no longer true.
var errDelta = errors.New("the disk is a delta: consolidate it first")

// openDisk reads a disk that a task is about to change. It is no delta, and not locked.
func (op *operation) openDisk(at place) (disk.Disk, types.BaseMethodFault) {
	if fault := at.store.usable(); fault != nil {
		return disk.Disk{}, fault
	}
	d, err := disk.Read(at.file())
	if err != nil {
		return d, fileFault(at.url(), err)
	}
	if op.vc.inUse(op.ctx, at.store, at.name) {
		return d, fileLocked(at)
	}
	if d.IsDelta() {
		return d, fileFault(at.url(), errDelta)
	}
	return d, nil
}

// changeDisk takes the space and the time of a change, then makes it. A change that comes to nothing gives its space
// back.
func (op *operation) changeDisk(at place, to change) types.BaseMethodFault {
	before, fault := op.openDisk(at)
	if fault != nil {
		return fault
	}
	op.change(at.store, at.name)
	after, zeroes, fault := to(before)
	if fault != nil {
		return fault
	}
	if err := at.store.account.Set(at.name, after.AllocatedBytes()); err != nil {
		return noSpace(at.store, at.name)
	}
	op.vc.publish(op.ctx, at.store)
	fault = op.zero(at, zeroes)
	if fault == nil {
		err := disk.Write(at.file(), after)
		if err == nil {
			op.tellOwners(at, after)
			return nil
		}
		fault = fileFault(at.url(), err)
	}
	_ = at.store.account.Set(at.name, before.AllocatedBytes()) // less than it has: it fits
	op.vc.publish(op.ctx, at.store)
	return fault
}

// tellOwners makes the VMs that have a disk tell of it as it is now.
func (op *operation) tellOwners(at place, d disk.Disk) {
	for _, vm := range op.vc.ownersOf(op.ctx, at) {
		op.ctx.WithLock(vm, func() {
			op.ctx.Update(vm, []types.PropertyChange{{Name: "config.hardware.device", Val: changedDevices(vm, at, d)}})
			op.ctx.Update(vm, op.vc.measure(vm))
		})
	}
}

// changedDevices gives a VM's devices with one disk as it is now. They are copies: readers may still be encoding the old
// ones.
func changedDevices(vm *simulator.VirtualMachine, at place, d disk.Disk) []types.BaseVirtualDevice {
	devices := slices.Clone(vm.Config.Hardware.Device)
	for i, device := range devices {
		old, ok := device.(*types.VirtualDisk)
		if !ok {
			continue
		}
		flat, ok := old.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
		if !ok || flat.FileName != at.url() {
			continue
		}
		fresh, backing := *old, *flat
		fresh.CapacityInBytes, fresh.CapacityInKB = d.CapacityBytes, d.CapacityBytes>>10
		backing.ThinProvisioned = types.NewBool(d.Kind == disk.Thin)
		backing.EagerlyScrub = types.NewBool(d.Kind == disk.Eager)
		backing.Uuid = d.UUID
		fresh.Backing = &backing
		devices[i] = &fresh
	}
	return devices
}
