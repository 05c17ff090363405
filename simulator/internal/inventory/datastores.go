package inventory

import (
	"os"
	"path/filepath"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/disk"
	"vrelocate/simulator/internal/scenario"
)

// datastore makes a datastore and mounts it on its hosts.
func (b *builder) datastore(place *placement, ds *scenario.Datastore) error {
	dir := place.dirs[ds.Name]
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	mounts := place.dc.Mounts(ds)
	var made *object.Datastore
	for _, name := range mounts {
		system, err := place.hosts[name].ConfigManager().DatastoreSystem(b.ctx)
		if err != nil {
			return err
		}
		if ds.Type == "NFS" {
			made, err = system.CreateNasDatastore(b.ctx, types.HostNasVolumeSpec{
				RemoteHost: "nfs.invalid",
				RemotePath: "/exports/" + ds.Name,
				LocalPath:  dir,
				AccessMode: string(types.HostMountModeReadWrite),
				Type:       string(types.HostFileSystemVolumeFileSystemTypeNFS),
			})
		} else {
			made, err = system.CreateLocalDatastore(b.ctx, ds.Name, dir)
		}
		if err != nil {
			return err
		}
	}

	// The second host's mount answers with a reference of its own making, so the datastore is looked up by its name.
	dc := b.registry.Get(place.datacenter).(*simulator.Datacenter)
	entity := b.registry.FindByName(ds.Name, dc.Datastore).(*simulator.Datastore)
	made = object.NewDatastore(b.client, entity.Self)
	if ds.Type == "VMFS" {
		beVMFS(entity)
	}
	entity.Summary.MultipleHostAccess = types.NewBool(len(mounts) > 1)
	b.unusualMounts(place, ds, entity)
	b.built.Datastores[made.Reference()] = *ds
	b.built.wantTags(made.Reference(), ds.Tags)
	return nil
}

// beVMFS makes a local datastore of vcsim a VMFS volume: HostDatastoreSystem.CreateVmfsDatastore, which vcsim lacks,
// would format a LUN of the host.
func beVMFS(ds *simulator.Datastore) {
	info := *ds.Info.GetDatastoreInfo()
	ds.Info = &types.VmfsDatastoreInfo{
		DatastoreInfo: info,
		Vmfs: &types.HostVmfsVolume{
			HostFileSystemVolume: types.HostFileSystemVolume{
				Type:     string(types.HostFileSystemVolumeFileSystemTypeVMFS),
				Name:     ds.Name,
				Capacity: ds.Summary.Capacity,
			},
			BlockSizeMb:  1,
			BlockSize:    1024,
			MajorVersion: 6,
			Version:      "6.82",
			Uuid:         ds.Self.Value,
			Extent:       []types.HostScsiDiskPartition{{DiskName: "naa." + ds.Self.Value, Partition: 1}},
		},
	}
	ds.Summary.Type = string(types.HostFileSystemVolumeFileSystemTypeVMFS)
}

// looseDisk puts a VMDK that belongs to no VM on its datastore.
func (b *builder) looseDisk(place *placement, loose scenario.LooseDisk) error {
	var path object.DatastorePath
	path.FromString(loose.Path)
	if err := writeDisk(place, path, loose.Size, loose.Used, loose.Kind); err != nil || loose.Content == "" {
		return err
	}
	return disk.Fill(place.file(path), loose.Content)
}

func writeDisk(place *placement, path object.DatastorePath, size, used scenario.Size, kind scenario.DiskKind) error {
	file := place.file(path)
	if err := makeFolderOf(file); err != nil {
		return err
	}
	return disk.Write(file, disk.Disk{
		UUID:          disk.NewUUID(place.dc.Name + " " + path.String()),
		CapacityBytes: int64(size),
		WrittenBytes:  int64(used),
		Kind:          kinds[kind],
	})
}

var kinds = map[scenario.DiskKind]disk.Kind{
	scenario.Thin:  disk.Thin,
	scenario.Thick: disk.Thick,
	scenario.Eager: disk.Eager,
}

func makeFolderOf(file string) error { return os.MkdirAll(filepath.Dir(file), 0o700) }
