package vcenter

import (
	"fmt"
	"maps"
	"os"
	"path"
	"slices"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/disk"
)

// measure gives the changes that make a VM's layout, layoutEx, storage and summary.storage say what its files are and
// take (VirtualMachineFileLayout, VirtualMachineFileLayoutEx, VirtualMachineStorageInfo). vcsim knows neither chains nor
// what a sparse extent stands for. A file keeps its key for as long as it keeps its name. The VM's lock is held.
func (vc *VCenter) measure(vm *simulator.VirtualMachine) []types.PropertyChange {
	if vm.LayoutEx == nil {
		return nil
	}
	vc.writeVMX(vm) // one of its files
	l := vc.newLayout(vm)
	l.addHome()
	for _, device := range disksOf(vm) {
		disk, units := l.addDisk(device)
		l.plain.Disk = append(l.plain.Disk, disk)
		l.full.Disk = append(l.full.Disk, units)
	}
	for _, s := range vc.snapshotsOf(vm) {
		l.addSnapshot(s)
	}
	vc.shares.set(vm.Self, l.needs)
	return l.changes()
}

// layout is a VM's files while they are being counted.
type layout struct {
	vc         *VCenter
	vm         *simulator.VirtualMachine
	datacenter types.ManagedObjectReference
	keys       map[string]int32 // of the files that were there before
	next       int32            // the next new key
	known      map[string]int32 // of the files that are there now

	plain types.VirtualMachineFileLayout
	full  types.VirtualMachineFileLayoutEx
	usage map[types.ManagedObjectReference]types.VirtualMachineUsageOnDatastore
	needs map[place]bool // disks; true: below another
}

func (vc *VCenter) newLayout(vm *simulator.VirtualMachine) *layout {
	l := &layout{
		vc: vc, vm: vm, datacenter: vc.datacenterOf(vm),
		keys:  make(map[string]int32, len(vm.LayoutEx.File)),
		known: make(map[string]int32, len(vm.LayoutEx.File)),
		usage: make(map[types.ManagedObjectReference]types.VirtualMachineUsageOnDatastore),
		needs: make(map[place]bool),
	}
	for _, file := range vm.LayoutEx.File {
		l.keys[file.Name] = file.Key
		l.next = max(l.next, file.Key+1)
	}
	return l
}

// add counts a file and gives its key. What other VMs need too is shared.
func (l *layout) add(at place, bytes int64, kind types.VirtualMachineFileLayoutExFileType, shared bool) int32 {
	name := at.url()
	if key, counted := l.known[name]; counted {
		return key
	}
	key, before := l.keys[name]
	if !before {
		key = l.next
		l.next++
	}
	l.known[name] = key
	file := types.VirtualMachineFileLayoutExFileInfo{
		Key: key, Name: name, Type: string(kind), Size: bytes, UniqueSize: bytes, Accessible: types.NewBool(true),
	}
	on := l.usage[at.store.ref]
	on.Datastore = at.store.ref
	on.Committed += bytes
	if shared {
		file.UniqueSize = 0
	} else {
		on.Unshared += bytes
	}
	l.usage[at.store.ref] = on
	l.full.File = append(l.full.File, file)
	return key
}

// addHome counts what lies in the VM's folders and is no disk. A folder that can't be read keeps what was known of it.
func (l *layout) addHome() {
	files := l.vm.Config.Files
	var done []string
	folders := []string{files.VmPathName, files.SnapshotDirectory, files.SuspendDirectory, files.LogDirectory}
	for n, name := range folders {
		s, at, fault := l.vc.locate(l.datacenter, name)
		if fault != nil || name == "" {
			continue
		}
		if n == 0 || path.Ext(at) == ".vmx" { // vcsim lets a folder be given by the .vmx in it
			at = path.Dir(at)
		}
		folder := place{s, at}
		if slices.Contains(done, folder.url()) {
			continue
		}
		done = append(done, folder.url())
		l.addFolder(folder)
	}
}

func (l *layout) addFolder(folder place) {
	entries, err := os.ReadDir(folder.file())
	if err != nil {
		l.keepFolder(folder)
		return
	}
	for _, entry := range entries {
		kind := typeOfFile(entry.Name())
		if kind == "" || entry.IsDir() {
			continue
		}
		if folder.name == "." && !strings.HasPrefix(entry.Name(), l.stem()) {
			continue // the datastore itself: others' files are there too
		}
		info, err := entry.Info()
		if err != nil {
			continue // gone meanwhile
		}
		at := place{folder.store, path.Join(folder.name, entry.Name())}
		l.add(at, info.Size(), kind, false)
		switch kind {
		case types.VirtualMachineFileLayoutExFileTypeLog:
			l.plain.LogFile = append(l.plain.LogFile, entry.Name())
		case types.VirtualMachineFileLayoutExFileTypeSwap:
			l.plain.SwapFile = at.url()
		case types.VirtualMachineFileLayoutExFileTypeNvram, types.VirtualMachineFileLayoutExFileTypeSnapshotList:
			l.plain.ConfigFile = append(l.plain.ConfigFile, entry.Name())
		}
	}
}

