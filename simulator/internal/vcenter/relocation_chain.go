package vcenter

import (
	"path"
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/disk"
)

// The values of diskMoveType (VirtualMachineRelocateDiskMoveOptions).
const (
	moveChildMost  = types.VirtualMachineRelocateDiskMoveOptionsMoveChildMostDiskBacking
	createNewChild = types.VirtualMachineRelocateDiskMoveOptionsCreateNewChildDiskBacking
	moveAndMerge   = types.VirtualMachineRelocateDiskMoveOptionsMoveAllDiskBackingsAndConsolidate
)

// destination is what a spec says of one disk.
type destination struct {
	to       *store
	moveType types.VirtualMachineRelocateDiskMoveOptions
	kind     disk.Kind // empty: as it is
}

// destinationOf reads what a spec says of a disk: its locator, or else the VM's datastore.
func (vc *VCenter) destinationOf(r *relocation, key int32, from *store, spec types.VirtualMachineRelocateSpec) (destination, types.BaseMethodFault) {
	d := destination{to: from, moveType: types.VirtualMachineRelocateDiskMoveOptions(spec.DiskMoveType)}
	if spec.Datastore != nil {
		d.to = r.home.to
	}
	switch spec.Transform {
	case types.VirtualMachineRelocateTransformationSparse:
		d.kind = disk.Thin
	case types.VirtualMachineRelocateTransformationFlat:
		d.kind = disk.Thick
	}
	for _, locator := range spec.Disk {
		if locator.DiskId != key {
			continue
		}
		d.to = vc.store(locator.Datastore)
		if locator.DiskMoveType != "" {
			d.moveType = types.VirtualMachineRelocateDiskMoveOptions(locator.DiskMoveType)
		}
		if locator.DiskBackingInfo == nil {
			continue
		}
		// transform is "ignored for disks with the above property set"; and "if the specified backing is invalid or not
		// supported at the destination, InvalidDeviceBacking is thrown".
		flat, ok := locator.DiskBackingInfo.(*types.VirtualDiskFlatVer2BackingInfo)
		if !ok || isTrue(flat.ThinProvisioned) && isTrue(flat.EagerlyScrub) {
			return d, new(types.InvalidDeviceBacking)
		}
		d.kind = kindOf(flat)
	}
	return d, nil
}

// kindOf reads how a backing is to take space (VirtualDiskFlatVer2BackingInfo: thinProvisioned, eagerlyScrub); empty
// when it does not say.
func kindOf(backing *types.VirtualDiskFlatVer2BackingInfo) disk.Kind {
	switch {
	case isTrue(backing.ThinProvisioned):
		return disk.Thin
	case isTrue(backing.EagerlyScrub):
		return disk.Eager
	case backing.ThinProvisioned != nil || backing.EagerlyScrub != nil:
		return disk.Thick
	}
	return ""
}

// planDisk adds the way of one disk to a plan, or notes where it stays.
func (vc *VCenter) planDisk(r *relocation, device *types.VirtualDisk, spec types.VirtualMachineRelocateSpec) types.BaseMethodFault {
	top, isFile := vc.placeOfDisk(r.datacenter, device)
	if !isFile && spec.Datastore == nil {
		return nil // on no datastore: it stays, whatever that is
	}
	want, fault := vc.destinationOf(r, device.Key, top.store, spec)
	if fault != nil {
		return fault
	}
	current := slices.ContainsFunc(disksOf(r.vm), func(d *types.VirtualDisk) bool { return d.Key == device.Key })
	if !current && (want.moveType == moveChildMost || want.moveType == createNewChild) {
		want.to = top.store // "only the virtual disks in the current virtual machine configuration are moved"
	}
	flat, isFlat := device.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
	label := labelOf(&device.VirtualDevice)
	if !isFlat {
		r.stays(top.store)
		if want.to != top.store {
			r.findings.add(types.CheckTestTypeSourceTests, &types.DeviceNotSupported{Device: label})
		}
		return nil
	}

	chain, fault := vc.chainOf(top)
	if fault != nil {
		r.findings.add(types.CheckTestTypeSourceTests, &types.CannotAccessVmDisk{
			CannotAccessVmDevice: types.CannotAccessVmDevice{Device: label, Backing: flat.FileName},
			Fault:                localized(fault),
		})
		return nil
	}
	base := chain[len(chain)-1].disk
	converts := want.kind != "" && want.kind != base.Kind && len(chain) == 1
	if want.to == top.store && !converts {
		// Also when its parents are elsewhere: a real vCenter then has nothing to do (pyvmomi issue 725).
		for _, link := range chain {
			r.stays(link.store)
		}
		return nil
	}
	if !converts {
		want.kind = "" // a chain keeps its format: "specific property changes may be ignored"
	}
	move := &diskMove{key: device.Key, label: label, to: want.to}
	move.files = vc.filesToMove(r, device.Key, chain, want)
	r.disks = append(r.disks, move)
	r.stays(want.to)
	for _, f := range move.files {
		if f.parent != nil && !slices.ContainsFunc(move.files, func(o *fileMove) bool { return o.from == *f.parent }) {
			r.stays(f.parent.store)
		}
	}
	if want.moveType == createNewChild {
		r.children = append(r.children, label)
	}
	return nil
}

