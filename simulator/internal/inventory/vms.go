package inventory

import (
	"fmt"
	"runtime"
	"sync/atomic"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
	"golang.org/x/sync/errgroup"

	"vrelocate/simulator/internal/disk"
	"vrelocate/simulator/internal/scenario"
)

// vms makes a datacenter's VMs: their disks' files, the VMs around them, then power for those that run.
//
// A task of vcsim is waited for in a 10 ms poll, so one VM after another would take 2,000 of them 20 s and more, of which
// the processor works for two. Nor is it faster to make many at once: they queue for the lock of their folder. So each
// is asked for without waiting, and the next call waits for the lock as long as it takes.
func (b *builder) vms(place *placement) error {
	creating := make([]pending, len(place.dc.VMs))
	create := func(n int, devices object.VirtualDeviceList) error {
		task, err := b.create(place, n, devices)
		if err != nil {
			return fmt.Errorf("vm %q: %w", place.dc.VMs[n].Name, err)
		}
		creating[n] = pending{place.dc.VMs[n].Name, task}
		return nil
	}
	if err := b.writeWhole(place, create); err != nil {
		return err
	}
	for n := range place.dc.VMs { // each after its source
		if place.dc.VMs[n].LinkedFrom == nil {
			continue
		}
		devices, err := b.write(place, n)
		if err != nil {
			return err
		}
		if err := create(n, devices); err != nil {
			return err
		}
	}
	made := make([]types.ManagedObjectReference, len(creating))
	for n, task := range creating {
		var err error
		if made[n], err = b.ended(task); err != nil {
			return err
		}
	}
	var powering []pending
	for n, vm := range made {
		b.built.wantTags(vm, place.dc.VMs[n].Tags)
		if err := b.takeSnapshots(vm, &place.dc.VMs[n]); err != nil {
			return err
		}
		if err := b.giveTraits(vm, &place.dc.VMs[n]); err != nil {
			return err
		}
		if !place.dc.VMs[n].Running && !place.dc.VMs[n].Suspended {
			continue
		}
		res, err := methods.PowerOnVM_Task(b.ctx, b.client, &types.PowerOnVM_Task{This: vm})
		if err != nil {
			return fmt.Errorf("vm %q: %w", creating[n].vm, err)
		}
		powering = append(powering, pending{creating[n].vm, res.Returnval})
	}
	for _, task := range powering {
		if _, err := b.ended(task); err != nil {
			return err
		}
	}
	return b.suspend(place, powering)
}

// writeWhole writes the disks of all VMs that share none, on all processors, and hands on each VM's devices, in the VMs'
// order, as soon as its disks are there.
func (b *builder) writeWhole(place *placement, then func(n int, devices object.VirtualDeviceList) error) error {
	vms := place.dc.VMs
	written := make([]chan object.VirtualDeviceList, len(vms))
	for n := range written {
		written[n] = make(chan object.VirtualDeviceList, 1)
	}
	writing, ctx := errgroup.WithContext(b.ctx)
	var next atomic.Int64
	for range runtime.NumCPU() {
		writing.Go(func() error {
			for n := next.Add(1) - 1; int(n) < len(vms) && ctx.Err() == nil; n = next.Add(1) - 1 {
				if vms[n].LinkedFrom != nil {
					continue
				}
				devices, err := b.write(place, int(n))
				if err != nil {
					return err
				}
				written[n] <- devices
			}
			return nil
		})
	}
	for n := range vms {
		if vms[n].LinkedFrom != nil {
			continue
		}
		select {
		case devices := <-written[n]:
			if err := then(n, devices); err != nil {
				next.Store(int64(len(vms))) // nothing more is written
				_ = writing.Wait()
				return err
			}
		case <-ctx.Done():
			return writing.Wait()
		}
	}
	return writing.Wait()
}

// write writes the disks of the n-th VM and gives its devices.
func (b *builder) write(place *placement, n int) (object.VirtualDeviceList, error) {
	vm := &place.dc.VMs[n]
	devices, err := b.devices(place, vm)
	if err != nil {
		return nil, fmt.Errorf("vm %q: %w", vm.Name, err)
	}
	return devices, nil
}

