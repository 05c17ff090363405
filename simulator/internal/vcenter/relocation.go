package vcenter

import (
	"os"
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/disk"
)

// relocation is what a RelocateSpec means for one VM: what moves, from where, to where, and what speaks against it.
// planRelocation makes it and changes nothing, so that CheckRelocate_Task and RelocateVM_Task answer alike.
type relocation struct {
	vm         *simulator.VirtualMachine
	name       string
	state      types.VirtualMachinePowerState
	datacenter types.ManagedObjectReference // where it is
	target     types.ManagedObjectReference // the datacenter where it is afterwards
	home       homeMove
	disks      []*diskMove
	lies       []*store // where the VM lies afterwards
	whatever   bool     // the state of the hosts is no matter
	children   []string // labels of disks that get a new child
	compute    computeMove
	findings   findings          // whatever the host
	folders    map[*store]string // that the VM has already, by datastore
	made       []string          // folders made on this machine for the VM; removed if nothing comes of it
}

// homeMove is the way of the VM's own files. It stays when from and to are the same.
type homeMove struct {
	from, to       *store
	fromDir, toDir string
	bytes          int64 // that are worth a copy: memory that was written down
}

func (h homeMove) moves() bool { return h.from != h.to }

// diskMove is the way of one of the VM's disks, with as much of what it stands on as moves with it.
type diskMove struct {
	key   int32
	label string
	to    *store
	files []*fileMove // parents first
}

// fileMove is the way of one disk of a chain.
type fileMove struct {
	from   place
	before disk.Disk
	to     place
	after  disk.Disk // what it is on the target; its parent is told when the names on the target are known
	parent *place    // of a delta: where its parent was
	way    way
	parts  []link         // of a chain that becomes one disk: all of it, the disk itself first
	shared map[place]bool // of from and the parts: what another VM needs too
	begun  bool           // something of it is on the target
}

// way is how a file gets to its target.
type way int

const (
	byMove  way = iota // the source is gone afterwards
	byCopy             // another VM needs the source: it stays
	byMerge            // what is over each other in the source is one disk on the target
	byChild            // nothing is copied: a new child of what stays where it is
	byHint             // it is on the target already; only where its parent is changes
	byTwin             // the target has a disk of the same content, which is taken; the source is gone afterwards
)

// bytes is what is to be copied.
func (f *fileMove) bytes() int64 {
	if f.way == byChild || f.arrived() {
		return 0
	}
	return f.after.AllocatedBytes()
}

// arrived tells whether the target has it before anything is done.
func (f *fileMove) arrived() bool { return f.way == byHint || f.way == byTwin }

// storageMoves tells whether any file goes elsewhere or becomes another.
func (r *relocation) storageMoves() bool { return r.home.moves() || len(r.disks) > 0 }

// relocate moves a VM: plan, copy, switch.
func (op *operation) relocate(vm *simulator.VirtualMachine, spec types.VirtualMachineRelocateSpec) types.BaseMethodFault {
	var r *relocation
	var fault types.BaseMethodFault
	op.ctx.WithLock(vm, func() {
		if r, fault = op.vc.planRelocation(op.ctx, vm, spec); fault == nil {
			fault = op.vc.choose(op.ctx, r)
		}
	})
	if fault != nil {
		if r != nil {
			op.tellFailure(r, fault)
		}
		return fault
	}
	op.tellStart(r)
	source := op.sourceOf(r)
	for _, d := range r.disks {
		for _, f := range d.files {
			op.total += f.bytes()
		}
	}
	op.total += r.home.bytes
	fault = op.carryOut(r)
	op.publishAll(r)
	if fault != nil {
		op.tellFailure(r, fault)
		return fault
	}
	op.tellSuccess(r, source)
	return nil
}

