package vcenter

import (
	"errors"
	"fmt"
	"os"
	"path"
	"slices"

	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/disk"
)

// link is one disk of a chain.
type link struct {
	place // of its descriptor
	disk  disk.Disk
}

// maxChain is more than any chain has: vSphere supports 32 snapshots in a chain (KB 1025279). It ends a walk through
// descriptors that name each other.
const maxChain = 256

// chainOf reads the chain of a disk: the disk itself first, its base last. A parent that is not there, or that its child
// can't name, is FileNotFound; the chain is then given as far as it could be read.
func (vc *VCenter) chainOf(at place) ([]link, types.BaseMethodFault) {
	var chain []link
	for len(chain) < maxChain {
		d, err := disk.Read(at.file())
		if err != nil {
			return chain, fileFault(at.url(), err)
		}
		chain = append(chain, link{at, d})
		if !d.IsDelta() {
			return chain, nil
		}
		parent, found := vc.parentOf(at, d)
		if !found {
			return chain, &types.FileNotFound{FileFault: types.FileFault{File: d.Parent}}
		}
		at = parent
	}
	return chain, fileFault(at.url(), errors.New("the chain has no base"))
}

// parentOf gives where a delta's parent is. A parent in the delta's own folder has a name, any other the path of its
// volume: the reference of its datastore, so that a datastore may be renamed.
func (vc *VCenter) parentOf(at place, d disk.Disk) (place, bool) {
	volume, name := disk.SplitVolumePath(d.Parent)
	if volume == "" {
		return place{at.store, path.Join(path.Dir(at.name), name)}, true
	}
	s := vc.store(types.ManagedObjectReference{Type: "Datastore", Value: volume})
	return place{s, path.Clean(name)}, s != nil
}

// hint is how a delta names its parent (disk.Disk.Parent).
func hint(delta, parent place) string {
	if delta.store == parent.store && path.Dir(delta.name) == path.Dir(parent.name) {
		return path.Base(parent.name)
	}
	return disk.VolumePath(parent.store.ref.Value, parent.name)
}

// backingOf gives a chain as a device has it: the top disk's backing with its parents (VirtualDiskFlatVer2BackingInfo:
// parent is "the parent of this virtual disk file, if this is a delta disk"). Mode and sharing are the device's.
func backingOf(chain []link, like types.VirtualDiskFlatVer2BackingInfo) *types.VirtualDiskFlatVer2BackingInfo {
	if len(chain) == 0 {
		return nil
	}
	top := chain[0]
	backing := like
	ref := top.store.ref
	backing.FileName = top.url()
	backing.Datastore = &ref
	backing.BackingObjectId = nil
	backing.Uuid = top.disk.UUID
	backing.ContentId = fmt.Sprintf("%08x", top.disk.CID)
	backing.ThinProvisioned = types.NewBool(top.disk.Kind == disk.Thin)
	backing.EagerlyScrub = types.NewBool(top.disk.Kind == disk.Eager)
	backing.DeltaDiskFormat, backing.DeltaDiskFormatVariant = "", ""
	backing.Parent = nil
	if top.disk.IsDelta() {
		backing.DeltaDiskFormat = string(types.VirtualDiskDeltaDiskFormatRedoLogFormat)
		backing.DeltaDiskFormatVariant = string(types.VirtualDiskDeltaDiskFormatVariantVmfsSparseVariant)
		backing.Parent = backingOf(chain[1:], like)
	}
	return &backing
}

// placeOfDisk gives where a disk's descriptor is; ok is false for a disk that has none on a datastore.
func (vc *VCenter) placeOfDisk(datacenter types.ManagedObjectReference, device *types.VirtualDisk) (at place, ok bool) {
	backing, ok := device.Backing.(types.BaseVirtualDeviceFileBackingInfo)
	if !ok {
		return place{}, false
	}
	s, name, fault := vc.locate(datacenter, backing.GetVirtualDeviceFileBackingInfo().FileName)
	return place{s, name}, fault == nil
}

// rebacked gives devices with their disks' backings as the files say, after some disks became others. What is not flat
// or can't be read stays as it is. All disks are copies: readers may still be encoding the old ones.
func (vc *VCenter) rebacked(datacenter types.ManagedObjectReference, devices []types.BaseVirtualDevice, became map[place]place) []types.BaseVirtualDevice {
	fresh := slices.Clone(devices)
	for i, device := range fresh {
		old, ok := device.(*types.VirtualDisk)
		if !ok {
			continue
		}
		d := *old
		fresh[i] = &d
		flat, ok := old.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
		if !ok {
			continue
		}
		backing := *flat
		d.Backing = &backing
		at, ok := vc.placeOfDisk(datacenter, old)
		if !ok {
			continue
		}
		if now, changed := became[at]; changed {
			at = now
		}
		if chain, fault := vc.chainOf(at); fault == nil {
			d.Backing = backingOf(chain, backing)
		}
	}
	return fresh
}

// filesOf gives the files of a chain on this machine, the base first.
func filesOf(chain []link) []string {
	files := make([]string, len(chain))
	for n, l := range chain {
		files[len(chain)-1-n] = l.file()
	}
	return files
}

// freeDelta gives the name of the next delta next to a disk, vm-000001.vmdk and so on.
func freeDelta(s *store, name string) string {
	for n := 1; ; n++ {
		free := disk.Name(name, n)
		if _, err := os.Stat(s.file(free)); os.IsNotExist(err) {
			return free
		}
	}
}
