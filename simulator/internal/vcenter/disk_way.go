package vcenter

import (
	"os"
	"path"
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
	if w.from, w.fromName, fault = vc.locateDisk(req.fromDatacenter, req.fromName); fault != nil {
		return nil, fault
	}
	w.to, w.toName, fault = vc.locateDisk(req.toDatacenter, req.toName)
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
		return &types.FileLocked{FileFault: types.FileFault{File: w.from.url(w.fromName)}}
	}
	if w.from != w.to {
		if fault := op.fill(w, d); fault != nil {
			return fault
		}
	}
	move := &diskMove{from: w.from, to: w.to, fromName: w.fromName, toName: w.toName, after: d}
	if err := move.moveFiles(); err != nil {
		return fileFault(w.from.url(w.fromName), err)
	}
	op.vc.publish(op.ctx, w.from)
	op.vc.publish(op.ctx, w.to)
	return nil
}

// copyDisk copies a disk.
func (op *operation) copyDisk(w *diskWay, spec types.BaseVirtualDiskSpec) types.BaseMethodFault {
	d, fault := w.check()
	if fault != nil {
		return fault
	}
	if w.source() == w.target() {
		return &types.FileAlreadyExists{FileFault: types.FileFault{File: w.to.url(w.toName)}}
	}
	d.UUID = disk.NewUUID("")
	d.Kind = disk.Thick
	if spec != nil {
		d.Kind = kindNamed(spec.GetVirtualDiskSpec().DiskType)
	}
	if fault := op.fill(w, d); fault != nil {
		return fault
	}
	if err := disk.CopyExtent(w.source(), w.target()); err != nil {
		op.empty(w)
		return fileFault(w.to.url(w.toName), err)
	}
	if err := disk.Write(w.target(), d); err != nil {
		op.empty(w)
		return fileFault(w.to.url(w.toName), err)
	}
	return nil
}

// fill takes the time and the space of a copy. What it leaves unfinished it removes.
func (op *operation) fill(w *diskWay, d disk.Disk) types.BaseMethodFault {
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
	fault := op.copy(transfer{
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

// inUse tells whether a disk belongs to a VM that runs or that a task works on: such a disk is locked.
func (vc *VCenter) inUse(ctx *simulator.Context, s *store, name string) bool {
	ds, ok := vc.registry.Get(s.ref).(*simulator.Datastore)
	if !ok {
		return false
	}
	var refs []types.ManagedObjectReference
	ctx.WithLock(ds, func() { refs = append(refs, ds.Vm...) })
	for _, ref := range refs {
		vm, ok := vc.registry.Get(ref).(*simulator.VirtualMachine)
		if !ok {
			continue
		}
		busy, held := vc.claimed(ref.String()), false
		ctx.WithLock(vm, func() {
			if !busy && vm.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOff {
				return
			}
			for _, device := range disksOf(vm) {
				backing, ok := device.Backing.(types.BaseVirtualDeviceFileBackingInfo)
				held = held || ok && backing.GetVirtualDeviceFileBackingInfo().FileName == s.url(name)
			}
		})
		if held {
			return true
		}
	}
	return false
}

// methodOf gives the method behind the last part of a task's descriptionId: createVirtualDisk is CreateVirtualDisk_Task.
func methodOf(id string) string { return strings.ToUpper(id[:1]) + id[1:] + "_Task" }
