package vcenter

import (
	"os"
	"path"
	"slices"
	"strings"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/disk"
)

// diskShares knows which VMs of the inventory need which disk: with linked clones a disk may be the parent of others'.
// "Since the parent backing is not being written to, it is possible that the parent backing may be shared among multiple
// virtual machines" (VirtualDiskFlatVer2BackingInfo.parent). It hears of a VM's end (simulator.RegisterObject).
type diskShares struct {
	mu    sync.Mutex
	needs map[types.ManagedObjectReference]map[place]bool // by VM: its disks; true: below another of its disks
	users map[place]map[types.ManagedObjectReference]bool // by disk: the same
}

func newDiskShares() *diskShares {
	return &diskShares{
		needs: make(map[types.ManagedObjectReference]map[place]bool),
		users: make(map[place]map[types.ManagedObjectReference]bool),
	}
}

// set notes the disks that a VM needs, those of its snapshots too; true: as the parent of another.
func (d *diskShares) set(vm types.ManagedObjectReference, disks map[place]bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for p := range d.needs[vm] {
		delete(d.users[p], vm)
		if len(d.users[p]) == 0 {
			delete(d.users, p)
		}
	}
	delete(d.needs, vm)
	if len(disks) == 0 {
		return
	}
	d.needs[vm] = disks
	for p, asParent := range disks {
		if d.users[p] == nil {
			d.users[p] = make(map[types.ManagedObjectReference]bool, 1)
		}
		d.users[p][vm] = asParent
	}
}

// others gives the VMs besides one that need a disk.
func (d *diskShares) others(p place, vm types.ManagedObjectReference) []types.ManagedObjectReference {
	d.mu.Lock()
	defer d.mu.Unlock()
	var refs []types.ManagedObjectReference
	for ref := range d.users[p] {
		if ref != vm {
			refs = append(refs, ref)
		}
	}
	return refs
}

// sharers gives the VMs that need a disk which a VM needs too.
func (vc *VCenter) sharers(vm types.ManagedObjectReference) []types.ManagedObjectReference {
	d := vc.shares
	d.mu.Lock()
	defer d.mu.Unlock()
	var all []types.ManagedObjectReference
	for p := range d.needs[vm] {
		for ref := range d.users[p] {
			if ref != vm && ref.Type == "VirtualMachine" && !slices.Contains(all, ref) {
				all = append(all, ref)
			}
		}
	}
	return all
}

// parentIn gives a disk within a place, or at it, on which another of a VM's disks hangs.
func (d *diskShares) parentIn(at place) (parent place, found bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for p, users := range d.users {
		if p.store != at.store || p.name != at.name && at.name != "" && !strings.HasPrefix(p.name, at.name+"/") {
			continue
		}
		for _, asParent := range users {
			if asParent {
				return p, true
			}
		}
	}
	return place{}, false
}

// placesToDelete gives what goes with a VM: its home, and the disks of it and of its snapshots that no other VM of the
// inventory needs. What a linked clone hangs on stays until the last of them is destroyed ("Removing Snapshots and
// Deleting Linked Virtual Machines" in the vSphere Web Services SDK Programming Guide: it takes a vCenter, which knows
// what is shared), and so does a disk that lies in the folder of a VM that is not registered. The VM's lock is held.
func (vc *VCenter) placesToDelete(vm *simulator.VirtualMachine) []place {
	var places []place
	s, vmx, fault := vc.locate(vc.datacenterOf(vm), vm.Config.Files.VmPathName)
	if fault == nil && path.Dir(vmx) != "." {
		places = append(places, place{s, path.Dir(vmx)})
	}
	f := vc.forestOf(vm)
	for _, at := range slices.Backward(f.ordered()) { // what hangs on a disk before the disk
		if !f.isShared(at) && !strangersFolder(at, place{s, vmx}) {
			places = append(places, at)
		}
	}
	return places
}

// strangersFolder tells whether another VM's configuration lies beside a disk.
func strangersFolder(at, vmx place) bool {
	folder := place{at.store, path.Dir(at.name)}
	entries, _ := os.ReadDir(folder.file()) // none: nobody's
	return slices.ContainsFunc(entries, func(entry os.DirEntry) bool {
		return path.Ext(entry.Name()) == ".vmx" && folder.join(entry.Name()) != vmx
	})
}

// refuseParents keeps a file, or all in a folder, from being deleted or moved while a VM's disk hangs on it: FileLocked,
// as a host answers for a disk that is open. A host has it open only while the VM runs; the simulated vCenter refuses
// always, since what would follow, VMs that no longer start, is of no use to anybody.
func (vc *VCenter) refuseParents(at place) types.BaseMethodFault {
	if disk.IsExtent(at.name) {
		at.name = disk.Descriptor(at.name)
	}
	if parent, found := vc.shares.parentIn(at); found {
		return &types.FileLocked{FileFault: types.FileFault{File: parent.url()}}
	}
	return nil
}

// Reference gives what the registry knows this handler by.
func (*diskShares) Reference() types.ManagedObjectReference {
	return types.ManagedObjectReference{Type: "vrelocate", Value: "disk-shares"}
}

// PutObject hears of new objects.
func (*diskShares) PutObject(*simulator.Context, mo.Reference) {}

// UpdateObject hears of changes.
func (*diskShares) UpdateObject(*simulator.Context, mo.Reference, []types.PropertyChange) {}

// RemoveObject hears of a VM's end.
func (d *diskShares) RemoveObject(_ *simulator.Context, ref types.ManagedObjectReference) {
	if ref.Type == "VirtualMachine" {
		d.set(ref, nil)
	}
}
