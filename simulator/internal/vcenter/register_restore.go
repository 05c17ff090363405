package vcenter

import (
	"bufio"
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/disk"
)

// vmxFile is a .vmx that was read.
type vmxFile struct {
	at     place
	values map[string]string
	readAt time.Time
}

// vmxLife is how long a .vmx waits for the VM that it describes: a registration that vcsim refuses makes none.
const vmxLife = time.Minute

var unescape = strings.NewReplacer("|22", `"`, "|7C", `|`, "|0A", "\n", "|0D", "\r")

func parseVMX(at place, content []byte) *vmxFile {
	vmx := &vmxFile{at: at, values: make(map[string]string), readAt: time.Now()}
	lines := bufio.NewScanner(bytes.NewReader(content))
	for lines.Scan() {
		key, value, found := strings.Cut(lines.Text(), "=")
		if found {
			vmx.values[strings.TrimSpace(key)] = unescape.Replace(strings.Trim(strings.TrimSpace(value), `"`))
		}
	}
	return vmx
}

func (x *vmxFile) number(key string) int32 {
	n, _ := strconv.ParseInt(x.values[key], 10, 32)
	return int32(n)
}

func (x *vmxFile) is(key string) bool { return strings.EqualFold(x.values[key], "TRUE") }

// path gives where a file of the VM is, in vSphere's form.
func (x *vmxFile) path(vc *VCenter, name string) string {
	volume, file := disk.SplitVolumePath(name)
	if volume == "" {
		return x.at.store.url(path.Join(path.Dir(x.at.name), name))
	}
	if s := vc.store(types.ManagedObjectReference{Type: "Datastore", Value: volume}); s != nil {
		return s.url(file)
	}
	if s := vc.storeNamed(x.at.store.datacenter, volume); s != nil { // hosts know volumes by their names, too
		return s.url(file)
	}
	return fmt.Sprintf("[%s] %s", volume, file)
}

// restore makes a VM that is being registered what its .vmx says. vcsim has made one without devices of its own. The
// VM's lock is held.
func (vc *VCenter) restore(ctx *simulator.Context, vm *simulator.VirtualMachine) {
	vc.mu.Lock()
	vmx := vc.registering[vm.Config.Files.VmPathName]
	delete(vc.registering, vm.Config.Files.VmPathName)
	vc.mu.Unlock()
	if vmx == nil || time.Since(vmx.readAt) > vmxLife || vm.Config.CreateDate.Before(vmx.readAt) {
		return
	}
	vm.Config.ChangeTrackingEnabled = types.NewBool(vmx.is("ctkEnabled")) // no change can set a pointer to false
	var changes []types.PropertyChange
	text := func(value string, names ...string) {
		for _, name := range names {
			if value != "" {
				changes = append(changes, types.PropertyChange{Name: name, Val: value})
			}
		}
	}
	text(vmx.values["annotation"], "config.annotation", "summary.config.annotation")
	text(vmx.values["guestOS"], "config.guestId", "config.guestFullName", "summary.config.guestId", "summary.config.guestFullName")
	text(disk.DashedUUID(vmx.values["uuid.bios"]), "config.uuid", "summary.config.uuid")
	text(disk.DashedUUID(vmx.values["vc.uuid"]), "config.instanceUuid", "summary.config.instanceUuid")
	if cpus := vmx.number("numvcpus"); cpus > 0 {
		changes = append(changes, types.PropertyChange{Name: "config.hardware.numCPU", Val: cpus},
			types.PropertyChange{Name: "summary.config.numCpu", Val: cpus})
	}
	if memory := vmx.number("memSize"); memory > 0 {
		changes = append(changes, types.PropertyChange{Name: "config.hardware.memoryMB", Val: memory},
			types.PropertyChange{Name: "summary.config.memorySizeMB", Val: memory})
	}

	h := &hardware{vc: vc, vmx: vmx, list: slices.Clone(vm.Config.Hardware.Device)}
	h.restore()
	changes = append(changes,
		types.PropertyChange{Name: "config.hardware.device", Val: h.list},
		types.PropertyChange{Name: "summary.config.numVirtualDisks", Val: h.disks},
		types.PropertyChange{Name: "summary.config.numEthernetCards", Val: h.cards},
	)
	ctx.Update(vm, changes)
}

