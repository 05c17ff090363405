package vcenter

import (
	"bytes"
	"fmt"
	"os"
	"path"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/disk"
)

// A VM's .vmx tells what the VM is, in lines of key = "value", so that it can be registered again (Folder.RegisterVM_Task).
// vcsim's are empty. The keys are those that hosts write; what no task of ours reads is not in it.

// vmxText collects the lines of a .vmx.
type vmxText struct{ bytes.Buffer }

// escapes are the characters that a value can't have: |22 is a quote (as hosts write them).
var escapes = strings.NewReplacer(`|`, "|7C", `"`, "|22", "\n", "|0A", "\r", "|0D")

func (t *vmxText) set(key string, value any) {
	fmt.Fprintf(t, "%s = \"%s\"\n", key, escapes.Replace(fmt.Sprint(value)))
}

// writeVMX brings a VM's .vmx up to date. One that somebody deleted is not made again. The VM's lock is held.
func (vc *VCenter) writeVMX(vm *simulator.VirtualMachine) {
	s, name, fault := vc.locate(vc.datacenterOf(vm), vm.Config.Files.VmPathName)
	if fault != nil {
		return
	}
	at := place{s, name}
	before, err := os.ReadFile(at.file())
	text := vc.vmx(at, vm)
	if err != nil || bytes.Equal(before, text) {
		return
	}
	if os.WriteFile(at.file(), text, 0o600) == nil {
		s.account.Replace(name, map[string]int64{name: int64(len(text))})
	}
}

// vmx gives the text of a VM's .vmx.
func (vc *VCenter) vmx(at place, vm *simulator.VirtualMachine) []byte {
	config := vm.Config
	t := new(vmxText)
	t.set(".encoding", "UTF-8")
	t.set("config.version", 8)
	t.set("virtualHW.version", strings.TrimPrefix(config.Version, "vmx-"))
	t.set("displayName", config.Name)
	t.set("guestOS", config.GuestId)
	t.set("uuid.bios", disk.SpacedUUID(config.Uuid))
	t.set("vc.uuid", disk.SpacedUUID(config.InstanceUuid))
	t.set("numvcpus", config.Hardware.NumCPU)
	t.set("memSize", config.Hardware.MemoryMB)
	if config.Annotation != "" {
		t.set("annotation", config.Annotation)
	}
	if isTrue(config.ChangeTrackingEnabled) {
		t.set("ctkEnabled", "TRUE")
	}
	buses := make(map[int32]string) // by the controller's key
	for _, device := range config.Hardware.Device {
		if name, model, is := busOf(device); is {
			buses[device.GetVirtualDevice().Key] = name
			t.bus(name, model, device)
		}
	}
	cards := 0
	for _, device := range config.Hardware.Device {
		d := device.GetVirtualDevice()
		unit := ""
		if bus := buses[d.ControllerKey]; bus != "" && d.UnitNumber != nil {
			unit = fmt.Sprintf("%s:%d", bus, *d.UnitNumber)
		}
		switch o := device.(type) {
		case *types.VirtualDisk:
			vc.vmxDisk(t, at, unit, o, vm)
		case *types.VirtualCdrom:
			vc.vmxImage(t, at, unit, "cdrom-image", o.Backing, vm)
		case *types.VirtualFloppy:
			vc.vmxImage(t, at, "floppy0", "file", o.Backing, vm)
		case types.BaseVirtualEthernetCard:
			t.card(fmt.Sprintf("ethernet%d", cards), o.GetVirtualEthernetCard(), device)
			cards++
		}
	}
	return t.Bytes()
}

// busOf gives a disk controller's name in a .vmx, and its model.
func busOf(device types.BaseVirtualDevice) (name, model string, is bool) {
	number := func(kind string) string {
		return fmt.Sprint(kind, device.(types.BaseVirtualController).GetVirtualController().BusNumber)
	}
	switch device.(type) {
	case *types.ParaVirtualSCSIController:
		return number("scsi"), "pvscsi", true
	case *types.VirtualLsiLogicSASController:
		return number("scsi"), "lsisas1068", true
	case *types.VirtualLsiLogicController:
		return number("scsi"), "lsilogic", true
	case *types.VirtualBusLogicController:
		return number("scsi"), "buslogic", true
	case *types.VirtualAHCIController:
		return number("sata"), "", true
	case *types.VirtualNVMEController:
		return number("nvme"), "", true
	case *types.VirtualIDEController:
		return number("ide"), "", true
	}
	return "", "", false
}

