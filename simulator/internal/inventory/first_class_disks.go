package inventory

import (
	"path"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/scenario"
)

// firstClassDisk writes a disk, and enters it into vCenter's catalog. CreateDisk_Task would give it another ID at each
// start; this one follows from its name.
func (b *builder) firstClassDisk(place *placement, fcd scenario.FirstClassDisk) error {
	id := uuid.NewSHA1(uuid.NameSpaceURL, []byte(place.dc.Name+"/fcd/"+fcd.Name))
	at := object.DatastorePath{Datastore: fcd.Datastore, Path: fcd.Path}
	if at.Path == "" {
		at.Path = path.Join("fcd", strings.ReplaceAll(id.String(), "-", "")+".vmdk")
	}
	if err := writeDisk(place, at, fcd.Size, fcd.Used, fcd.Kind); err != nil {
		return err
	}

	dc := b.registry.Get(place.datacenter).(*simulator.Datacenter)
	datastore := b.registry.FindByName(fcd.Datastore, dc.Datastore).Reference()
	entry := new(simulator.VStorageObject)
	config := &entry.Config
	config.Id = types.ID{Id: id.String()}
	config.Name = fcd.Name
	config.CreateTime = time.Now()
	config.CapacityInMB = int64(fcd.Size) >> 20
	config.KeepAfterDeleteVm = types.NewBool(true)
	config.RelocationDisabled = types.NewBool(false)
	config.NativeSnapshotSupported = types.NewBool(false)
	config.ChangedBlockTrackingEnabled = types.NewBool(false)
	config.ConsumptionType = []string{string(types.VStorageObjectConsumptionTypeDisk)}
	backing := &types.BaseConfigInfoDiskFileBackingInfo{ProvisioningType: provisioningTypes[fcd.Kind]}
	backing.Datastore = datastore
	backing.FilePath = at.String()
	config.Backing = backing

	catalog := b.registry.VStorageObjectManager().Catalog()
	if catalog[datastore] == nil {
		catalog[datastore] = make(map[types.ID]*simulator.VStorageObject)
	}
	catalog[datastore][config.Id] = entry
	return nil
}

var provisioningTypes = map[scenario.DiskKind]string{
	scenario.Thin:  string(types.BaseConfigInfoDiskFileBackingInfoProvisioningTypeThin),
	scenario.Thick: string(types.BaseConfigInfoDiskFileBackingInfoProvisioningTypeLazyZeroedThick),
	scenario.Eager: string(types.BaseConfigInfoDiskFileBackingInfoProvisioningTypeEagerZeroedThick),
}
