package vcenter

import (
	"os"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/disk"
)

// Datastore differs from vcsim's in that its free space is what its files leave (vcsim knows 1 TiB a host and calls all
// of it free after every RefreshDatastore), that what thin disks may still take is uncommitted, and that it has a
// maintenance mode.
type Datastore struct {
	*simulator.Datastore
	vc *VCenter
}

// Lock and Unlock keep simulator.Service from holding the datastore's lock during our methods (sync.Locker, see
// simulator.Registry.WithLock): a VM's lock is taken before those of its datastores, and our methods look at VMs.
func (ds *Datastore) Lock() {}

// Unlock goes with Lock.
func (ds *Datastore) Unlock() {}

// called gives the datastore's name.
func (ds *Datastore) called(ctx *simulator.Context) (name string) {
	ctx.WithLock(ds.Datastore, func() { name = ds.Name })
	return name
}

// RefreshDatastore looks what the files take, in case something else than us changed them.
func (ds *Datastore) RefreshDatastore(ctx *simulator.Context, _ *types.RefreshDatastore) soap.HasFault {
	body := new(methods.RefreshDatastoreBody)
	s := ds.vc.store(ds.Self)
	if err := s.scan(""); err != nil {
		body.Fault_ = simulator.Fault(err.Error(), new(types.HostConfigFault))
		return body
	}
	ds.vc.publish(ctx, s)
	body.Res = new(types.RefreshDatastoreResponse)
	return body
}

// RefreshDatastoreStorageInfo "explicitly refreshes storage related information": here it is always fresh, so it looks
// at the files as RefreshDatastore does.
func (ds *Datastore) RefreshDatastoreStorageInfo(ctx *simulator.Context, _ *types.RefreshDatastoreStorageInfo) soap.HasFault {
	body := new(methods.RefreshDatastoreStorageInfoBody)
	if body.Fault_ = ds.RefreshDatastore(ctx, nil).Fault(); body.Fault_ == nil {
		body.Res = new(types.RefreshDatastoreStorageInfoResponse)
	}
	return body
}

// publish makes a datastore's properties say what its account says. A vCenter is slower: it looks every so often, and
// on RefreshDatastore.
func (vc *VCenter) publish(ctx *simulator.Context, s *store) {
	ds, ok := vc.registry.Get(s.ref).(*simulator.Datastore)
	if !ok {
		return // destroyed meanwhile
	}
	var pod *types.ManagedObjectReference
	ctx.WithLock(ds, func() {
		capacity, free, uncommitted := s.account.Capacity(), s.account.Free(), s.account.Uncommitted()
		if ds.Parent != nil && ds.Parent.Type == "StoragePod" {
			pod = ds.Parent
		}
		var changes []types.PropertyChange
		if ds.Summary.Uncommitted != uncommitted {
			changes = append(changes, types.PropertyChange{Name: "summary.uncommitted", Val: uncommitted})
		}
		if ds.Summary.FreeSpace != free || ds.Summary.Capacity != capacity {
			changes = append(changes,
				types.PropertyChange{Name: "summary.capacity", Val: capacity},
				types.PropertyChange{Name: "summary.freeSpace", Val: free},
				types.PropertyChange{Name: "info", Val: refreshed(ds.Info, capacity, free)})
		}
		if len(changes) > 0 {
			ctx.Update(ds, changes)
		}
	})
	if pod != nil {
		vc.publishPod(ctx, *pod)
	}
}

// refreshed gives a datastore's info with new numbers. It is a copy: readers may still be encoding the old one.
func refreshed(old types.BaseDatastoreInfo, capacity, free int64) types.BaseDatastoreInfo {
	general := *old.GetDatastoreInfo()
	general.FreeSpace = free
	general.MaxFileSize = maxFileBytes
	general.MaxMemoryFileSize = maxFileBytes
	now := time.Now()
	general.Timestamp = &now

	switch info := old.(type) {
	case *types.VmfsDatastoreInfo:
		clone := *info
		clone.DatastoreInfo = general
		if info.Vmfs != nil {
			volume := *info.Vmfs
			volume.Capacity = capacity
			clone.Vmfs = &volume
		}
		return &clone
	case *types.NasDatastoreInfo:
		clone := *info
		clone.DatastoreInfo = general
		if info.Nas != nil {
			volume := *info.Nas
			volume.Capacity = capacity
			clone.Nas = &volume
		}
		return &clone
	case *types.LocalDatastoreInfo:
		clone := *info
		clone.DatastoreInfo = general
		return &clone
	}
	return old
}

// maxFileBytes is the largest file of VMFS-5 and VMFS-6, 64 TB less 1 MB (vSphere's configuration maximums).
const maxFileBytes = 64<<40 - 1<<20

// counted gives what a file takes of its datastore, if it counts by itself: an extent counts with its descriptor, as
// long as it has one. A file that is not there does not count.
func counted(file string) (bytes int64, counts bool) {
	if disk.IsExtent(file) {
		if _, err := disk.Read(disk.Descriptor(file)); err == nil {
			return 0, false
		}
	}
	bytes, err := size(file)
	return bytes, err == nil
}

// size is what a file takes of its datastore: of a disk, by its descriptor, what its extent takes. An extent that is
// shorter than its disk is still being uploaded.
func size(file string) (int64, error) {
	if disk.IsDescriptor(file) {
		if d, err := disk.Read(file); err == nil {
			if extent, err := os.Stat(d.Extent(file)); err == nil {
				return min(d.AllocatedBytes(), extent.Size()), nil
			}
		}
	}
	info, err := os.Stat(file)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
