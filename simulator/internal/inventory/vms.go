package inventory

import (
	"fmt"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
	"golang.org/x/sync/errgroup"

	"vrelocate/simulator/internal/disk"
	"vrelocate/simulator/internal/scenario"
)

// sideBySide is how many VMs are made at once. Each waits in a 10 ms poll of vcsim for its task's end, so one after
// another 2,000 VMs would take 32 s of which the processor works for two.
const sideBySide = 64

// vms makes a datacenter's VMs.
func (b *builder) vms(place *placement) error {
	var making errgroup.Group
	making.SetLimit(sideBySide)
	for n := range place.dc.VMs {
		vm := &place.dc.VMs[n]
		making.Go(func() error {
			if err := b.vm(place, vm, n); err != nil {
				return fmt.Errorf("vm %q: %w", vm.Name, err)
			}
			return nil
		})
	}
	return making.Wait()
}

// vm makes the n-th VM: its disks' files first, then the VM around them.
func (b *builder) vm(place *placement, vm *scenario.VM, n int) error {
	home := object.DatastorePath{Datastore: vm.Datastore, Path: vm.Name + "/" + vm.Name + ".vmx"}
	config := types.VirtualMachineConfigSpec{
		Name:     vm.Name,
		GuestId:  string(types.VirtualMachineGuestOsIdentifierOtherLinux64Guest),
		NumCPUs:  vm.CPUs,
		MemoryMB: int64(vm.Memory >> 20),
		Files:    &types.VirtualMachineFileInfo{VmPathName: home.String()},
	}
	devices, err := b.devices(place, vm)
	if err != nil {
		return err
	}
	if config.DeviceChange, err = devices.ConfigSpec(types.VirtualDeviceConfigSpecOperationAdd); err != nil {
		return err
	}
	for _, change := range config.DeviceChange {
		change.GetVirtualDeviceConfigSpec().FileOperation = "" // the disks are there already
	}

	runners := place.dc.Runners(vm)
	host := place.hosts[runners[n%len(runners)]].Reference()
	ref, err := b.do(func() (types.ManagedObjectReference, error) {
		res, err := methods.CreateVM_Task(b.ctx, b.client, &types.CreateVM_Task{
			This:   place.folder.Reference(),
			Config: config,
			Pool:   place.pools[vm.Cluster].Reference(),
			Host:   &host,
		})
		if err != nil {
			return types.ManagedObjectReference{}, err
		}
		return res.Returnval, nil
	})
	if err != nil {
		return err
	}
	b.built.wantTags(ref, vm.Tags)
	if !vm.Running {
		return nil
	}
	_, err = b.do(func() (types.ManagedObjectReference, error) {
		res, err := methods.PowerOnVM_Task(b.ctx, b.client, &types.PowerOnVM_Task{This: ref})
		if err != nil {
			return types.ManagedObjectReference{}, err
		}
		return res.Returnval, nil
	})
	return err
}

// do starts a task, waits for its end and gives its result if that is a reference.
func (b *builder) do(start func() (types.ManagedObjectReference, error)) (types.ManagedObjectReference, error) {
	ref, err := start()
	if err != nil {
		return ref, err
	}
	task := b.registry.Get(ref).(*simulator.Task)
	task.Wait()
	if task.Info.Error != nil {
		return ref, fmt.Errorf("%T: %s", task.Info.Error.Fault, task.Info.Error.LocalizedMessage)
	}
	result, _ := task.Info.Result.(types.ManagedObjectReference)
	return result, nil
}

// The keys and the bus unit that vCenter gives to a VM's first devices.
const (
	pciController   = 100
	firstController = 1000
	firstDisk       = 2000
	firstCard       = 4000
	firstCardUnit   = 7
)

// devices gives a SCSI controller with the scenario's disks, and a network card.
func (b *builder) devices(place *placement, vm *scenario.VM) (object.VirtualDeviceList, error) {
	scsi := &types.ParaVirtualSCSIController{}
	scsi.Key = firstController
	scsi.SharedBus = types.VirtualSCSISharingNoSharing
	devices := object.VirtualDeviceList{scsi}
	for i, d := range vm.Disks {
		path := object.DatastorePath{Datastore: d.Datastore, Path: vm.Name + "/" + diskName(vm.Name, i)}
		if err := writeDisk(place, path, d.Size, d.Used, d.Kind); err != nil {
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
		devices = append(devices, device)
	}
	return append(devices, networkCard()), nil
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
