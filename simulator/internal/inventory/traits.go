package inventory

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/disk"
	"vrelocate/simulator/internal/scenario"
)

// The places of a VM's drives: vcsim gives every VM an IDE and a Super-I/O controller with these keys.
const (
	ideController = 200
	sioController = 400
	firstDrive    = 3000
	firstFloppy   = 8000
)

// imageBytes is the size of an image that nobody else put on its datastore.
const imageBytes = 1 << 20

// drives gives a VM's drives with their images, which are made where they are missing.
func (b *builder) drives(place *placement, vm *scenario.VM) (object.VirtualDeviceList, error) {
	var drives object.VirtualDeviceList
	if vm.CDROM != "" {
		backing := new(types.VirtualCdromIsoBackingInfo)
		drive := &types.VirtualCdrom{VirtualDevice: driveAt(firstDrive, ideController, "CD/DVD drive 1")}
		drive.Backing = backing
		if err := b.image(place, vm.CDROM, &backing.VirtualDeviceFileBackingInfo); err != nil {
			return nil, err
		}
		drives = append(drives, drive)
	}
	if vm.Floppy != "" {
		backing := new(types.VirtualFloppyImageBackingInfo)
		drive := &types.VirtualFloppy{VirtualDevice: driveAt(firstFloppy, sioController, "Floppy drive 1")}
		drive.Backing = backing
		if err := b.image(place, vm.Floppy, &backing.VirtualDeviceFileBackingInfo); err != nil {
			return nil, err
		}
		drives = append(drives, drive)
	}
	return drives, nil
}

func driveAt(key, controller int32, label string) types.VirtualDevice {
	return types.VirtualDevice{
		Key: key, ControllerKey: controller, UnitNumber: types.NewInt32(0),
		DeviceInfo:  &types.Description{Label: label},
		Connectable: &types.VirtualDeviceConnectInfo{StartConnected: true, AllowGuestControl: true},
	}
}

// image names a drive's image and makes it if it is not there.
func (b *builder) image(place *placement, name string, backing *types.VirtualDeviceFileBackingInfo) error {
	var at object.DatastorePath
	at.FromString(name)
	dc := b.registry.Get(place.datacenter).(*simulator.Datacenter)
	ref := b.registry.FindByName(at.Datastore, dc.Datastore).Reference()
	backing.FileName, backing.Datastore = at.String(), &ref

	file := place.file(at)
	if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
		return err
	}
	image, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = image.Truncate(imageBytes)
	if closeErr := image.Close(); err == nil {
		err = closeErr
	}
	return err
}

// sharedBus gives a controller's sharing.
func sharedBus(vm *scenario.VM) types.VirtualSCSISharing {
	switch vm.SharedBus {
	case "virtual":
		return types.VirtualSCSISharingVirtualSharing
	case "physical":
		return types.VirtualSCSISharingPhysicalSharing
	}
	return types.VirtualSCSISharingNoSharing
}

// traitsOf gives a disk's device what the scenario says of it besides its file, and the file its content.
func (p *placement) traitsOf(device *types.VirtualDisk, d scenario.Disk, at object.DatastorePath) error {
	flat := device.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
	sharing := ""
	if d.Sharing == "multi-writer" {
		sharing = string(types.VirtualDiskSharingSharingMultiWriter)
	}
	flat.Sharing = sharing
	if d.Content != "" {
		return disk.Fill(p.file(at), d.Content)
	}
	if d.RDM == "" {
		return nil
	}
	// The mapping takes nothing of the datastore: the data is on the LUN.
	if err := disk.Write(p.file(at), disk.Disk{UUID: flat.Uuid, CapacityBytes: int64(d.Size), Kind: disk.Thin}); err != nil {
		return err
	}
	lun := flat.Uuid[len(flat.Uuid)-12:]
	device.Backing = &types.VirtualDiskRawDiskMappingVer1BackingInfo{
		VirtualDeviceFileBackingInfo: flat.VirtualDeviceFileBackingInfo,
		LunUuid:                      "0200000000" + lun,
		DeviceName:                   "vml.0200000000" + lun,
		CompatibilityMode:            string(d.RDM),
		DiskMode:                     string(types.VirtualDiskModePersistent),
		Uuid:                         flat.Uuid,
		Sharing:                      sharing,
	}
	return nil
}

// giveTraits makes a VM that was created what no CreateVM_Task makes it. The vCenter does not answer yet, so its objects
// can be changed.
func (b *builder) giveTraits(ref types.ManagedObjectReference, vm *scenario.VM) error {
	made := b.registry.Get(ref).(*simulator.VirtualMachine)
	if vm.ConsolidationNeeded {
		made.Runtime.ConsolidationNeeded = true
		made.Summary.Runtime.ConsolidationNeeded = true
	}
	if vm.Encrypted {
		key := &types.CryptoKeyId{KeyId: disk.NewUUID(vm.Name + " key"), ProviderId: &types.KeyProviderId{Id: "scenario"}}
		made.Config.KeyId = key
		for _, device := range made.Config.Hardware.Device {
			if flat, ok := device.GetVirtualDevice().Backing.(*types.VirtualDiskFlatVer2BackingInfo); ok {
				flat.KeyId = key
			}
		}
	}
	if vm.Template {
		if _, err := methods.MarkAsTemplate(b.ctx, b.client, &types.MarkAsTemplate{This: ref}); err != nil {
			return fmt.Errorf("vm %q: %w", vm.Name, err)
		}
	}
	return nil
}

// suspend suspends those of the VMs that run which the scenario has suspended.
func (b *builder) suspend(place *placement, running []pending) error {
	suspended := make(map[string]bool)
	for _, vm := range place.dc.VMs {
		suspended[vm.Name] = vm.Suspended
	}
	for _, p := range running {
		if !suspended[p.vm] {
			continue
		}
		vm := b.registry.Get(b.registry.Get(p.task).(*simulator.Task).Info.Entity.Reference())
		res, err := methods.SuspendVM_Task(b.ctx, b.client, &types.SuspendVM_Task{This: vm.Reference()})
		if err != nil {
			return fmt.Errorf("vm %q: %w", p.vm, err)
		}
		if _, err := b.ended(pending{p.vm, res.Returnval}); err != nil {
			return err
		}
	}
	return nil
}
