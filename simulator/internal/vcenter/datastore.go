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

// Datastore differs from vcsim's in that its free space is what its files leave. vcsim knows 1 TiB a host and calls all
// of it free after every RefreshDatastore.
type Datastore struct {
	*simulator.Datastore
	vc *VCenter
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

// publish makes a datastore's properties say what its account says. A vCenter is slower: it looks every so often, and
// on RefreshDatastore.
func (vc *VCenter) publish(ctx *simulator.Context, s *store) {
	ds, ok := vc.registry.Get(s.ref).(*simulator.Datastore)
	if !ok {
		return // destroyed meanwhile
	}
	ctx.WithLock(ds, func() {
		free := s.account.Free()
		if ds.Summary.FreeSpace == free && ds.Summary.Capacity == s.account.Capacity() {
			return
		}
		ctx.Update(ds, []types.PropertyChange{
			{Name: "summary.capacity", Val: s.account.Capacity()},
			{Name: "summary.freeSpace", Val: free},
			{Name: "summary.uncommitted", Val: int64(0)},
			{Name: "info", Val: refreshed(ds.Info, s.account.Capacity(), free)},
		})
	})
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

// size is what a file takes of its datastore: of a disk, by its descriptor, what its extent takes.
func size(file string) (int64, error) {
	if disk.IsDescriptor(file) {
		if d, err := disk.Read(file); err == nil {
			return d.AllocatedBytes(), nil
		}
	}
	info, err := os.Stat(file)
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}
