package vcenter

import (
	"os"
	"path"
	"slices"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/disk"
)

// diskWay is the way of a disk that VirtualDiskManager moves or copies.
type diskWay struct {
	from, to         *store
	fromName, toName string
	force            bool // what is there already is overwritten
}

func (vc *VCenter) wayOf(req diskRequest) (*diskWay, types.BaseMethodFault) {
	w := &diskWay{force: req.force}
	var fault types.BaseMethodFault
	if w.from, w.fromName, fault = vc.locateDisk(req.fromDatacenter, req.fromName, "sourceName"); fault != nil {
		return nil, fault
	}
	w.to, w.toName, fault = vc.locateDisk(req.toDatacenter, req.toName, "destName")
	return w, fault
}

func (w *diskWay) source() string { return w.from.file(w.fromName) }
func (w *diskWay) target() string { return w.to.file(w.toName) }

// check gives the disk, or the fault that a vCenter would.
func (w *diskWay) check() (disk.Disk, types.BaseMethodFault) {
	if fault := w.from.readable(); fault != nil {
		return disk.Disk{}, fault
	}
	if fault := w.to.usable(); fault != nil {
		return disk.Disk{}, fault
	}
	d, err := disk.Read(w.source())
	if err != nil {
		return d, fileFault(w.from.url(w.fromName), err)
	}
	if _, err := os.Stat(path.Dir(w.target())); err != nil {
		return d, fileFault(w.to.url(path.Dir(w.toName)), err) // the folder must be there
	}
	if _, err := os.Stat(w.target()); err == nil && !w.force && w.source() != w.target() {
		return d, &types.FileAlreadyExists{FileFault: types.FileFault{File: w.to.url(w.toName)}}
	}
	return d, nil
}

// moveDisk moves a disk. Within a datastore that is a new name, at once; to the same place it is nothing.
func (op *operation) moveDisk(w *diskWay) types.BaseMethodFault {
	d, fault := w.check()
	if fault != nil {
		return fault
	}
	if w.source() == w.target() {
		return nil
	}
	if op.vc.inUse(op.ctx, w.from, w.fromName) {
		return fileLocked(place{w.from, w.fromName})
	}
	if fault := op.vc.refuseParents(place{w.from, w.fromName}); fault != nil {
		return fault
	}
	if w.from == w.to {
		fault = op.nothingToCopy(w.from.url(w.fromName))
	} else {
		fault = op.fill(w, d)
	}
	if fault == nil {
		if fault = op.commit(); fault != nil && w.from != w.to {
			op.empty(w)
		}
	}
	if fault != nil {
		return fault
	}
	return op.rename(w, d)
}

// rename gives a disk's files their new place, with what lies in them.
func (op *operation) rename(w *diskWay, d disk.Disk) types.BaseMethodFault {
	if parent, found := op.vc.parentOf(place{w.from, w.fromName}, d); d.IsDelta() && found {
		d.Parent = hint(place{w.to, w.toName}, parent)
	}
	if err := disk.Rename(w.source(), w.target(), d); err != nil {
		return fileFault(w.from.url(w.fromName), err)
	}
	w.from.account.Remove(w.fromName)
	_ = w.to.account.Set(w.toName, d.AllocatedBytes()) // it was taken while it was copied
	op.vc.publish(op.ctx, w.from)
	op.vc.publish(op.ctx, w.to)
	return nil
}

// copyDisk copies a disk; of a delta the copy is whole in itself.
func (op *operation) copyDisk(w *diskWay, spec types.BaseVirtualDiskSpec) types.BaseMethodFault {
	d, fault := w.check()
	if fault != nil {
		return fault
	}
	source := place{w.from, w.fromName}
	if w.source() == w.target() {
		return &types.FileAlreadyExists{FileFault: types.FileFault{File: w.to.url(w.toName)}}
	}
	if op.vc.inUse(op.ctx, w.from, w.fromName) {
		return fileLocked(source)
	}
	chain, fault := op.vc.chainOf(source)
	if fault != nil {
		return fault
	}
	copied := disk.Disk{
		UUID:          disk.NewUUID(""),
		CapacityBytes: d.CapacityBytes,
		WrittenBytes:  writtenBytes(chain),
		Kind:          disk.Thick,
		Adapter:       "buslogic",
	}
	if spec != nil {
		copied.Kind = kindNamed(spec.GetVirtualDiskSpec().DiskType)
		copied.Adapter = adapterNamed(spec.GetVirtualDiskSpec().AdapterType)
	}
	return op.copyChain(w, chain, copied)
}

