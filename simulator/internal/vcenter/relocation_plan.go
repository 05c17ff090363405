package vcenter

import (
	"os"
	"path"
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// planRelocation reads a RelocateSpec and finds out what speaks against it wherever the VM runs afterwards; onHost does
// the rest for one host. It changes nothing. A fault is one of the spec itself, which can't be planned at all. The VM's
// lock is held.
func (vc *VCenter) planRelocation(ctx *simulator.Context, vm *simulator.VirtualMachine, spec types.VirtualMachineRelocateSpec) (*relocation, types.BaseMethodFault) {
	if fault := vc.checkSpec(vm, spec); fault != nil {
		return nil, fault
	}
	r := &relocation{vm: vm, name: vm.Name, state: vm.Runtime.PowerState, datacenter: vc.datacenterOf(vm)}
	homeStore, homeName, fault := vc.locate(r.datacenter, vm.Config.Files.VmPathName)
	if fault != nil {
		return nil, fault
	}
	r.home = homeMove{from: homeStore, to: homeStore, fromDir: path.Dir(homeName), toDir: path.Dir(homeName)}
	if spec.Datastore != nil {
		r.home.to = vc.store(*spec.Datastore)
	}
	if r.home.moves() {
		if r.home.fromDir == "." {
			return nil, new(types.NotSupported) // no folder of its own: its files can't be told from others
		}
		r.home.bytes = r.home.from.memoryIn(r.home.fromDir)
	}
	r.lies = []*store{r.home.to}
	for _, device := range vc.movable(vm) {
		if fault := vc.planDisk(r, device, spec); fault != nil {
			return nil, fault
		}
	}
	if fault := vc.planCompute(vm, r, spec); fault != nil {
		return nil, fault
	}
	r.folders = vc.foldersOf(r)
	vc.examine(ctx, r)
	return r, nil
}

// checkSpec checks that what a spec names is there, and that it says what a RelocateSpec can say.
func (vc *VCenter) checkSpec(vm *simulator.VirtualMachine, spec types.VirtualMachineRelocateSpec) types.BaseMethodFault {
	switch vm.Runtime.ConnectionState {
	case types.VirtualMachineConnectionStateInvalid, types.VirtualMachineConnectionStateOrphaned:
		return new(types.InvalidState) // "for example, if the virtual machine configuration information is not available"
	}
	if vm.Config == nil || vm.LayoutEx == nil {
		return new(types.InvalidState)
	}
	if spec.Service != nil {
		return new(types.NotSupported) // there is no other vCenter
	}
	for _, of := range []struct {
		ref      *types.ManagedObjectReference
		property string
		kinds    []string
	}{
		{spec.Datastore, "spec.datastore", []string{"Datastore"}},
		{spec.Host, "spec.host", []string{"HostSystem"}},
		{spec.Pool, "spec.pool", []string{"ResourcePool", "VirtualApp"}},
		{spec.Folder, "spec.folder", []string{"Folder"}},
	} {
		if fault := vc.checkReference(of.ref, of.property, of.kinds...); fault != nil {
			return fault
		}
	}
	if !knownMoveType(spec.DiskMoveType) {
		return &types.InvalidArgument{InvalidProperty: "spec.diskMoveType"}
	}
	if fault := checkProfiles(spec.Profile, "spec.profile"); fault != nil {
		return fault
	}
	disks, seen := disksOf(vm), make(map[int32]bool)
	for _, locator := range spec.Disk {
		known := slices.ContainsFunc(disks, func(d *types.VirtualDisk) bool { return d.Key == locator.DiskId })
		if !known || seen[locator.DiskId] {
			return &types.InvalidArgument{InvalidProperty: "spec.disk.diskId"}
		}
		seen[locator.DiskId] = true
		if fault := vc.checkReference(&locator.Datastore, "spec.disk.datastore", "Datastore"); fault != nil {
			return fault
		}
		if !knownMoveType(locator.DiskMoveType) {
			return &types.InvalidArgument{InvalidProperty: "spec.disk.diskMoveType"}
		}
		if fault := checkProfiles(locator.Profile, "spec.disk.profile"); fault != nil {
			return fault
		}
	}
	return nil
}

// checkReference checks that a reference is of a kind and that its object is there; nil is no reference.
func (vc *VCenter) checkReference(ref *types.ManagedObjectReference, property string, kinds ...string) types.BaseMethodFault {
	switch {
	case ref == nil:
		return nil
	case !slices.Contains(kinds, ref.Type):
		return &types.InvalidArgument{InvalidProperty: property}
	case vc.registry.Get(*ref) == nil:
		return &types.ManagedObjectNotFound{Obj: *ref}
	}
	return nil
}

// knownMoveType tells whether a string is a VirtualMachineRelocateDiskMoveOptions; unset is allowed.
func knownMoveType(name string) bool {
	known := types.VirtualMachineRelocateDiskMoveOptions("").Values()
	return name == "" || slices.Contains(known, types.VirtualMachineRelocateDiskMoveOptions(name))
}

// checkProfiles checks the form of storage policies. "Neither the association nor the policy data is persisted in
// Virtual Machine configuration. This data is managed by an extension" (VirtualMachineDefinedProfileSpec).
func checkProfiles(profiles []types.BaseVirtualMachineProfileSpec, property string) types.BaseMethodFault {
	for _, profile := range profiles {
		if defined, ok := profile.(*types.VirtualMachineDefinedProfileSpec); ok && defined.ProfileId == "" {
			return &types.InvalidArgument{InvalidProperty: property + ".profileId"}
		}
	}
	return nil
}

// movable gives a VM's disks, and those that only its snapshots still have. The VM's lock is held.
func (vc *VCenter) movable(vm *simulator.VirtualMachine) []*types.VirtualDisk {
	disks := disksOf(vm)
	for _, s := range vc.snapshotsOf(vm) {
		for _, device := range s.Config.Hardware.Device {
			d, ok := device.(*types.VirtualDisk)
			if ok && !slices.ContainsFunc(disks, func(known *types.VirtualDisk) bool { return known.Key == d.Key }) {
				disks = append(disks, d)
			}
		}
	}
	return disks
}

// memoryIn gives the size of what is in a home and worth a copy: memory that was written down. The rest of a home, its
// few bytes, takes no time.
func (s *store) memoryIn(folder string) (bytes int64) {
	entries, _ := os.ReadDir(s.file(folder)) // a home that can't be read is found out when it is moved
	for _, entry := range entries {
		switch path.Ext(entry.Name()) {
		case ".vmem", ".vmss", ".vmsn":
			bytes += lengthOf(s.file(path.Join(folder, entry.Name())))
		}
	}
	return bytes
}
