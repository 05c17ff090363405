package vcenter

import (
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/disk"
)

// measure gives the changes that make a VM's layoutEx, storage and summary.storage say what its files take
// (VirtualMachineFileLayoutEx, VirtualMachineStorageInfo). vcsim asks the file system, to which a sparse extent is as
// large as its disk. The VM's lock is held.
func (vc *VCenter) measure(vm *simulator.VirtualMachine) []types.PropertyChange {
	if vm.LayoutEx == nil {
		return nil
	}
	datacenter := vc.datacenterOf(vm)
	now := time.Now()
	layout := *vm.LayoutEx
	layout.File = slices.Clone(layout.File)
	layout.Timestamp = now
	usage := make(map[types.ManagedObjectReference]types.VirtualMachineUsageOnDatastore)

	for i := range layout.File {
		entry := &layout.File[i]
		s, name, fault := vc.locate(datacenter, entry.Name)
		if fault != nil {
			continue
		}
		entry.Size = bytesOf(s.file(name))
		entry.UniqueSize = entry.Size
		on := usage[s.ref]
		on.Datastore = s.ref
		on.Committed += entry.Size
		on.Unshared += entry.Size
		usage[s.ref] = on
	}
	for _, device := range disksOf(vm) {
		backing, ok := device.Backing.(types.BaseVirtualDeviceFileBackingInfo)
		if !ok {
			continue
		}
		s, name, fault := vc.locate(datacenter, backing.GetVirtualDeviceFileBackingInfo().FileName)
		if fault != nil {
			continue
		}
		if d, err := disk.Read(s.file(name)); err == nil {
			on := usage[s.ref]
			on.Datastore = s.ref
			on.Uncommitted += d.CapacityBytes - d.AllocatedBytes()
			usage[s.ref] = on
		}
	}

	storage := types.VirtualMachineStorageInfo{Timestamp: now}
	summary := types.VirtualMachineStorageSummary{Timestamp: now}
	refs := slices.SortedFunc(maps.Keys(usage), byValue)
	for _, ref := range refs {
		on := usage[ref]
		storage.PerDatastoreUsage = append(storage.PerDatastoreUsage, on)
		summary.Committed += on.Committed
		summary.Uncommitted += on.Uncommitted
		summary.Unshared += on.Unshared
	}
	return []types.PropertyChange{
		{Name: "layoutEx", Val: &layout},
		{Name: "storage", Val: &storage},
		{Name: "summary.storage", Val: &summary},
	}
}

// bytesOf is what an entry of layoutEx takes: an extent by its disk, anything else by its length. A file that is not
// there takes nothing.
func bytesOf(file string) int64 {
	if disk.IsExtent(file) {
		if d, err := disk.Read(disk.Descriptor(file)); err == nil {
			return d.AllocatedBytes()
		}
	}
	info, err := os.Stat(file)
	if err != nil {
		return 0
	}
	return info.Size()
}

func byValue(a, b types.ManagedObjectReference) int { return strings.Compare(a.Value, b.Value) }