func (t *vmxText) bus(name, model string, device types.BaseVirtualDevice) {
	if strings.HasPrefix(name, "ide") {
		return // every VM has both
	}
	t.set(name+".present", "TRUE")
	if model != "" {
		t.set(name+".virtualDev", model)
	}
	if scsi, ok := device.(types.BaseVirtualSCSIController); ok {
		t.set(name+".sharedBus", vmxSharing[scsi.GetVirtualSCSIController().SharedBus])
	}
}

// vmxSharing gives a controller's sharing as a .vmx has it.
var vmxSharing = map[types.VirtualSCSISharing]string{
	types.VirtualSCSISharingNoSharing:       "none",
	types.VirtualSCSISharingVirtualSharing:  "virtual",
	types.VirtualSCSISharingPhysicalSharing: "physical",
	"":                                      "none",
}

func (vc *VCenter) vmxDisk(t *vmxText, home place, unit string, device *types.VirtualDisk, vm *simulator.VirtualMachine) {
	backing, ok := device.Backing.(types.BaseVirtualDeviceFileBackingInfo)
	if unit == "" || !ok {
		return
	}
	t.set(unit+".present", "TRUE")
	t.set(unit+".deviceType", "scsi-hardDisk")
	t.set(unit+".fileName", vc.vmxPath(home, backing.GetVirtualDeviceFileBackingInfo().FileName, vm))
	flat, ok := device.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
	if !ok {
		return
	}
	if mode := strings.ReplaceAll(flat.DiskMode, "_", "-"); mode != "" && mode != string(types.VirtualDiskModePersistent) {
		t.set(unit+".mode", mode)
	}
	if flat.Sharing == string(types.VirtualDiskSharingSharingMultiWriter) {
		t.set(unit+".sharing", "multi-writer")
	}
}

func (vc *VCenter) vmxImage(t *vmxText, home place, unit, kind string, backing types.BaseVirtualDeviceBackingInfo, vm *simulator.VirtualMachine) {
	file, ok := backing.(types.BaseVirtualDeviceFileBackingInfo)
	if unit == "" || !ok {
		return
	}
	t.set(unit+".present", "TRUE")
	if unit == "floppy0" {
		t.set(unit+".fileType", kind)
	} else {
		t.set(unit+".deviceType", kind)
	}
	t.set(unit+".fileName", vc.vmxPath(home, file.GetVirtualDeviceFileBackingInfo().FileName, vm))
}

// vmxPath names a file as a .vmx does: by its name in the VM's own folder, elsewhere by the volume's path.
func (vc *VCenter) vmxPath(home place, name string, vm *simulator.VirtualMachine) string {
	s, at, fault := vc.locate(vc.datacenterOf(vm), name)
	switch {
	case fault != nil:
		return name
	case s == home.store && path.Dir(at) == path.Dir(home.name):
		return path.Base(at)
	}
	return disk.VolumePath(s.ref.Value, at)
}

// card writes a network card.
func (t *vmxText) card(name string, card *types.VirtualEthernetCard, device types.BaseVirtualDevice) {
	t.set(name+".present", "TRUE")
	switch device.(type) {
	case *types.VirtualE1000:
		t.set(name+".virtualDev", "e1000")
	case *types.VirtualE1000e:
		t.set(name+".virtualDev", "e1000e")
	default:
		t.set(name+".virtualDev", "vmxnet3")
	}
	if network, ok := card.Backing.(*types.VirtualEthernetCardNetworkBackingInfo); ok {
		t.set(name+".networkName", network.DeviceName)
	}
	t.set(name+".addressType", card.AddressType)
	t.set(name+".generatedAddress", card.MacAddress)
}