// carryOut copies, and switches the VM to what was copied: all in one moment, or disk by disk (RelocationOptions).
func (op *operation) carryOut(r *relocation) types.BaseMethodFault {
	eachDisk := op.vc.relocation.SwitchEachDisk && r.state == types.VirtualMachinePowerStatePoweredOff && r.datacenter == r.target
	done := 0 // disks that the VM has on the target
	fail := func(fault types.BaseMethodFault) types.BaseMethodFault {
		op.undo(r, done)
		return fault
	}
	provisioned, fault := op.vc.provision(slices.DeleteFunc(r.stores(), func(s *store) bool { return !r.fills(s) })...)
	if fault != nil {
		return fault
	}
	defer provisioned()
	if err := r.makePlaces(); err != nil {
		return fail(fileFault(r.name, err))
	}
	for n, d := range r.disks {
		for _, f := range d.files {
			if fault := op.copyFile(f); fault != nil {
				return fail(fault)
			}
		}
		if !eachDisk {
			continue
		}
		if fault := op.switchTo(r, r.disks[n:n+1], false); fault != nil {
			return fail(fault)
		}
		done = n + 1
	}
	if fault := op.copyHome(r); fault != nil {
		return fail(fault)
	}
	if fault := op.commit(); fault != nil {
		return fail(fault)
	}
	if fault := op.switchTo(r, r.disks[done:], true); fault != nil {
		return fail(fault)
	}
	return nil
}

// switchTo makes disks that are copied, and last of all the home, the VM's.
func (op *operation) switchTo(r *relocation, disks []*diskMove, last bool) (fault types.BaseMethodFault) {
	if fault := r.reachable(); fault != nil {
		return fault // a datastore was lost after the last byte
	}
	op.ctx.WithLock(r.vm, func() { fault = op.settle(r, disks, last) })
	return fault
}

// reachable gives the fault of a datastore that was lost meanwhile.
func (r *relocation) reachable() types.BaseMethodFault {
	for _, s := range r.stores() {
		if fault := s.readable(); fault != nil {
			return fault
		}
	}
	return nil
}

// copyFile takes the time and the space of one disk of a chain.
func (op *operation) copyFile(f *fileMove) types.BaseMethodFault {
	if f.arrived() {
		return nil
	}
	f.begun = true
	partial := f.after
	partial.WrittenBytes = 0
	if err := disk.Write(f.to.file(), partial); err != nil {
		return fileFault(f.to.url(), err)
	}
	if f.way == byChild {
		return nil
	}
	fault := op.copy(transfer{
		from: f.from.store, to: f.to.store, fromName: f.from.name, toName: f.to.name,
		bytes: f.bytes(),
		thin:  f.after.Kind == disk.Thin,
	})
	if fault != nil {
		return fault
	}
	if err := f.copyContent(); err != nil {
		return fileFault(f.to.url(), err)
	}
	return nil
}

// copyContent copies what lies in the extents of sources that stay. A source that goes is renamed at the switch.
func (f *fileMove) copyContent() error {
	switch f.way {
	case byCopy:
		return disk.CopySparse(f.before.Extent(f.from.file()), f.after.Extent(f.to.file()))
	case byMerge:
		return disk.Flatten(filesOf(f.parts), f.to.file())
	}
	return nil
}

// copyHome takes the time of the VM's own files.
func (op *operation) copyHome(r *relocation) types.BaseMethodFault {
	if op.total == 0 {
		return op.nothingToCopy(r.home.from.url(r.home.fromDir))
	}
	if r.home.bytes == 0 {
		return nil
	}
	return op.copy(transfer{
		from: r.home.from, to: r.home.to, fromName: r.home.fromDir, toName: r.home.toDir + "/",
		bytes: r.home.bytes,
	})
}

// undo removes what was copied for nothing: of all disks but the first few, which the VM has on the target already. What
// lies on a datastore that was lost stays there, as it does in a real vCenter.
func (op *operation) undo(r *relocation, done int) {
	for _, d := range r.disks[done:] {
		for _, f := range d.files {
			if f.begun && f.to.store.readable() == nil {
				_ = disk.Remove(f.to.file())
				f.to.store.account.Remove(f.to.name)
			}
		}
	}
	if r.home.bytes > 0 {
		r.home.to.account.Remove(r.home.toDir + "/")
	}
	for _, folder := range r.made {
		_ = os.Remove(folder) // fails, as it should, while something is in it
	}
}

// stores gives all datastores that have to do with it, each once.
func (r *relocation) stores() []*store {
	seen := make(map[*store]bool)
	var all []*store
	note := func(s *store) {
		if !seen[s] {
			seen[s] = true
			all = append(all, s)
		}
	}
	note(r.home.from)
	note(r.home.to)
	for _, d := range r.disks {
		for _, f := range d.files {
			note(f.from.store)
			note(f.to.store)
			for _, part := range f.parts {
				note(part.store)
			}
		}
	}
	return all
}

func (op *operation) publishAll(r *relocation) {
	for _, s := range r.stores() {
		op.vc.publish(op.ctx, s)
	}
}
