package vcenter

import (
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/simulator/esx"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/disk"
)

// makeClone puts a VM around the disks. vcsim makes it, as it does itself when it clones: by a CreateVM_Task of its own,
// which a real vCenter does not show.
func (op *operation) makeClone(c *cloning) (ref types.ManagedObjectReference, fault types.BaseMethodFault) {
	config := types.VirtualMachineConfigSpec{
		Name:              c.name,
		Version:           c.config.Version,
		GuestId:           c.config.GuestId,
		Annotation:        c.config.Annotation,
		Firmware:          c.config.Firmware,
		NumCPUs:           c.config.Hardware.NumCPU,
		NumCoresPerSocket: c.config.Hardware.NumCoresPerSocket,
		MemoryMB:          int64(c.config.Hardware.MemoryMB),
		Files:             &types.VirtualMachineFileInfo{VmPathName: c.home.join(c.name + ".vmx").url()},
	}
	usual, devices := object.VirtualDeviceList(esx.VirtualDevice), object.VirtualDeviceList(c.config.Hardware.Device)
	for _, device := range devices {
		if usual.Find(devices.Name(device)) != nil {
			continue // every VM gets it
		}
		c.adapt(device)
		config.DeviceChange = append(config.DeviceChange, &types.VirtualDeviceConfigSpec{
			Operation: types.VirtualDeviceConfigSpecOperationAdd,
			Device:    device,
		})
	}
	var res soap.HasFault
	asked := op.vc.newContext() // vcsim's task goes on with it: with ours, no lock of the task would keep us out
	asked.WithLock(c.folder, func() {
		res = c.folder.CreateVMTask(asked, &types.CreateVM_Task{This: c.folder.Self, Config: config, Pool: c.pool, Host: &c.host})
	})
	body, ok := res.(*methods.CreateVM_TaskBody)
	if !ok || body.Res == nil {
		return ref, faultOf(res)
	}
	result, fault := op.ended(body.Res.Returnval)
	if fault != nil {
		return ref, fault
	}
	return result.(types.ManagedObjectReference), nil
}

// adapt makes a device of the source one of the clone: disks are the clone's own, and network cards have other addresses
// unless they were set by hand.
func (c *cloning) adapt(device types.BaseVirtualDevice) {
	if card, ok := device.(types.BaseVirtualEthernetCard); ok {
		if nic := card.GetVirtualEthernetCard(); nic.AddressType != string(types.VirtualEthernetCardMacTypeManual) {
			nic.MacAddress = ""
		}
		return
	}
	for _, d := range c.disks {
		if types.BaseVirtualDevice(d.device) != device {
			continue
		}
		backing := d.device.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
		ref := d.to.store.ref
		backing.FileName, backing.Datastore, backing.Uuid = d.to.url(), &ref, d.after.UUID
		backing.ThinProvisioned = types.NewBool(d.after.Kind == disk.Thin)
		backing.EagerlyScrub = types.NewBool(d.after.Kind == disk.Eager)
		backing.Parent = nil // told when the VM is adopted
		d.device.VDiskId = nil
	}
}

// finishClone does what a spec asks for besides: changes of the configuration, a template, power.
func (op *operation) finishClone(c *cloning, ref types.ManagedObjectReference) types.BaseMethodFault {
	clone, ok := op.vc.registry.Get(ref).(*simulator.VirtualMachine)
	if !ok {
		return &types.ManagedObjectNotFound{Obj: ref}
	}
	ours := &VirtualMachine{VirtualMachine: clone, vc: op.vc}
	asked := op.vc.newContext()
	if spec := c.changes(); spec != nil {
		var res soap.HasFault
		asked.WithLock(clone, func() { res = ours.ReconfigVMTask(asked, &types.ReconfigVM_Task{This: ref, Spec: *spec}) })
		body, ok := res.(*methods.ReconfigVM_TaskBody)
		if !ok || body.Res == nil {
			return faultOf(res)
		}
		if _, fault := op.ended(body.Res.Returnval); fault != nil {
			return fault
		}
	}
	if c.spec.Template {
		op.ctx.WithLock(clone, func() { clone.MarkAsTemplate(&types.MarkAsTemplate{This: ref}) })
		return nil // "this flag is ignored if a template is being created"
	}
	if c.spec.PowerOn {
		var res soap.HasFault
		asked.WithLock(clone, func() { res = ours.PowerOnVMTask(asked, &types.PowerOnVM_Task{This: ref}) })
		body, ok := res.(*methods.PowerOnVM_TaskBody)
		if !ok || body.Res == nil {
			return faultOf(res)
		}
		_, fault := op.ended(body.Res.Returnval)
		return fault
	}
	return nil
}

// changes gives what is to be reconfigured in the clone; nil for nothing.
func (c *cloning) changes() *types.VirtualMachineConfigSpec {
	if c.spec.Config == nil && len(c.spec.Location.DeviceChange) == 0 {
		return nil
	}
	spec := new(types.VirtualMachineConfigSpec)
	if c.spec.Config != nil {
		*spec = *c.spec.Config
	}
	spec.Name = "" // the clone has the name that it was asked for with
	spec.DeviceChange = append(append([]types.BaseVirtualDeviceConfigSpec(nil), c.spec.Location.DeviceChange...), spec.DeviceChange...)
	return spec
}
