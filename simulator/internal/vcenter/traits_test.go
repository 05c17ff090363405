package vcenter_test

import (
	"crypto/sha3"
	"encoding/hex"
	"fmt"
	"strings"
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// peculiar is a vCenter with what a migration must look at first.
var peculiar = strings.Replace(inventory, "\n    disks:\n", `
      - name: peculiar
        cluster: a
        datastore: old
        cdrom: "[third] iso/install.iso"
        floppy: "[third] iso/drivers.flp"
        change_tracking: true
        encrypted: true
        consolidation_needed: true
        shared_bus: physical
        disks:
          - {size: 1GiB, kind: eager, sharing: multi-writer}
          - {size: 1GiB, rdm: true}
          - {size: 1GiB, rdm: physical, datastore: new}
          - {size: 1GiB, content: abc}
      - {name: template, cluster: a, datastore: old, template: true, disks: [{size: 1GiB}]}
      - {name: suspended, cluster: a, datastore: old, suspended: true, disks: [{size: 1GiB}]}
    disks:
      - {path: "[new] filled.vmdk", size: 1MiB, content: xyz}
`, 1)

func TestPeculiarVMsAreTold(t *testing.T) {
	l := start(t, peculiar, fast)
	var vm mo.VirtualMachine
	l.read(l.vm("peculiar"), &vm, "config", "runtime", "layoutEx", "datastore")
	if !*vm.Config.ChangeTrackingEnabled || vm.Config.KeyId == nil || !vm.Runtime.ConsolidationNeeded {
		t.Errorf("%v, %v, %v", vm.Config.ChangeTrackingEnabled, vm.Config.KeyId, vm.Runtime.ConsolidationNeeded)
	}
	list := object.VirtualDeviceList(vm.Config.Hardware.Device)
	scsi := list.SelectByType((*types.ParaVirtualSCSIController)(nil))[0].(*types.ParaVirtualSCSIController)
	if scsi.SharedBus != types.VirtualSCSISharingPhysicalSharing {
		t.Errorf("the bus is %s", scsi.SharedBus)
	}
	cdrom := list.SelectByType((*types.VirtualCdrom)(nil))[0].(*types.VirtualCdrom).Backing.(*types.VirtualCdromIsoBackingInfo)
	floppy := list.SelectByType((*types.VirtualFloppy)(nil))[0].(*types.VirtualFloppy).Backing.(*types.VirtualFloppyImageBackingInfo)
	if cdrom.FileName != "[third] iso/install.iso" || *cdrom.Datastore != l.datastore("third") || floppy.FileName != "[third] iso/drivers.flp" {
		t.Errorf("%+v, %+v", cdrom, floppy)
	}
	if there := l.list("third", "iso"); len(there) != 2 {
		t.Errorf("images: %v", there)
	}
	all := disks(vm)
	if flat(all[0]).Sharing != string(types.VirtualDiskSharingSharingMultiWriter) || flat(all[0]).KeyId == nil || flat(all[3]).Sharing != "" {
		t.Errorf("%+v", flat(all[0]))
	}
	for i, mode := range []types.VirtualDiskCompatibilityMode{types.VirtualDiskCompatibilityModeVirtualMode, types.VirtualDiskCompatibilityModePhysicalMode} {
		mapping, ok := all[i+1].Backing.(*types.VirtualDiskRawDiskMappingVer1BackingInfo)
		if !ok || mapping.CompatibilityMode != string(mode) || mapping.DeviceName == "" || mapping.LunUuid == "" {
			t.Errorf("disk %d: %+v", i+1, all[i+1].Backing)
		}
	}
	if len(vm.Datastore) != 3 { // of its home, its second mapping and its images
		t.Errorf("on %v", vm.Datastore)
	}
	l.wantFree("new", 100*gib-1<<20)

	var template mo.VirtualMachine
	l.read(l.vm("template"), &template, "config.template", "resourcePool")
	if !template.Config.Template || template.ResourcePool != nil {
		t.Error("not a template")
	}
	var suspended mo.VirtualMachine
	l.read(l.vm("suspended"), &suspended, "runtime.powerState")
	if suspended.Runtime.PowerState != types.VirtualMachinePowerStateSuspended {
		t.Errorf("it is %s", suspended.Runtime.PowerState)
	}
}

// content is what a scenario's disk with a seed begins with.
func content(seed string, length int) string { return string(sha3.SumSHAKE128([]byte(seed), length)) }

// What others compute, such as Python's hashlib.shake_128(b"a disk").hexdigest(16).
func TestContentIsWhatOthersCompute(t *testing.T) {
	if got := hex.EncodeToString([]byte(content("a disk", 16))); got != "7062f95fe3b521fb27d8404c17b50503" {
		t.Errorf("it is %s", got)
	}
}

func TestContentMovesWithItsDisk(t *testing.T) {
	l := start(t, peculiar, fast)
	if _, got := l.ask("GET", "new", "filled-flat.vmdk", nil); string(got) != content("xyz", 1<<20) {
		t.Error("not what the seed gives")
	}
	l.done(l.moveDisk("[new] filled.vmdk", "[third] moved.vmdk", false), nil)
	if _, got := l.ask("GET", "third", "moved-flat.vmdk", nil); string(got) != content("xyz", 1<<20) {
		t.Error("it is another after the move")
	}
	const last = 4<<20 - 1
	_, got := l.ask("GET", "old", "peculiar/peculiar_3-flat.vmdk", nil, "Range", fmt.Sprintf("bytes=0-%d", last+100))
	if string(got) != content("abc", last+1)+strings.Repeat("\x00", 100) {
		t.Error("not what the seed gives, and zeros after")
	}
}