// copyChain writes a new disk with the content of a chain.
func (op *operation) copyChain(w *diskWay, chain []link, copied disk.Disk) types.BaseMethodFault {
	if fault := op.fill(w, copied); fault != nil {
		return fault
	}
	err := disk.Flatten(filesOf(chain), w.target())
	if err == nil {
		err = disk.Write(w.target(), copied)
	}
	if err != nil {
		op.empty(w)
		return fileFault(w.to.url(w.toName), err)
	}
	return nil
}

// writtenBytes is what was written to the disks of a chain, all together; how much of it lies over each other nobody
// knows.
func writtenBytes(chain []link) int64 {
	var written int64
	for _, link := range chain {
		written += link.disk.WrittenBytes
	}
	return min(written, chain[0].disk.CapacityBytes)
}

// fill takes the time and the space of a copy. What it leaves unfinished it removes.
func (op *operation) fill(w *diskWay, d disk.Disk) types.BaseMethodFault {
	provisioned, fault := op.vc.provision(w.to)
	if fault != nil {
		return fault
	}
	defer provisioned()
	op.total = d.AllocatedBytes()
	replaced, _ := w.to.account.Of(w.toName)
	if op.total-replaced > w.to.account.Free() {
		return noSpace(w.to, w.toName)
	}
	partial := d
	partial.WrittenBytes = 0
	if err := disk.Write(w.target(), partial); err != nil {
		return fileFault(w.to.url(w.toName), err)
	}
	fault = op.copy(transfer{
		from: w.from, to: w.to, fromName: w.fromName, toName: w.toName,
		bytes: op.total,
		thin:  d.Kind == disk.Thin,
	})
	if fault != nil {
		op.empty(w)
	}
	return fault
}

// empty removes what a copy that came to nothing left on the target.
func (op *operation) empty(w *diskWay) {
	_ = disk.Remove(w.target())
	w.to.account.Remove(w.toName)
	op.vc.publish(op.ctx, w.to)
}

// inUse tells whether a disk belongs to a VM that runs or that a task works on, or is being uploaded: such a disk is
// locked.
func (vc *VCenter) inUse(ctx *simulator.Context, s *store, name string) bool {
	if vc.uploading(place{s, name}) {
		return true
	}
	for _, vm := range vc.ownersOf(ctx, place{s, name}) {
		running := false
		ctx.WithLock(vm, func() { running = vm.Runtime.PowerState != types.VirtualMachinePowerStatePoweredOff })
		if running || vc.claimed(vm.Self.String()) {
			return true
		}
	}
	return false
}

// ownersOf gives the VMs that have a disk, as it is or below a snapshot.
func (vc *VCenter) ownersOf(ctx *simulator.Context, at place) []*simulator.VirtualMachine {
	ds, ok := vc.registry.Get(at.store.ref).(*simulator.Datastore)
	if !ok {
		return nil
	}
	var refs []types.ManagedObjectReference
	ctx.WithLock(ds, func() { refs = append(refs, ds.Vm...) })
	var owners []*simulator.VirtualMachine
	for _, ref := range refs {
		vm, ok := vc.registry.Get(ref).(*simulator.VirtualMachine)
		if !ok {
			continue
		}
		ctx.WithLock(vm, func() {
			if slices.ContainsFunc(disksOf(vm), func(d *types.VirtualDisk) bool { return isBackedBy(d, at.url()) }) {
				owners = append(owners, vm)
			}
		})
	}
	return owners
}

// isBackedBy tells whether a file is a device's, or below it in the chain.
func isBackedBy(device *types.VirtualDisk, name string) bool {
	if flat, ok := device.Backing.(*types.VirtualDiskFlatVer2BackingInfo); ok {
		for ; flat != nil; flat = flat.Parent {
			if flat.FileName == name {
				return true
			}
		}
		return false
	}
	backing, ok := device.Backing.(types.BaseVirtualDeviceFileBackingInfo)
	return ok && backing.GetVirtualDeviceFileBackingInfo().FileName == name
}

// methodOf gives the method behind the last part of a task's descriptionId: createVirtualDisk is CreateVirtualDisk_Task.
func methodOf(id string) string { return strings.ToUpper(id[:1]) + id[1:] + "_Task" }
