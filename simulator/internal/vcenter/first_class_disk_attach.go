package vcenter

import (
	"slices"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/disk"
)

// AttachDiskTask gives a VM a first class disk: a device with the disk's ID for its vDiskId, on the controller that is
// asked for, or on the only one with room; vcsim writes down that the disk has a consumer and leaves the VM as it is.
// (VirtualMachine.AttachDisk_Task: "if there are multiple SCSI or SATA controllers available, user must specify the
// controller; if there is no available controllers, a MissingController fault will be thrown".)
func (vm *VirtualMachine) AttachDiskTask(ctx *simulator.Context, req *types.AttachDisk_Task) soap.HasFault {
	body := new(methods.AttachDisk_TaskBody)
	m := vm.vc.catalog()
	ref, fault := vm.reconfigureIn(ctx, "AttachDisk_Task", "VirtualMachine.attachDisk", func(op *operation) types.BaseMethodFault {
		fcd, fault := m.reserve(op.ctx, vm.VirtualMachine, req.Datastore, req.DiskId)
		if fault != nil {
			return fault
		}
		if fault = op.attach(vm.VirtualMachine, fcd, req); fault != nil {
			m.locked(op.ctx, func() { delete(m.vc.consumers, req.DiskId) })
		}
		return fault
	})
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.AttachDisk_TaskResponse{Returnval: ref}
	return body
}

// DetachDiskTask takes a first class disk away from its VM; the disk stays.
func (vm *VirtualMachine) DetachDiskTask(ctx *simulator.Context, req *types.DetachDisk_Task) soap.HasFault {
	body := new(methods.DetachDisk_TaskBody)
	ref, fault := vm.reconfigureIn(ctx, "DetachDisk_Task", "VirtualMachine.detachDisk", func(op *operation) types.BaseMethodFault {
		return op.detach(vm.VirtualMachine, req.DiskId)
	})
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.DetachDisk_TaskResponse{Returnval: ref}
	return body
}

// reconfigureIn starts a task that reconfigures the VM.
func (vm *VirtualMachine) reconfigureIn(ctx *simulator.Context, method, id string, do func(op *operation) types.BaseMethodFault) (types.ManagedObjectReference, types.BaseMethodFault) {
	return vm.vc.start(ctx, job{
		entity: vm.VirtualMachine,
		id:     id,
		method: method,
		name:   vm.Name,
		claim:  vm.Self.String(),
		run:    func(op *operation) (types.AnyType, types.BaseMethodFault) { return nil, do(op) },
	})
}

// reserve gives a disk to a VM in the catalog, so that nobody else can have it or move it from here on.
func (m *VStorageObjectManager) reserve(ctx *simulator.Context, vm *simulator.VirtualMachine, datastore types.ManagedObjectReference, id types.ID) (firstClassDisk, types.BaseMethodFault) {
	fcd, fault := m.find(ctx, datastore, id)
	if fault != nil {
		return fcd, fault
	}
	taken := false
	m.locked(ctx, func() {
		if taken = m.consumerOf(id) != nil; !taken {
			m.vc.consumers[id] = vm.Self
		}
	})
	if taken {
		return fcd, new(types.InvalidState)
	}
	// A task that has the disk looks for a consumer when it has its claim; so one of both sees the other.
	if m.vc.claimed(fcd.at.url()) {
		m.locked(ctx, func() { delete(m.vc.consumers, id) })
		return fcd, fileLocked(fcd.at)
	}
	return fcd, nil
}

// attach makes the device.
func (op *operation) attach(vm *simulator.VirtualMachine, fcd firstClassDisk, req *types.AttachDisk_Task) types.BaseMethodFault {
	d, err := disk.Read(fcd.at.file())
	if err != nil {
		return fileFault(fcd.at.url(), err)
	}
	var device *types.VirtualDisk
	var fault types.BaseMethodFault
	op.ctx.WithLock(vm, func() { device, fault = newDevice(vm, fcd, d, req.ControllerKey, req.UnitNumber) })
	if fault != nil {
		return fault
	}
	return op.reconfigure(vm, types.VirtualDeviceConfigSpecOperationAdd, device)
}

