package vcenter

import (
	"cmp"
	"maps"
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/disk"
)

// forest is all disks of a VM and how they hang on each other: the chains of its devices and of its snapshots.
type forest struct {
	vc     *VCenter
	vm     types.ManagedObjectReference
	disks  map[place]disk.Disk
	below  map[place]place // by disk: its parent
	needed map[place]bool  // the VM's disks, and those of its snapshots, as they are used
}

// merging is a delta that is written into its parent.
type merging struct {
	lower, upper place
	bytes        int64   // what is written
	above        []place // deltas on the upper disk, which hang on the lower one then
}

// forestOf reads a VM's disks. The VM's lock is held.
func (vc *VCenter) forestOf(vm *simulator.VirtualMachine) *forest {
	f := &forest{vc: vc, vm: vm.Self, disks: make(map[place]disk.Disk), below: make(map[place]place)}
	for at := range f.findNeeded(vm) {
		chain, _ := vc.chainOf(at) // what can't be read can't be merged
		for n, link := range chain {
			f.disks[link.place] = link.disk
			if n > 0 {
				f.below[chain[n-1].place] = link.place
			}
		}
	}
	return f
}

// findNeeded looks what the VM and its snapshots use now. The VM's lock is held.
func (f *forest) findNeeded(vm *simulator.VirtualMachine) map[place]bool {
	f.needed = make(map[place]bool)
	datacenter := f.vc.datacenterOf(vm)
	devices := slices.Clone(vm.Config.Hardware.Device)
	for _, s := range f.vc.snapshotsOf(vm) {
		devices = append(devices, s.Config.Hardware.Device...)
	}
	for _, device := range devices {
		d, ok := device.(*types.VirtualDisk)
		if !ok {
			continue
		}
		if at, ok := f.vc.placeOfDisk(datacenter, d); ok {
			f.needed[at] = true
		}
	}
	return f.needed
}

// above gives the disks that hang on one.
func (f *forest) above(at place) []place {
	var all []place
	for child, parent := range f.below {
		if parent == at {
			all = append(all, child)
		}
	}
	return all
}

func (f *forest) depth(at place) (depth int) {
	for {
		parent, ok := f.below[at]
		if !ok {
			return depth
		}
		at = parent
		depth++
	}
}

// ordered gives the disks, bases first: so each delta is written once, to where it stays.
func (f *forest) ordered() []place {
	return slices.SortedFunc(maps.Keys(f.disks), func(a, b place) int {
		return cmp.Or(cmp.Compare(f.depth(a), f.depth(b)), cmp.Compare(a.url(), b.url()))
	})
}

// isShared tells whether another VM needs a disk too.
func (f *forest) isShared(at place) bool { return len(f.vc.shares.others(at, f.vm)) > 0 }

// ofSnapshot tells whether a delta came by a snapshot: it is the same disk to the guest as its parent. A linked clone's
// is another.
func (f *forest) ofSnapshot(at place) bool {
	parent, ok := f.below[at]
	return ok && f.disks[at].UUID == f.disks[parent].UUID
}

// next gives a delta whose parent nothing needs but the delta itself.
func (f *forest) next() (merging, bool) {
	for _, lower := range f.ordered() {
		if f.needed[lower] || f.isShared(lower) {
			continue
		}
		if above := f.above(lower); len(above) == 1 && f.ofSnapshot(above[0]) {
			upper := above[0]
			return merging{lower: lower, upper: upper, bytes: f.disks[upper].AllocatedBytes(), above: f.above(upper)}, true
		}
	}
	return merging{}, false
}

// mergings gives all that is to be merged, in order. The forest is then as it will be.
func (f *forest) mergings() []merging {
	var all []merging
	for m, ok := f.next(); ok; m, ok = f.next() {
		all = append(all, m)
		f.disks[m.lower] = f.disks[m.lower].Merged(f.disks[m.upper])
		f.needed[m.lower] = f.needed[m.upper]
		for _, child := range m.above {
			f.below[child] = m.lower
		}
		delete(f.disks, m.upper)
		delete(f.below, m.upper)
		delete(f.needed, m.upper)
	}
	return all
}

// abandoned gives the deltas that nothing needs and nothing hangs on, and takes them out of the forest.
func (f *forest) abandoned() []place {
	var all []place
	for found := true; found; {
		found = false
		for _, at := range f.ordered() {
			if !f.needed[at] && !f.isShared(at) && f.ofSnapshot(at) && len(f.above(at)) == 0 {
				all, found = append(all, at), true
				delete(f.disks, at)
				delete(f.below, at)
			}
		}
	}
	return all
}
