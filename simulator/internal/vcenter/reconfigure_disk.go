package vcenter

import (
	"errors"
	"fmt"
	"os"
	"path"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/disk"
)

// add attaches a disk: one that exists, or with a fileOperation a new one. Of a disk that exists the file says what it
// is: capacity, type and UUID.
func (r *reconfiguration) add(i int, spec *types.VirtualDeviceConfigSpec, device *types.VirtualDisk) types.BaseMethodFault {
	given, ok := device.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
	if !ok {
		return r.addOther(spec, device)
	}
	var at place
	var fault types.BaseMethodFault
	backing := *given
	switch spec.FileOperation {
	case "":
		at, fault = r.existing(&backing)
	case types.VirtualDeviceConfigSpecFileOperationCreate, types.VirtualDeviceConfigSpecFileOperationReplace:
		at, fault = r.create(i, spec.FileOperation, device, &backing)
	default:
		return invalidOperation(i, spec)
	}
	if fault != nil {
		return fault
	}
	chain, fault := r.vc.chainOf(at)
	if fault != nil {
		return fault
	}
	top := chain[0].disk
	attached := *device
	attached.Backing = backingOf(chain, backing)
	attached.CapacityInBytes, attached.CapacityInKB = top.CapacityBytes, top.CapacityBytes>>10
	spec.Device, spec.FileOperation = &attached, ""
	return nil
}

// addOther attaches a disk that is no flat file, such as a raw device mapping: its mapping file is vcsim's to make.
func (r *reconfiguration) addOther(spec *types.VirtualDeviceConfigSpec, device *types.VirtualDisk) types.BaseMethodFault {
	file, ok := device.Backing.(types.BaseVirtualDeviceFileBackingInfo)
	if !ok {
		return nil
	}
	at, fault := r.locate(file.GetVirtualDeviceFileBackingInfo().FileName)
	if fault != nil {
		return fault
	}
	if _, err := os.Stat(at.file()); err != nil && spec.FileOperation == "" {
		return fileFault(at.url(), err)
	}
	return nil
}

// existing finds a disk to attach. One that a running VM has, or a task, is locked, unless both share it with
// "sharingMultiWriter". No document says whether a vCenter refuses it at once or when the VM starts; here at once. A
// VM that is off shares with others that are off.
func (r *reconfiguration) existing(backing *types.VirtualDiskFlatVer2BackingInfo) (place, types.BaseMethodFault) {
	at, fault := r.locate(backing.FileName)
	if fault != nil {
		return at, fault
	}
	d, err := disk.Read(at.file())
	switch {
	case errors.Is(err, disk.ErrNotDescriptor) || err == nil && !disk.IsDescriptor(at.name):
		return at, &types.InvalidDeviceBacking{}
	case err != nil:
		return at, fileFault(at.url(), err)
	}
	shared := backing.Sharing == string(types.VirtualDiskSharingSharingMultiWriter)
	if r.vc.claimedWithin(at, "") || r.vc.uploading(at) || !shared && r.vc.usedElsewhere(at, r.vm.Self) {
		return at, fileLocked(at)
	}
	if d.UUID == "" { // uploaded, from a tool that gives none
		d.UUID = disk.NewUUID("")
		if err := disk.Describe(at.file(), d); err != nil {
			return at, fileFault(at.url(), err)
		}
	}
	return at, nil
}