func (l *layout) keepFolder(folder place) {
	for _, file := range l.vm.LayoutEx.File {
		if s, name, fault := l.vc.locate(l.datacenter, file.Name); fault == nil && path.Dir(name) == folder.name {
			l.add(place{s, name}, file.Size, types.VirtualMachineFileLayoutExFileType(file.Type), false)
		}
	}
}

// stem is how the names of the VM's own files begin.
func (l *layout) stem() string {
	return strings.TrimSuffix(path.Base(l.vm.Config.Files.VmPathName), ".vmx")
}

// addDisk counts a disk's chain and gives it in both layouts' forms, the disk itself first.
func (l *layout) addDisk(device *types.VirtualDisk) (types.VirtualMachineFileLayoutDiskLayout, types.VirtualMachineFileLayoutExDiskLayout) {
	plain := types.VirtualMachineFileLayoutDiskLayout{Key: device.Key}
	full := types.VirtualMachineFileLayoutExDiskLayout{Key: device.Key}
	top, ok := l.vc.placeOfDisk(l.datacenter, device)
	if !ok {
		return plain, full
	}
	chain, _ := l.vc.chainOf(top) // as far as it can be read
	if len(chain) == 0 {          // of another format, or gone
		plain.DiskFile = append(plain.DiskFile, top.url())
		full.Chain = append(full.Chain, types.VirtualMachineFileLayoutExDiskUnit{FileKey: []int32{
			l.add(top, lengthOf(top.file()), types.VirtualMachineFileLayoutExFileTypeDiskDescriptor, false),
		}})
	}
	for depth, link := range chain {
		shared := len(l.vc.shares.others(link.place, l.vm.Self)) > 0
		extent := place{link.store, link.disk.Extent(link.name)}
		plain.DiskFile = append(plain.DiskFile, link.url())
		full.Chain = append(full.Chain, types.VirtualMachineFileLayoutExDiskUnit{FileKey: []int32{
			l.add(link.place, lengthOf(link.file()), types.VirtualMachineFileLayoutExFileTypeDiskDescriptor, shared),
			l.add(extent, link.disk.AllocatedBytes(), types.VirtualMachineFileLayoutExFileTypeDiskExtent, shared),
		}})
		l.needs[link.place] = l.needs[link.place] || depth > 0
	}
	return plain, full
}

// addSnapshot counts what a snapshot needs besides: its disks' chains. Its own files lie in the VM's folder.
func (l *layout) addSnapshot(s snapshot) {
	plain := types.VirtualMachineFileLayoutSnapshotLayout{Key: s.Self}
	full := types.VirtualMachineFileLayoutExSnapshotLayout{Key: s.Self, DataKey: -1, MemoryKey: -1}
	for _, file := range l.full.File {
		name := path.Base(file.Name)
		switch {
		case strings.HasSuffix(name, fmt.Sprintf("-Snapshot%d.vmsn", s.id)):
			full.DataKey = file.Key
		case strings.HasSuffix(name, fmt.Sprintf("-Snapshot%d.vmem", s.id)):
			full.MemoryKey = file.Key
		default:
			continue
		}
		plain.SnapshotFile = append(plain.SnapshotFile, name)
	}
	for _, device := range s.Config.Hardware.Device {
		d, ok := device.(*types.VirtualDisk)
		if !ok {
			continue
		}
		files, units := l.addDisk(d)
		plain.SnapshotFile = append(plain.SnapshotFile, files.DiskFile...)
		full.Disk = append(full.Disk, units)
	}
	l.plain.Snapshot = append(l.plain.Snapshot, plain)
	l.full.Snapshot = append(l.full.Snapshot, full)
}

// changes gives the properties.
func (l *layout) changes() []types.PropertyChange {
	for _, device := range disksOf(l.vm) {
		at, ok := l.vc.placeOfDisk(l.datacenter, device)
		if !ok {
			continue
		}
		if d, err := disk.Read(at.file()); err == nil {
			on := l.usage[at.store.ref]
			on.Datastore = at.store.ref
			on.Uncommitted += d.CapacityBytes - d.AllocatedBytes()
			l.usage[at.store.ref] = on
		}
	}
	now := l.vc.now()
	storage := types.VirtualMachineStorageInfo{Timestamp: now}
	summary := types.VirtualMachineStorageSummary{Timestamp: now}
	l.full.Timestamp = now
	for _, ref := range slices.SortedFunc(maps.Keys(l.usage), byValue) {
		on := l.usage[ref]
		storage.PerDatastoreUsage = append(storage.PerDatastoreUsage, on)
		summary.Committed += on.Committed
		summary.Uncommitted += on.Uncommitted
		summary.Unshared += on.Unshared
	}
	return []types.PropertyChange{
		{Name: "layout", Val: &l.plain},
		{Name: "layoutEx", Val: &l.full},
		{Name: "storage", Val: &storage},
		{Name: "summary.storage", Val: &summary},
	}
}

func byValue(a, b types.ManagedObjectReference) int { return strings.Compare(a.Value, b.Value) }
