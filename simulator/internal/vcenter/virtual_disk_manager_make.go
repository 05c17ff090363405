package vcenter

import (
	"os"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/disk"
)

// CreateVirtualDiskTask makes a disk of the type that is asked for; vcsim's has neither type nor UUID. An
// eagerZeroedThick one takes the time that its zeros take, the others none.
func (m *VirtualDiskManager) CreateVirtualDiskTask(ctx *simulator.Context, req *types.CreateVirtualDisk_Task) soap.HasFault {
	body := new(methods.CreateVirtualDisk_TaskBody)
	made, fault := newDisk(req.Spec)
	var ref types.ManagedObjectReference
	if fault == nil {
		ref, fault = m.onDisk(ctx, "createVirtualDisk", req.Datacenter, req.Name,
			func(op *operation, at place) (types.AnyType, types.BaseMethodFault) {
				return req.Name, op.createDisk(at, made)
			})
	}
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.CreateVirtualDisk_TaskResponse{Returnval: ref}
	return body
}

// newDisk gives the disk that a FileBackedVirtualDiskSpec describes.
func newDisk(spec types.BaseVirtualDiskSpec) (disk.Disk, types.BaseMethodFault) {
	sized, ok := spec.(types.BaseFileBackedVirtualDiskSpec)
	if !ok {
		return disk.Disk{}, &types.InvalidArgument{InvalidProperty: "spec"}
	}
	capacity := sized.GetFileBackedVirtualDiskSpec().CapacityKb
	if capacity <= 0 || capacity > maxFileBytes>>10 {
		return disk.Disk{}, &types.InvalidArgument{InvalidProperty: "spec.capacityKb"}
	}
	return disk.Disk{
		UUID:          disk.NewUUID(""),
		CapacityBytes: capacity << 10,
		Kind:          kindNamed(spec.GetVirtualDiskSpec().DiskType),
		Adapter:       adapterNamed(spec.GetVirtualDiskSpec().AdapterType),
	}, nil
}

// createDisk makes a disk's files, and zeroes them if it is eager.
func (op *operation) createDisk(at place, d disk.Disk) types.BaseMethodFault {
	if fault := at.store.usable(); fault != nil {
		return fault
	}
	if _, err := os.Stat(at.file()); err == nil {
		return &types.FileAlreadyExists{FileFault: types.FileFault{File: at.url()}}
	}
	op.change(at.store, at.name)
	if err := at.store.account.Set(at.name, d.AllocatedBytes()); err != nil {
		return noSpace(at.store, at.name)
	}
	fault := op.writeNew(at, d)
	if fault != nil {
		_ = disk.Remove(at.file())
		at.store.account.Remove(at.name)
	}
	op.vc.publish(op.ctx, at.store)
	return fault
}

func (op *operation) writeNew(at place, d disk.Disk) types.BaseMethodFault {
	if err := disk.Write(at.file(), d); err != nil {
		return fileFault(at.url(), err)
	}
	op.vc.publish(op.ctx, at.store)
	if d.Kind != disk.Eager {
		return op.nothingToCopy(at.url())
	}
	return op.zero(at, d.CapacityBytes)
}

// zero takes the time that it takes to write zeros to a disk, which is all that the task's time goes to.
func (op *operation) zero(at place, bytes int64) types.BaseMethodFault {
	if bytes == 0 {
		return op.nothingToCopy(at.url())
	}
	op.total = bytes
	var counted int64
	return op.pass([]string{at.store.ref.Value}, bytes, at.url(), func(done int64) types.BaseMethodFault {
		op.vc.ledger.Zeroed(at.store.name, done-counted)
		counted = done
		return nil
	})
}

// kindNamed reads a VirtualDiskType. What is not thin or zeroed is preallocated.
func kindNamed(name string) disk.Kind {
	switch kind := disk.Kind(name); kind {
	case disk.Thin, disk.Eager:
		return kind
	}
	return disk.Thick
}

// adapterNamed gives a VirtualDiskAdapterType as a descriptor has it, in small letters.
func adapterNamed(name string) string { return strings.ToLower(name) }

// DeleteVirtualDiskTask deletes a disk and gives its space back.
func (m *VirtualDiskManager) DeleteVirtualDiskTask(ctx *simulator.Context, req *types.DeleteVirtualDisk_Task) soap.HasFault {
	body := new(methods.DeleteVirtualDisk_TaskBody)
	ref, fault := m.onDisk(ctx, "deleteVirtualDisk", req.Datacenter, req.Name,
		func(op *operation, at place) (types.AnyType, types.BaseMethodFault) { return nil, op.deleteDisk(at) })
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.DeleteVirtualDisk_TaskResponse{Returnval: ref}
	return body
}

// deleteDisk deletes a disk's files. What lies there without being a disk that we understand goes too.
func (op *operation) deleteDisk(at place) types.BaseMethodFault {
	if fault := at.store.readable(); fault != nil {
		return fault
	}
	if op.vc.inUse(op.ctx, at.store, at.name) {
		return fileLocked(at)
	}
	if fault := op.vc.refuseParents(at); fault != nil {
		return fault
	}
	if _, err := os.Stat(at.file()); err != nil {
		return fileFault(at.url(), err)
	}
	if err := disk.Remove(at.file()); err != nil {
		return fileFault(at.url(), err)
	}
	at.store.account.Remove(at.name)
	return nil
}
