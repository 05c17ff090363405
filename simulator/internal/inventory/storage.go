package inventory

import (
	"fmt"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/scenario"
)

// pods makes a datacenter's datastore clusters and moves their datastores in.
func (b *builder) pods(place *placement, folder *object.Folder) error {
	dc := b.registry.Get(place.datacenter).(*simulator.Datacenter)
	for _, pod := range place.dc.StoragePods {
		made, err := folder.CreateStoragePod(b.ctx, pod.Name)
		if err != nil {
			return fmt.Errorf("storage pod %q: %w", pod.Name, err)
		}
		var members []types.ManagedObjectReference
		for _, name := range pod.Datastores {
			members = append(members, b.registry.FindByName(name, dc.Datastore).Reference())
		}
		// All at once: vcsim lists those that are there already again with each further call.
		task, err := made.MoveInto(b.ctx, members)
		if err == nil {
			err = task.Wait(b.ctx)
		}
		if err != nil {
			return fmt.Errorf("storage pod %q: %w", pod.Name, err)
		}
		config := &b.registry.Get(made.Reference()).(*simulator.StoragePod).PodStorageDrsEntry.StorageDrsConfig.PodConfig
		config.Enabled = pod.Automation != scenario.DRSOff
		config.DefaultVmBehavior = string(types.StorageDrsPodConfigInfoBehaviorManual)
		if pod.Automation == scenario.DRSAutomated {
			config.DefaultVmBehavior = string(types.StorageDrsPodConfigInfoBehaviorAutomated)
		}
		config.LoadBalanceInterval = 480 // "if not specified, the default value is 480 (8 hours)"
		config.DefaultIntraVmAffinity = types.NewBool(true)
	}
	return nil
}

// unusualMounts makes a datastore's mounts what the scenario says of them.
func (b *builder) unusualMounts(place *placement, ds *scenario.Datastore, entity *simulator.Datastore) {
	for _, mount := range ds.Mounts {
		for _, name := range place.dc.HostsOf(mount.Host) {
			for i := range entity.Host {
				if entity.Host[i].Key == place.hosts[name].Reference() {
					beMounted(&entity.Host[i].MountInfo, mount)
				}
			}
		}
	}
	entity.Summary.Accessible = false
	for _, mount := range entity.Host {
		entity.Summary.Accessible = entity.Summary.Accessible || *mount.MountInfo.Mounted && *mount.MountInfo.Accessible
	}
}

func beMounted(info *types.HostMountInfo, mount scenario.Mount) {
	if mount.Access == scenario.ReadOnly {
		info.AccessMode = string(types.HostMountModeReadOnly)
	}
	if mount.Mounted != nil && !*mount.Mounted {
		info.Mounted = types.NewBool(false)
		info.Accessible = types.NewBool(false)
	}
	if mount.Accessible != nil && !*mount.Accessible {
		info.Accessible = types.NewBool(false)
		info.InaccessibleReason = string(types.HostMountInfoInaccessibleReasonPermanentDeviceLoss)
	}
}

// unusualHosts makes hosts what the scenario says of them, and the VMs on them follow.
func (b *builder) unusualHosts(place *placement) {
	for _, unusual := range place.dc.Hosts {
		host := b.registry.Get(place.hosts[unusual.Name].Reference()).(*simulator.HostSystem)
		host.Runtime.InMaintenanceMode = unusual.Maintenance
		switch unusual.State {
		case scenario.Disconnected:
			host.Runtime.ConnectionState = types.HostSystemConnectionStateDisconnected
		case scenario.NotResponding:
			host.Runtime.ConnectionState = types.HostSystemConnectionStateNotResponding
		default:
			continue
		}
		for _, ref := range host.Vm {
			vm := b.registry.Get(ref).(*simulator.VirtualMachine)
			vm.Runtime.ConnectionState = types.VirtualMachineConnectionStateDisconnected
			vm.Summary.Runtime.ConnectionState = types.VirtualMachineConnectionStateDisconnected
		}
	}
}
