package vcenter

import (
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// VirtualMachineSnapshot differs from vcsim's, which keeps the tree and nothing else, in that a snapshot is what the
// vSphere Web Services API says it is (VirtualMachine.CreateSnapshot_Task, VirtualMachineSnapshot, and "Understanding
// virtual machine snapshots", KB 1015180):
//
//   - Taking one puts a delta on each disk of the VM that is not independent; the snapshot keeps the disks as they were.
//   - Removing one merges what became superfluous: that takes time, and space of a thin or delta parent meanwhile. With
//     consolidate=false, or when the merging fails, the snapshot is gone, the deltas stay and the VM's
//     runtime.consolidationNeeded says so, as of a real VM (KB 2003638). What only the snapshot needed is deleted.
//   - Reverting puts new deltas on the snapshot's disks and deletes those that were written since.
//   - A disk that another VM, a linked clone, hangs on is neither merged nor deleted.
type VirtualMachineSnapshot struct {
	*simulator.VirtualMachineSnapshot
	vc *VCenter
}

// Lock and Unlock keep simulator.Service from holding the snapshot's lock during our methods (sync.Locker, see
// simulator.Registry.WithLock): a VM's lock is taken before those of its snapshots.
func (s *VirtualMachineSnapshot) Lock() {}

// Unlock goes with Lock.
func (s *VirtualMachineSnapshot) Unlock() {}

// vmOf gives the VM of a snapshot; nil if it is gone.
func (s *VirtualMachineSnapshot) vmOf() *simulator.VirtualMachine {
	vm, _ := s.vc.registry.Get(s.Vm).(*simulator.VirtualMachine)
	return vm
}

// start makes a task on the snapshot's VM: no two work on it at once.
func (s *VirtualMachineSnapshot) start(ctx *simulator.Context, id, method string, run func(op *operation, vm *simulator.VirtualMachine) types.BaseMethodFault) (types.ManagedObjectReference, types.BaseMethodFault) {
	vm := s.vmOf()
	if vm == nil {
		return types.ManagedObjectReference{}, &types.ManagedObjectNotFound{Obj: s.Self}
	}
	return s.vc.startOn(ctx, vm, nameOf(ctx, vm), "vm.Snapshot."+id, method,
		func(op *operation) (types.AnyType, types.BaseMethodFault) { return nil, run(op, vm) })
}

// startOn makes a task that has a VM for itself.
func (vc *VCenter) startOn(ctx *simulator.Context, vm *simulator.VirtualMachine, name, id, method string, run work) (types.ManagedObjectReference, types.BaseMethodFault) {
	return vc.start(ctx, job{entity: vm, id: id, method: method, name: name, claim: vm.Self.String(), run: run})
}

// RemoveSnapshotTask removes a snapshot, or with removeChildren all below it too.
func (s *VirtualMachineSnapshot) RemoveSnapshotTask(ctx *simulator.Context, req *types.RemoveSnapshot_Task) soap.HasFault {
	body := new(methods.RemoveSnapshot_TaskBody)
	self := s.Self
	ref, fault := s.start(ctx, "remove", "RemoveSnapshot_Task", func(op *operation, vm *simulator.VirtualMachine) types.BaseMethodFault {
		return op.removeSnapshots(vm, unlessFalse(req.Consolidate), func(t tree) ([]types.ManagedObjectReference, types.BaseMethodFault) {
			at, _, ok := t.find(self)
			if !ok {
				return nil, &types.ManagedObjectNotFound{Obj: self}
			}
			if req.RemoveChildren {
				return tree{at}.refs(), nil
			}
			return []types.ManagedObjectReference{self}, nil
		})
	})
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.RemoveSnapshot_TaskResponse{Returnval: ref}
	return body
}

// RevertToSnapshotTask puts the VM back to what it was.
func (s *VirtualMachineSnapshot) RevertToSnapshotTask(ctx *simulator.Context, req *types.RevertToSnapshot_Task) soap.HasFault {
	body := new(methods.RevertToSnapshot_TaskBody)
	self := s.Self
	ref, fault := s.start(ctx, "revert", "RevertToSnapshot_Task", func(op *operation, vm *simulator.VirtualMachine) types.BaseMethodFault {
		return op.revert(vm, self, isTrue(req.SuppressPowerOn))
	})
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.RevertToSnapshot_TaskResponse{Returnval: ref}
	return body
}

// RenameSnapshot changes name and description; what is unset stays. vcsim has no such method.
func (s *VirtualMachineSnapshot) RenameSnapshot(ctx *simulator.Context, req *types.RenameSnapshot) soap.HasFault {
	body := new(methods.RenameSnapshotBody)
	vm := s.vmOf()
	var fault types.BaseMethodFault
	switch {
	case vm == nil:
		fault = &types.ManagedObjectNotFound{Obj: s.Self}
	case s.vc.claimed(vm.Self.String()):
		fault = new(types.TaskInProgress)
	default:
		ctx.WithLock(vm, func() { fault = s.vc.renameSnapshot(ctx, vm, s.Self, req) })
	}
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = new(types.RenameSnapshotResponse)
	return body
}

// renameSnapshot changes a snapshot in the VM's tree. The VM's lock is held.
func (vc *VCenter) renameSnapshot(ctx *simulator.Context, vm *simulator.VirtualMachine, ref types.ManagedObjectReference, req *types.RenameSnapshot) types.BaseMethodFault {
	t := treeOf(vm)
	if _, _, ok := t.find(ref); !ok {
		return &types.ManagedObjectNotFound{Obj: ref}
	}
	folder, stem, fault := vc.snapshotHome(vm)
	if fault != nil {
		return fault
	}
	t = t.edit(ref, func(s *types.VirtualMachineSnapshotTree) {
		if req.Name != "" {
			s.Name = req.Name
		}
		if req.Description != "" {
			s.Description = req.Description
		}
	})
	ctx.Update(vm, toldTree(t, vm.Snapshot.CurrentSnapshot))
	return vc.writeList(vm, folder, stem)
}

// RevertToCurrentSnapshotTask puts the VM back to its current snapshot: NotFound "if the virtual machine does not have a
// current snapshot".
func (vm *VirtualMachine) RevertToCurrentSnapshotTask(ctx *simulator.Context, req *types.RevertToCurrentSnapshot_Task) soap.HasFault {
	body := new(methods.RevertToCurrentSnapshot_TaskBody)
	if vm.Snapshot == nil || vm.Snapshot.CurrentSnapshot == nil {
		body.Fault_ = refusal(new(types.NotFound))
		return body
	}
	current := *vm.Snapshot.CurrentSnapshot
	ref, fault := vm.vc.startOn(ctx, vm.VirtualMachine, vm.Name, "VirtualMachine.revertToCurrentSnapshot", "RevertToCurrentSnapshot_Task",
		func(op *operation) (types.AnyType, types.BaseMethodFault) {
			return nil, op.revert(vm.VirtualMachine, current, isTrue(req.SuppressPowerOn))
		})
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.RevertToCurrentSnapshot_TaskResponse{Returnval: ref}
	return body
}

// RemoveAllSnapshotsTask removes all snapshots: "if the virtual machine does not have any snapshots, then this operation
// simply returns successfully".
func (vm *VirtualMachine) RemoveAllSnapshotsTask(ctx *simulator.Context, req *types.RemoveAllSnapshots_Task) soap.HasFault {
	body := new(methods.RemoveAllSnapshots_TaskBody)
	ref, fault := vm.vc.startOn(ctx, vm.VirtualMachine, vm.Name, "VirtualMachine.removeAllSnapshots", "RemoveAllSnapshots_Task",
		func(op *operation) (types.AnyType, types.BaseMethodFault) {
			return nil, op.removeSnapshots(vm.VirtualMachine, unlessFalse(req.Consolidate),
				func(t tree) ([]types.ManagedObjectReference, types.BaseMethodFault) { return t.refs(), nil })
		})
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.RemoveAllSnapshots_TaskResponse{Returnval: ref}
	return body
}

// ConsolidateVMDisksTask merges what no snapshot needs any more. vcsim has no such method.
func (vm *VirtualMachine) ConsolidateVMDisksTask(ctx *simulator.Context, _ *types.ConsolidateVMDisks_Task) soap.HasFault {
	body := new(methods.ConsolidateVMDisks_TaskBody)
	ref, fault := vm.vc.startOn(ctx, vm.VirtualMachine, vm.Name, "VirtualMachine.consolidateDisks", "ConsolidateVMDisks_Task",
		func(op *operation) (types.AnyType, types.BaseMethodFault) {
			return nil, op.consolidate(vm.VirtualMachine)
		})
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.ConsolidateVMDisks_TaskResponse{Returnval: ref}
	return body
}

// adoptSnapshots makes the snapshots that a VM has from the start, of which vcsim made the tree, tell of their disks as
// the files are; and a linked clone be on its parents' datastores too.
func (vc *VCenter) adoptSnapshots(ctx *simulator.Context, vm *simulator.VirtualMachine) {
	linked := slices.ContainsFunc(disksOf(vm), func(d *types.VirtualDisk) bool {
		flat, ok := d.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
		return ok && flat.Parent != nil
	})
	if linked || len(treeOf(vm)) > 0 {
		ctx.WithLock(vm, func() { (&operation{vc: vc, ctx: ctx}).reback(vm, nil) })
	}
}

// forgetSnapshots takes the snapshots of a VM that is gone out of the inventory.
func (vc *VCenter) forgetSnapshots(ctx *simulator.Context, vm types.ManagedObjectReference) {
	for _, object := range vc.registry.AllReference("VirtualMachineSnapshot") {
		if s, ok := object.(*simulator.VirtualMachineSnapshot); ok && s.Vm == vm {
			vc.registry.Remove(ctx, s.Self)
		}
	}
}

// independent tells a disk that snapshots leave alone (VirtualDiskMode).
func independent(backing *types.VirtualDiskFlatVer2BackingInfo) bool {
	return slices.Contains([]string{
		string(types.VirtualDiskModeIndependent_persistent),
		string(types.VirtualDiskModeIndependent_nonpersistent),
	}, backing.DiskMode)
}

// unlessFalse reads a flag that "defaults to true".
func unlessFalse(flag *bool) bool { return flag == nil || *flag }