// newDevice describes the device of a disk on a controller of a VM. The VM's lock is held.
func newDevice(vm *simulator.VirtualMachine, fcd firstClassDisk, d disk.Disk, controller int32, unit *int32) (*types.VirtualDisk, types.BaseMethodFault) {
	devices := object.VirtualDeviceList(vm.Config.Hardware.Device)
	on, fault := controllerFor(devices, controller)
	if fault != nil {
		return nil, fault
	}
	device := devices.CreateDisk(on, fcd.at.store.ref, fcd.at.url())
	if unit != nil {
		device.UnitNumber = unit
	}
	device.VDiskId = &types.ID{Id: fcd.Config.Id.Id}
	device.CapacityInBytes, device.CapacityInKB = d.CapacityBytes, d.CapacityBytes>>10
	backing := device.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
	backing.ThinProvisioned = types.NewBool(d.Kind == disk.Thin)
	backing.EagerlyScrub = types.NewBool(d.Kind == disk.Eager)
	backing.Uuid = d.UUID
	return device, nil
}

// maxUnits is how many disks a controller takes: a SCSI bus has 16 units, one of which is the controller's own.
const maxUnits = 15

// controllerFor gives the SCSI or SATA controller with a key; of key 0, the only one with room.
func controllerFor(devices object.VirtualDeviceList, key int32) (types.BaseVirtualController, types.BaseMethodFault) {
	var free []types.BaseVirtualController
	for _, device := range devices {
		switch device.(type) {
		case types.BaseVirtualSCSIController, types.BaseVirtualSATAController:
		default:
			continue
		}
		controller := device.(types.BaseVirtualController)
		on := devices.Select(func(d types.BaseVirtualDevice) bool {
			return d.GetVirtualDevice().ControllerKey == controller.GetVirtualController().Key
		})
		if wanted := key == 0 || key == controller.GetVirtualController().Key; wanted && len(on) < maxUnits {
			free = append(free, controller)
		}
	}
	switch {
	case len(free) == 0:
		return nil, &types.MissingController{InvalidDeviceSpec: types.InvalidDeviceSpec{
			InvalidVmConfig: types.InvalidVmConfig{Property: "controllerKey"}}}
	case len(free) > 1:
		return nil, &types.InvalidArgument{InvalidProperty: "controllerKey"}
	}
	return free[0], nil
}

// detach takes the device away.
func (op *operation) detach(vm *simulator.VirtualMachine, id types.ID) types.BaseMethodFault {
	var device *types.VirtualDisk
	op.ctx.WithLock(vm, func() {
		at := slices.IndexFunc(disksOf(vm), func(d *types.VirtualDisk) bool { return d.VDiskId != nil && *d.VDiskId == id })
		if at >= 0 {
			device = disksOf(vm)[at]
		}
	})
	if device == nil {
		return new(types.NotFound)
	}
	return op.reconfigure(vm, types.VirtualDeviceConfigSpecOperationRemove, device)
}

// reconfigure changes one device by a task of vcsim's: a vCenter shows one too, "Reconfigure virtual machine", beside
// the attaching. What it leaves is made true before it ends (vcsimTasks).
func (op *operation) reconfigure(vm *simulator.VirtualMachine, what types.VirtualDeviceConfigSpecOperation, device types.BaseVirtualDevice) types.BaseMethodFault {
	r := &reconfiguration{vc: op.vc, ctx: op.ctx, vm: vm, spec: types.VirtualMachineConfigSpec{
		DeviceChange: []types.BaseVirtualDeviceConfigSpec{&types.VirtualDeviceConfigSpec{Operation: what, Device: device}},
	}}
	var started *methods.ReconfigVM_TaskBody
	var fault types.BaseMethodFault
	op.ctx.WithLock(vm, func() {
		if fault = r.prepare(); fault != nil {
			r.undo()
			return
		}
		ownLists(op.ctx, vm)
		started = vm.ReconfigVMTask(op.ctx, &types.ReconfigVM_Task{This: vm.Self, Spec: r.spec}).(*methods.ReconfigVM_TaskBody)
	})
	if fault != nil {
		return fault
	}
	task := op.vc.registry.Get(started.Res.Returnval).(*simulator.Task)
	task.Wait()
	op.ctx.WithLock(task, func() {
		if failed := task.Info.Error; failed != nil {
			fault = failed.Fault
		}
	})
	return fault
}

// deviceOf gives the VM that has a disk, and the device's key.
func (m *VStorageObjectManager) deviceOf(ctx *simulator.Context, fcd firstClassDisk) (vm types.ManagedObjectReference, key int32, attached bool) {
	if fcd.consumer == nil {
		return vm, 0, false
	}
	consumer, ok := m.vc.registry.Get(*fcd.consumer).(*simulator.VirtualMachine)
	if !ok {
		return vm, 0, false
	}
	ctx.WithLock(consumer, func() {
		for _, device := range disksOf(consumer) {
			if device.VDiskId != nil && *device.VDiskId == fcd.Config.Id {
				vm, key, attached = consumer.Self, device.Key, true
			}
		}
	})
	return vm, key, attached
}
