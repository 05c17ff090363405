package vcenter

import (
	"reflect"
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// onHost finds what speaks against a relocation if the VM is to run on a host. The VM's lock is held.
func (vc *VCenter) onHost(ctx *simulator.Context, r *relocation, ref types.ManagedObjectReference) findings {
	var found findings
	host, ok := vc.registry.Get(ref).(*simulator.HostSystem)
	if !ok {
		found.add(types.CheckTestTypeHostTests, &types.ManagedObjectNotFound{Obj: ref})
		return found
	}
	leaves := ref != *r.vm.Runtime.Host
	if leaves && !r.whatever {
		found.once(types.CheckTestTypeHostTests, vc.takesVMs(ctx, ref))
	}
	for _, s := range r.lies {
		if leaves || r.fills(s) { // what the VM has there already is no matter of the move
			found.once(types.CheckTestTypeDatastoreTests, vc.reach(ctx, ref, s, true))
		}
	}
	if leaves {
		vc.seesImages(ctx, r, host, &found)
		vc.seesNetworks(ctx, r, host, &found)
	}
	return found
}

// fills tells whether anything of the VM comes to a datastore.
func (r *relocation) fills(s *store) bool {
	return r.home.moves() && r.home.to == s ||
		slices.ContainsFunc(r.disks, func(d *diskMove) bool { return d.to == s })
}

// seesImages looks for images, of a CD say, that the host does not see: "this is an error if the device is currently
// connected and a warning otherwise" (CannotAccessVmDevice).
func (vc *VCenter) seesImages(ctx *simulator.Context, r *relocation, host *simulator.HostSystem, found *findings) {
	for _, device := range r.vm.Config.Hardware.Device {
		backing, ok := device.GetVirtualDevice().Backing.(types.BaseVirtualDeviceFileBackingInfo)
		if _, isDisk := device.(*types.VirtualDisk); !ok || isDisk {
			continue
		}
		name := backing.GetVirtualDeviceFileBackingInfo().FileName
		s, _, fault := vc.locate(r.datacenter, name)
		if fault != nil || vc.reach(ctx, host.Self, s, false) == nil {
			continue
		}
		connected := isConnected(device.GetVirtualDevice())
		*found = append(*found, finding{
			test:    types.CheckTestTypeHostTests,
			fault:   &types.CannotAccessVmDevice{Device: labelOf(device.GetVirtualDevice()), Backing: name, Connected: connected},
			warning: !connected,
		})
	}
}

// seesNetworks looks for networks that the host does not have: CannotAccessNetwork, "an error if [...] the device is
// connected" or the network is a distributed switch's.
func (vc *VCenter) seesNetworks(ctx *simulator.Context, r *relocation, host *simulator.HostSystem, found *findings) {
	has := vc.networksOf(ctx, host)
	for _, device := range r.compute.rewired(r.vm.Config.Hardware.Device) {
		card, ok := device.(types.BaseVirtualEthernetCard)
		if !ok {
			continue
		}
		of := card.GetVirtualEthernetCard()
		connected := isConnected(&of.VirtualDevice)
		missing := &types.CannotAccessNetwork{CannotAccessVmDevice: types.CannotAccessVmDevice{
			Device: labelOf(&of.VirtualDevice), Connected: connected,
		}}
		fatal := connected
		switch backing := of.Backing.(type) {
		case *types.VirtualEthernetCardNetworkBackingInfo:
			if _, seen := has.byName[backing.DeviceName]; seen {
				continue
			}
			missing.Backing, missing.Network = backing.DeviceName, backing.Network
		case *types.VirtualEthernetCardDistributedVirtualPortBackingInfo:
			if has.portgroups[backing.Port.PortgroupKey] {
				continue
			}
			missing.Backing, fatal = backing.Port.PortgroupKey, true
		default:
			continue
		}
		*found = append(*found, finding{test: types.CheckTestTypeNetworkTests, fault: missing, warning: !fatal})
	}
}

// networks is what a host is connected to.
type networks struct {
	byName     map[string]types.ManagedObjectReference
	portgroups map[string]bool // by key
}

func (vc *VCenter) networksOf(ctx *simulator.Context, host *simulator.HostSystem) networks {
	var refs []types.ManagedObjectReference
	ctx.WithLock(host, func() { refs = slices.Clone(host.Network) })
	has := networks{byName: make(map[string]types.ManagedObjectReference), portgroups: make(map[string]bool)}
	for _, ref := range refs {
		switch network := vc.registry.Get(ref).(type) {
		case *simulator.DistributedVirtualPortgroup:
			has.portgroups[network.Key] = true
			has.byName[network.Name] = ref
		case mo.Entity:
			has.byName[network.Entity().Name] = ref
		}
	}
	return has
}

// rewired gives devices with the network cards' backings as a spec's deviceChange has them: "For VirtualEthernetCard, it
// has to be used to specify the target network backing [...] All other specification are ignored."
func (c computeMove) rewired(devices []types.BaseVirtualDevice) []types.BaseVirtualDevice {
	fresh := slices.Clone(devices)
	for _, change := range c.devices {
		wanted, ok := change.GetVirtualDeviceConfigSpec().Device.(types.BaseVirtualEthernetCard)
		if !ok {
			continue
		}
		backing := wanted.GetVirtualEthernetCard().Backing
		for i, device := range fresh {
			if device.GetVirtualDevice().Key == wanted.GetVirtualEthernetCard().Key && backing != nil {
				fresh[i] = withBacking(device, backing)
			}
		}
	}
	return fresh
}

// withBacking gives a copy of a device, of whatever type, with another backing.
func withBacking(device types.BaseVirtualDevice, backing types.BaseVirtualDeviceBackingInfo) types.BaseVirtualDevice {
	fresh := reflect.New(reflect.TypeOf(device).Elem())
	fresh.Elem().Set(reflect.ValueOf(device).Elem())
	clone := fresh.Interface().(types.BaseVirtualDevice)
	clone.GetVirtualDevice().Backing = backing
	return clone
}

func isConnected(device *types.VirtualDevice) bool {
	return device.Connectable != nil && device.Connectable.Connected
}