// hardware is a VM's devices as a .vmx describes them.
type hardware struct {
	vc           *VCenter
	vmx          *vmxFile
	list         []types.BaseVirtualDevice
	disks, cards int32
}

var (
	busKey  = regexp.MustCompile(`^(scsi|sata|nvme|ide)(\d+)\.present$`)
	unitKey = regexp.MustCompile(`^(scsi|sata|nvme|ide)(\d+):(\d+)\.present$`)
	cardKey = regexp.MustCompile(`^ethernet(\d+)\.present$`)
)

// The keys that a vCenter gives to controllers and to what hangs on them.
var keysOf = map[string]struct{ controller, device, units int32 }{
	"scsi": {1000, 2000, 16},
	"sata": {15000, 16000, 30},
	"nvme": {31000, 32000, 64},
	"ide":  {200, 3000, 2},
}

func (h *hardware) restore() {
	for _, key := range slices.SortedFunc(maps.Keys(h.vmx.values), natural) {
		if !h.vmx.is(key) {
			continue
		}
		if found := busKey.FindStringSubmatch(key); found != nil && found[1] != "ide" {
			h.controller(found[1], numberOf(found[2]))
		} else if found := unitKey.FindStringSubmatch(key); found != nil {
			h.unit(found[1], numberOf(found[2]), numberOf(found[3]))
		} else if cardKey.MatchString(key) {
			h.card(strings.TrimSuffix(key, ".present"))
		} else if key == "floppy0.present" && h.vmx.values["floppy0.fileType"] == "file" {
			h.floppy()
		}
	}
}

// natural puts scsi0 before scsi0:0, and scsi0:2 before scsi0:10.
func natural(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) }

func numberOf(digits string) int32 {
	n, _ := strconv.ParseInt(digits, 10, 32)
	return int32(n)
}

func (h *hardware) controller(kind string, bus int32) {
	var device types.BaseVirtualController
	name := fmt.Sprint(kind, bus)
	switch kind {
	case "sata":
		device = new(types.VirtualAHCIController)
	case "nvme":
		device = new(types.VirtualNVMEController)
	default:
		device = scsiController(h.vmx.values[name+".virtualDev"])
		for sharing, text := range vmxSharing {
			if sharing != "" && text == cmp.Or(h.vmx.values[name+".sharedBus"], "none") {
				device.(types.BaseVirtualSCSIController).GetVirtualSCSIController().SharedBus = sharing
			}
		}
	}
	c := device.GetVirtualController()
	c.Key, c.BusNumber = keysOf[kind].controller+bus, bus
	c.DeviceInfo = &types.Description{Label: fmt.Sprintf("%s controller %d", strings.ToUpper(kind), bus)}
	h.list = append(h.list, device.(types.BaseVirtualDevice))
}

func scsiController(model string) types.BaseVirtualController {
	switch model {
	case "pvscsi":
		return new(types.ParaVirtualSCSIController)
	case "lsisas1068":
		return new(types.VirtualLsiLogicSASController)
	case "buslogic":
		return new(types.VirtualBusLogicController)
	}
	return new(types.VirtualLsiLogicController)
}

