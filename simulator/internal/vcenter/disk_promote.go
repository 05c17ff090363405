package vcenter

import (
	"path"
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/disk"
)

// PromoteDisksTask makes a linked clone stand for itself (VirtualMachine.PromoteDisks_Task): with unlink, "any disk
// backing which is shared by multiple virtual machines is copied so that this virtual machine has its own unshared
// version", in its home; and what no snapshot needs is merged. vcsim waits, and forgets the parents.
func (vm *VirtualMachine) PromoteDisksTask(ctx *simulator.Context, req *types.PromoteDisks_Task) soap.HasFault {
	body := new(methods.PromoteDisks_TaskBody)
	var keys []int32
	for _, d := range req.Disks {
		keys = append(keys, d.Key)
	}
	ref, fault := vm.vc.startOn(ctx, vm.VirtualMachine, vm.Name, "VirtualMachine.promoteDisks", "PromoteDisks_Task",
		func(op *operation) (types.AnyType, types.BaseMethodFault) {
			if req.Unlink {
				if fault := op.unlink(vm.VirtualMachine, keys); fault != nil {
					return nil, fault
				}
			}
			return nil, op.consolidate(vm.VirtualMachine)
		})
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.PromoteDisks_TaskResponse{Returnval: ref}
	return body
}

// unlinking is the copy of what a disk shares with other VMs.
type unlinking struct {
	parts []link // what is shared, the top first
	above link   // the VM's own delta on it
	to    place
	after disk.Disk
}

// unlink copies what some disks share, or all if none is named, and hangs their own deltas on the copies. A fault leaves
// the VM as it was.
func (op *operation) unlink(vm *simulator.VirtualMachine, keys []int32) (fault types.BaseMethodFault) {
	var todo []*unlinking
	sharers := op.vc.sharers(vm.Self)
	op.ctx.WithLock(vm, func() { todo, fault = op.vc.planUnlinking(vm, keys) })
	if fault != nil {
		return fault
	}
	for _, u := range todo {
		op.total += u.after.AllocatedBytes()
	}
	for n, u := range todo {
		if fault = op.copyShared(u); fault != nil {
			for _, begun := range todo[:n+1] {
				begun.to.forgetDisk()
				op.vc.publish(op.ctx, begun.to.store)
			}
			return fault
		}
	}
	for _, u := range todo {
		own := u.above.disk
		own.Parent = hint(u.above.place, u.to)
		if err := disk.Write(u.above.file(), own); err != nil {
			return fileFault(u.above.url(), err)
		}
	}
	op.ctx.WithLock(vm, func() { op.reback(vm, nil) })
	op.remeasure(sharers)
	return nil
}

// planUnlinking finds what is shared. The VM's lock is held.
func (vc *VCenter) planUnlinking(vm *simulator.VirtualMachine, keys []int32) ([]*unlinking, types.BaseMethodFault) {
	datacenter, disks := vc.datacenterOf(vm), disksOf(vm)
	for _, key := range keys {
		if !slices.ContainsFunc(disks, func(d *types.VirtualDisk) bool { return d.Key == key }) {
			return nil, &types.InvalidArgument{InvalidProperty: "disks"}
		}
	}
	home, _, fault := vc.snapshotHome(vm)
	if fault != nil {
		return nil, fault
	}
	var todo []*unlinking
	taken, need := make(map[string]bool), int64(0)
	for _, device := range disks {
		at, ok := vc.placeOfDisk(datacenter, device)
		if !ok || len(keys) > 0 && !slices.Contains(keys, device.Key) {
			continue
		}
		chain, fault := vc.chainOf(at)
		if fault != nil {
			return nil, fault
		}
		first := slices.IndexFunc(chain, func(l link) bool { return len(vc.shares.others(l.place, vm.Self)) > 0 })
		if first < 1 {
			continue // nothing is shared
		}
		u := &unlinking{parts: chain[first:], above: chain[first-1], after: mergedDisk(chain[first:])}
		u.after.UUID = chain[0].disk.UUID // one disk with what is above it
		u.to = place{home.store, freeName(home.store, home.join(path.Base(chain[0].name)).name, taken)}
		if need += u.after.AllocatedBytes(); need > home.store.account.Free() {
			return nil, noSpace(home.store, u.to.name)
		}
		todo = append(todo, u)
	}
	return todo, nil
}

// copyShared takes the time and the space of a copy, and writes it.
func (op *operation) copyShared(u *unlinking) types.BaseMethodFault {
	partial := u.after
	partial.WrittenBytes = 0
	if err := disk.Write(u.to.file(), partial); err != nil {
		return fileFault(u.to.url(), err)
	}
	if fault := op.copy(transfer{
		from: u.parts[0].store, to: u.to.store, fromName: u.parts[0].name, toName: u.to.name,
		bytes: u.after.AllocatedBytes(), thin: u.after.Kind == disk.Thin,
	}); fault != nil {
		return fault
	}
	err := disk.Flatten(filesOf(u.parts), u.to.file())
	if err == nil {
		err = disk.Write(u.to.file(), u.after)
	}
	if err != nil {
		return fileFault(u.to.url(), err)
	}
	return nil
}