// create asks for the n-th VM and gives the task.
func (b *builder) create(place *placement, n int, devices object.VirtualDeviceList) (task types.ManagedObjectReference, err error) {
	vm := &place.dc.VMs[n]
	home := object.DatastorePath{Datastore: vm.Datastore, Path: vm.Name + "/" + vm.Name + ".vmx"}
	config := types.VirtualMachineConfigSpec{
		Name:    vm.Name,
		GuestId: string(types.VirtualMachineGuestOsIdentifierOtherLinux64Guest),
		NumCPUs: vm.CPUs,

		ChangeTrackingEnabled: types.NewBool(vm.ChangeTracking),
		MemoryMB:              int64(vm.Memory >> 20),
		Files:                 &types.VirtualMachineFileInfo{VmPathName: home.String()},
	}
	if config.DeviceChange, err = devices.ConfigSpec(types.VirtualDeviceConfigSpecOperationAdd); err != nil {
		return task, err
	}
	for _, change := range config.DeviceChange {
		change.GetVirtualDeviceConfigSpec().FileOperation = "" // the disks are there already
	}

	runners := place.dc.Runners(vm)
	host := place.hosts[runners[n%len(runners)]].Reference()
	res, err := methods.CreateVM_Task(b.ctx, b.client, &types.CreateVM_Task{
		This:   place.folder.Reference(),
		Config: config,
		Pool:   place.pools[vm.Cluster].Reference(),
		Host:   &host,
	})
	if err != nil {
		return task, err
	}
	return res.Returnval, nil
}

// pending is a task that works on a VM.
type pending struct {
	vm   string
	task types.ManagedObjectReference
}

// ended waits for a task's end and gives its result if that is a reference.
func (b *builder) ended(p pending) (result types.ManagedObjectReference, err error) {
	task := b.registry.Get(p.task).(*simulator.Task)
	task.Wait()
	if fault := task.Info.Error; fault != nil {
		return result, fmt.Errorf("vm %q: %T: %s", p.vm, fault.Fault, fault.LocalizedMessage)
	}
	result, _ = task.Info.Result.(types.ManagedObjectReference)
	return result, nil
}

// The keys and the bus unit that vCenter gives to a VM's first devices.
const (
	pciController   = 100
	firstController = 1000
	controllerUnit  = 7 // on its own bus, as of every SCSI controller
	firstDisk       = 2000
	firstCard       = 4000
	firstCardUnit   = 7
)

// devices gives a SCSI controller with the scenario's disks, and a network card.
func (b *builder) devices(place *placement, vm *scenario.VM) (object.VirtualDeviceList, error) {
	scsi := &types.ParaVirtualSCSIController{}
	scsi.Key = firstController
	scsi.ScsiCtlrUnitNumber = controllerUnit
	scsi.SharedBus = sharedBus(vm)
	devices := object.VirtualDeviceList{scsi}
	for i, d := range vm.Disks {
		path := diskPath(vm, i)
		if err := b.writeDisks(place, vm, i); err != nil {
			return nil, fmt.Errorf("disk %d: %w", i+1, err)
		}
		device := devices.CreateDisk(scsi, types.ManagedObjectReference{}, path.String())
		device.Key = firstDisk + int32(i)
		device.DeviceInfo = &types.Description{Label: fmt.Sprintf("Hard disk %d", i+1)}
		device.CapacityInBytes = int64(d.Size)
		device.CapacityInKB = int64(d.Size) >> 10
		backing := device.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
		backing.ThinProvisioned = types.NewBool(d.Kind == scenario.Thin)
		backing.EagerlyScrub = types.NewBool(d.Kind == scenario.Eager)
		backing.Uuid = disk.NewUUID(place.dc.Name + " " + path.String())
		if err := place.traitsOf(device, d, path); err != nil {
			return nil, fmt.Errorf("disk %d: %w", i+1, err)
		}
		devices = append(devices, device)
	}
	drives, err := b.drives(place, vm)
	return append(append(devices, drives...), networkCard()), err
}

// networkCard gives a card on the network that every host of vcsim has.
//
// It names its place on the PCI bus: vcsim would choose one and note the card down with the bus's controller, which all
// VMs share, so that every VM's device list would name the cards of all others.
func networkCard() types.BaseVirtualDevice {
	network := new(types.VirtualEthernetCardNetworkBackingInfo)
	network.DeviceName = "VM Network"
	card := new(types.VirtualVmxnet3)
	card.Key = firstCard
	card.ControllerKey = pciController
	card.UnitNumber = types.NewInt32(firstCardUnit)
	card.Backing = network
	card.AddressType = string(types.VirtualEthernetCardMacTypeGenerated)
	return card
}

// diskName gives the n-th disk of a VM the name that vCenter would.
func diskName(vm string, n int) string {
	if n == 0 {
		return vm + ".vmdk"
	}
	return fmt.Sprintf("%s_%d.vmdk", vm, n)
}