// create makes a disk as a device describes it.
func (r *reconfiguration) create(i int, how types.VirtualDeviceConfigSpecFileOperation, device *types.VirtualDisk,
	backing *types.VirtualDiskFlatVer2BackingInfo) (place, types.BaseMethodFault) {
	if device.UnitNumber == nil {
		return place{}, &types.InvalidDeviceSpec{DeviceIndex: int32(i)}
	}
	at, fault := r.newDisk(backing.FileName)
	if fault != nil {
		return at, fault
	}
	if how == types.VirtualDeviceConfigSpecFileOperationReplace {
		if r.vc.claimedWithin(at, "") || r.vc.usedElsewhere(at, r.vm.Self) {
			return at, fileLocked(at)
		}
		if err := at.delete(); err != nil {
			return at, fileFault(at.url(), err)
		}
	}
	if _, err := os.Stat(at.file()); err == nil {
		return at, &types.FileAlreadyExists{FileFault: types.FileFault{File: at.url()}}
	}
	if backing.Parent != nil {
		return at, r.child(at, *backing.Parent)
	}
	d := disk.Disk{UUID: disk.NewUUID(""), CapacityBytes: bytesAsked(device), Kind: kindOf(backing)}
	if d.CapacityBytes <= 0 {
		return at, &types.InvalidDeviceSpec{DeviceIndex: int32(i)}
	}
	if backing.Uuid != "" {
		d.UUID = disk.DashedUUID(backing.Uuid)
	}
	defer at.store.account.Change(at.name)()
	if err := at.store.account.Set(at.name, d.AllocatedBytes()); err != nil {
		return at, noSpace(at.store, at.name)
	}
	r.made = append(r.made, at)
	if err := disk.Write(at.file(), d); err != nil {
		return at, fileFault(at.url(), err)
	}
	return at, nil
}

// child makes a disk on top of one that exists: "the parent of this virtual disk file, if this is a delta disk"
// (VirtualDiskFlatVer2BackingInfo.parent). It takes its capacity from there, and its content until it is written.
func (r *reconfiguration) child(at place, parent types.VirtualDiskFlatVer2BackingInfo) types.BaseMethodFault {
	below, fault := r.existing(&parent)
	if fault != nil {
		return fault
	}
	r.made = append(r.made, at)
	_, fault = putDelta(below, at, disk.NewUUID(""))
	return fault
}

// newDisk says where a new disk goes. A name that is a datastore's alone, or none, stands for a free name in the VM's
// folder there.
func (r *reconfiguration) newDisk(name string) (place, types.BaseMethodFault) {
	home, fault := r.locate(r.vm.Config.Files.VmPathName)
	if fault != nil {
		return home, fault
	}
	var wanted object.DatastorePath
	if name != "" && !wanted.FromString(name) {
		return home, &types.InvalidDatastorePath{InvalidDatastore: types.InvalidDatastore{Name: name}, DatastorePath: name}
	}
	at := home
	if wanted.Datastore != "" {
		if at, fault = r.locate(name); fault != nil {
			return at, fault
		}
		if wanted.Path != "" && path.Ext(at.name) == ".vmdk" {
			return at, nil
		}
	}
	folder := path.Dir(home.name)
	switch {
	case wanted.Path != "":
		folder = at.name
	case at.store != home.store:
		folder = r.vm.Name
	}
	at = place{at.store, r.vc.freeDisk(at.store, folder, r.vm.Name)}
	if err := at.makeAbove(); err != nil {
		return at, fileFault(at.url(), err)
	}
	return at, nil
}

// freeDisk gives a name that no disk has: vm.vmdk, vm_1.vmdk and so on, as a vCenter counts them.
func (vc *VCenter) freeDisk(s *store, folder, vm string) string {
	for n := 0; ; n++ {
		name := path.Join(folder, vm+".vmdk")
		if n > 0 {
			name = path.Join(folder, fmt.Sprintf("%s_%d.vmdk", vm, n))
		}
		if _, err := os.Stat(s.file(name)); os.IsNotExist(err) {
			return name
		}
	}
}

// edit changes a disk that the VM has: its mode, its sharing, its controller, and its capacity, which can only grow and
// only without a snapshot below.
func (r *reconfiguration) edit(i int, spec *types.VirtualDeviceConfigSpec, wanted *types.VirtualDisk) types.BaseMethodFault {
	old := r.disk(wanted.Key)
	if old == nil {
		return &types.InvalidDeviceSpec{DeviceIndex: int32(i)}
	}
	edited := *wanted
	edited.Backing = editedBacking(old, wanted)
	if edited.ControllerKey == 0 {
		edited.ControllerKey = old.ControllerKey
	}
	if edited.UnitNumber == nil {
		edited.UnitNumber = old.UnitNumber
	}
	bytes := old.CapacityInBytes
	if asked := wanted.CapacityInBytes; asked > 0 && asked != bytes {
		bytes = asked
	} else if asked := wanted.CapacityInKB << 10; asked > 0 && asked != bytes {
		bytes = asked
	}
	if flat, ok := edited.Backing.(*types.VirtualDiskFlatVer2BackingInfo); ok && bytes != old.CapacityInBytes {
		if bytes < old.CapacityInBytes || flat.Parent != nil {
			return invalidOperation(i, spec)
		}
		r.extensions = append(r.extensions, func() types.BaseMethodFault { return r.extend(flat.FileName, bytes) })
	}
	edited.CapacityInBytes, edited.CapacityInKB = bytes, bytes>>10
	spec.Device = &edited
	return nil
}