// unit restores what hangs on a controller: a disk, or a CD-ROM with an image.
func (h *hardware) unit(kind string, bus, unit int32) {
	name := fmt.Sprintf("%s%d:%d", kind, bus, unit)
	keys := keysOf[kind]
	at := types.VirtualDevice{Key: keys.device + keys.units*bus + unit, ControllerKey: keys.controller + bus, UnitNumber: &unit}
	file := h.vmx.path(h.vc, h.vmx.values[name+".fileName"])
	if h.vmx.values[name+".deviceType"] == "cdrom-image" {
		at.DeviceInfo = &types.Description{Label: "CD/DVD drive 1", Summary: "ISO " + file}
		at.Backing = &types.VirtualCdromIsoBackingInfo{VirtualDeviceFileBackingInfo: h.file(file)}
		at.Connectable = &types.VirtualDeviceConnectInfo{StartConnected: true, AllowGuestControl: true}
		h.list = append(h.list, &types.VirtualCdrom{VirtualDevice: at})
		return
	}
	h.disks++
	backing := types.VirtualDiskFlatVer2BackingInfo{
		VirtualDeviceFileBackingInfo: h.file(file),
		DiskMode:                     strings.ReplaceAll(cmp.Or(h.vmx.values[name+".mode"], "persistent"), "-", "_"),
	}
	if h.vmx.values[name+".sharing"] == "multi-writer" {
		backing.Sharing = string(types.VirtualDiskSharingSharingMultiWriter)
	}
	at.DeviceInfo = &types.Description{Label: fmt.Sprintf("Hard disk %d", h.disks)}
	at.Backing = &backing
	h.list = append(h.list, &types.VirtualDisk{VirtualDevice: at}) // adopt reads its file
}

func (h *hardware) floppy() {
	file := h.vmx.path(h.vc, h.vmx.values["floppy0.fileName"])
	h.list = append(h.list, &types.VirtualFloppy{VirtualDevice: types.VirtualDevice{
		Key: 8000, ControllerKey: 400, UnitNumber: types.NewInt32(0),
		DeviceInfo: &types.Description{Label: "Floppy drive 1", Summary: "Image " + file},
		Backing:    &types.VirtualFloppyImageBackingInfo{VirtualDeviceFileBackingInfo: h.file(file)},
	}})
}

func (h *hardware) card(name string) {
	network := new(types.VirtualEthernetCardNetworkBackingInfo)
	network.DeviceName = h.vmx.values[name+".networkName"]
	dc := h.vc.registry.Get(h.vmx.at.store.datacenter).(*simulator.Datacenter)
	known := h.vc.registry.FindByName(network.DeviceName, dc.Network)
	if known == nil {
		return // of another vCenter; a card needs a network here
	}
	ref := known.Reference()
	network.Network = &ref
	card := types.VirtualEthernetCard{
		VirtualDevice: types.VirtualDevice{
			Key: 4000 + h.cards, ControllerKey: 100, UnitNumber: types.NewInt32(7 + h.cards), Backing: network,
			DeviceInfo:  &types.Description{Label: fmt.Sprintf("Network adapter %d", h.cards+1), Summary: network.DeviceName},
			Connectable: &types.VirtualDeviceConnectInfo{StartConnected: true},
		},
		AddressType: h.vmx.values[name+".addressType"],
		MacAddress:  h.vmx.values[name+".generatedAddress"],
	}
	h.cards++
	switch h.vmx.values[name+".virtualDev"] {
	case "e1000":
		h.list = append(h.list, &types.VirtualE1000{VirtualEthernetCard: card})
	case "e1000e":
		h.list = append(h.list, &types.VirtualE1000e{VirtualEthernetCard: card})
	default:
		h.list = append(h.list, &types.VirtualVmxnet3{VirtualVmxnet: types.VirtualVmxnet{VirtualEthernetCard: card}})
	}
}

// file gives the backing of a file, with its datastore if there is one.
func (h *hardware) file(name string) types.VirtualDeviceFileBackingInfo {
	info := types.VirtualDeviceFileBackingInfo{FileName: name}
	if s, _, fault := h.vc.locate(h.vmx.at.store.datacenter, name); fault == nil {
		ref := s.ref
		info.Datastore = &ref
	}
	return info
}