// stays notes a datastore that the VM lies on afterwards.
func (r *relocation) stays(on *store) {
	if on != nil && !slices.Contains(r.lies, on) {
		r.lies = append(r.lies, on)
	}
}

// filesToMove gives what of a disk's chain, and of its snapshots' chains, gets to the target and how, parents first.
func (vc *VCenter) filesToMove(r *relocation, key int32, chain []link, want destination) []*fileMove {
	var parent *place
	if len(chain) > 1 {
		parent = &chain[1].place
	}
	top := &fileMove{from: chain[0].place, before: chain[0].disk, to: place{want.to, path.Base(chain[0].name)}, after: chain[0].disk, parent: parent}
	if want.kind != "" {
		top.after.Kind = want.kind
	}
	switch {
	case want.moveType == createNewChild:
		top.way, top.parent = byChild, &chain[0].place
		top.after = chain[0].disk.Child(chain[0].name)
		return []*fileMove{top}
	case want.moveType == moveChildMost:
		return []*fileMove{top}
	case want.moveType == moveAndMerge && len(chain) > 1 && len(vc.snapshotsOf(r.vm)) == 0:
		top.way, top.parts, top.parent = byMerge, chain, nil
		top.after, top.shared = mergedDisk(chain), vc.sharedOf(r.vm, chain)
		return []*fileMove{top}
	}
	return vc.wholeTree(r, key, chain, want)
}

// sharedOf gives the disks of a chain that another VM needs too.
func (vc *VCenter) sharedOf(vm *simulator.VirtualMachine, chain []link) map[place]bool {
	shared := make(map[place]bool)
	for _, l := range chain {
		shared[l.place] = len(vc.shares.others(l.place, vm.Self)) > 0
	}
	return shared
}

// mergedDisk gives the one disk that a chain becomes: as large and of the kind that its base is, with the identity that
// the guest knows.
func mergedDisk(chain []link) disk.Disk {
	all := chain[len(chain)-1].disk
	for n := len(chain) - 2; n >= 0; n-- {
		all = all.Merged(chain[n].disk)
	}
	all.UUID = chain[0].disk.UUID
	return all
}

// wholeTree gives every disk that a device's disk stands on, now or in a snapshot, parents first.
func (vc *VCenter) wholeTree(r *relocation, key int32, chain []link, want destination) []*fileMove {
	chains := [][]link{chain}
	for _, s := range vc.snapshotsOf(r.vm) {
		for _, device := range s.Config.Hardware.Device {
			d, ok := device.(*types.VirtualDisk)
			if !ok || d.Key != key {
				continue
			}
			if at, ok := vc.placeOfDisk(r.datacenter, d); ok {
				if older, fault := vc.chainOf(at); fault == nil {
					chains = append(chains, older)
				}
			}
		}
	}
	var files []*fileMove
	known := make(map[string]bool)
	for _, links := range chains {
		own, twins := len(links), []link(nil) // links[own:] are on the target, as others' parents
		if want.moveType == allowSharing {
			own, twins = vc.twinsOf(links, want.to)
		}
		for n := len(links) - 1; n >= 0; n-- {
			l := links[n]
			if known[l.url()] {
				continue
			}
			known[l.url()] = true
			f := &fileMove{from: l.place, before: l.disk, to: place{want.to, path.Base(l.name)}, after: l.disk}
			if n < len(links)-1 {
				f.parent = &links[n+1].place
			} else if want.kind != "" {
				f.after.Kind = want.kind
			}
			f.shared = vc.sharedOf(r.vm, links[n:n+1])
			switch {
			case n >= own:
				f.way, f.to, f.after = byTwin, twins[n-own].place, twins[n-own].disk
				r.stays(f.to.store)
			case l.store == want.to && f.after.Kind == f.before.Kind:
				f.way, f.to = byHint, l.place
			case f.shared[l.place]:
				f.way = byCopy
			}
			files = append(files, f)
		}
	}
	return files
}

// storeOf gives the datastore of a disk; nil if it is not on one.
func (vc *VCenter) storeOf(datacenter types.ManagedObjectReference, device *types.VirtualDisk) *store {
	at, _ := vc.placeOfDisk(datacenter, device)
	return at.store
}

// labelOf gives what a user calls a device.
func labelOf(device *types.VirtualDevice) string {
	if device.DeviceInfo == nil {
		return ""
	}
	return device.DeviceInfo.GetDescription().Label
}