// editedBacking gives a disk's backing with what an edit may change: the file stays the disk's.
func editedBacking(old, wanted *types.VirtualDisk) types.BaseVirtualDeviceBackingInfo {
	has, ok := old.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
	if !ok {
		return old.Backing
	}
	asked, ok := wanted.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
	if !ok {
		return has
	}
	edited := *has
	if asked.DiskMode != "" {
		edited.DiskMode = asked.DiskMode
	}
	if asked.Sharing != "" {
		edited.Sharing = asked.Sharing
	}
	if asked.KeyId != nil {
		edited.KeyId = asked.KeyId
	}
	return &edited
}

// extend makes a disk larger, and its thick one's space.
func (r *reconfiguration) extend(name string, bytes int64) types.BaseMethodFault {
	at, fault := r.locate(name)
	if fault != nil {
		return fault
	}
	if fault := at.store.usable(); fault != nil {
		return fault
	}
	d, err := disk.Read(at.file())
	if err != nil {
		return fileFault(at.url(), err)
	}
	d.CapacityBytes = bytes
	defer at.store.account.Change(at.name)()
	if err := at.store.account.Set(at.name, d.AllocatedBytes()); err != nil {
		return noSpace(at.store, at.name)
	}
	if err := disk.Write(at.file(), d); err != nil {
		return fileFault(at.url(), err)
	}
	return nil
}

// remove detaches a disk. Its file stays, unless the fileOperation is destroy.
func (r *reconfiguration) remove(i int, spec *types.VirtualDeviceConfigSpec, named *types.VirtualDisk) types.BaseMethodFault {
	has := r.disk(named.Key)
	if has == nil {
		return &types.InvalidDeviceSpec{DeviceIndex: int32(i)}
	}
	spec.Device = has // a client may name the device by its key alone
	file, ok := has.Backing.(types.BaseVirtualDeviceFileBackingInfo)
	if spec.FileOperation == "" || !ok {
		return nil
	}
	if spec.FileOperation != types.VirtualDeviceConfigSpecFileOperationDestroy {
		return invalidOperation(i, spec)
	}
	s, name, fault := r.vc.locate(r.vc.datacenterOf(r.vm), file.GetVirtualDeviceFileBackingInfo().FileName)
	if fault != nil {
		return fault
	}
	at := place{s, name}
	if r.vc.usedElsewhere(at, r.vm.Self) {
		return fileLocked(at)
	}
	r.leaving = append(r.leaving, at)
	spec.FileOperation = ""
	return nil
}

// disk gives the VM's disk of a key; nil if it has none.
func (r *reconfiguration) disk(key int32) *types.VirtualDisk {
	for _, d := range disksOf(r.vm) {
		if d.Key == key {
			return d
		}
	}
	return nil
}

// undo removes what was made for a reconfiguration that is refused.
func (r *reconfiguration) undo() {
	for _, p := range r.made {
		_ = p.delete()
		p.store.tidy(path.Dir(p.name))
		r.vc.publish(r.ctx, p.store)
	}
}

// bytesAsked reads a device's capacity: capacityInKB is what clients of vSphere before 5.5 set.
func bytesAsked(device *types.VirtualDisk) int64 {
	if device.CapacityInBytes > 0 {
		return device.CapacityInBytes
	}
	return device.CapacityInKB << 10
}

func invalidOperation(i int, spec *types.VirtualDeviceConfigSpec) types.BaseMethodFault {
	return &types.InvalidDeviceOperation{
		InvalidDeviceSpec: types.InvalidDeviceSpec{DeviceIndex: int32(i)},
		BadOp:             spec.Operation,
		BadFileOp:         spec.FileOperation,
	}
}
