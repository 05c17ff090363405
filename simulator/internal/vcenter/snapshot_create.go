package vcenter

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/disk"
)

// maxSnapshots is how deep a tree of snapshots may be: vSphere supports 32 in a chain (KB 1025279).
const maxSnapshots = 32

// CreateSnapshotTask takes a snapshot. vcsim's has no disks of its own.
func (vm *VirtualMachine) CreateSnapshotTask(ctx *simulator.Context, req *types.CreateSnapshot_Task) soap.HasFault {
	body := new(methods.CreateSnapshot_TaskBody)
	ref, fault := vm.createSnapshot(ctx, "VirtualMachine.createSnapshot", "CreateSnapshot_Task",
		snapshotRequest{req.Name, req.Description, req.Memory, req.Quiesce})
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.CreateSnapshot_TaskResponse{Returnval: ref}
	return body
}

// CreateSnapshotExTask is CreateSnapshotTask with more to say about quiescing.
func (vm *VirtualMachine) CreateSnapshotExTask(ctx *simulator.Context, req *types.CreateSnapshotEx_Task) soap.HasFault {
	body := new(methods.CreateSnapshotEx_TaskBody)
	ref, fault := vm.createSnapshot(ctx, "VirtualMachine.createSnapshotEx", "CreateSnapshotEx_Task",
		snapshotRequest{req.Name, req.Description, req.Memory, req.QuiesceSpec != nil})
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.CreateSnapshotEx_TaskResponse{Returnval: ref}
	return body
}

// snapshotRequest is what a snapshot is asked for with.
type snapshotRequest struct {
	name, description string
	memory, quiesce   bool
}

func (vm *VirtualMachine) createSnapshot(ctx *simulator.Context, id, method string, req snapshotRequest) (types.ManagedObjectReference, types.BaseMethodFault) {
	if vm.Config.Template {
		return types.ManagedObjectReference{}, new(types.NotSupported)
	}
	return vm.vc.startOn(ctx, vm.VirtualMachine, vm.Name, id, method,
		func(op *operation) (types.AnyType, types.BaseMethodFault) {
			return op.createSnapshot(vm.VirtualMachine, req)
		})
}

// snapshotPlan is a snapshot that is to be.
type snapshotPlan struct {
	snapshotRequest
	folder      place  // of its files
	stem        string // of their names
	id          int32
	power       types.VirtualMachinePowerState // "when set to FALSE, the power state of the snapshot is set to powered off"
	quiesced    bool
	memoryBytes int64
}

// createSnapshot takes a snapshot: memory first, which takes time, then the disks, in one moment.
func (op *operation) createSnapshot(vm *simulator.VirtualMachine, req snapshotRequest) (result types.AnyType, fault types.BaseMethodFault) {
	var plan *snapshotPlan
	op.ctx.WithLock(vm, func() { plan, fault = op.planSnapshot(vm, req) })
	if fault != nil {
		return nil, fault
	}
	if fault := op.writeMemory(plan); fault != nil {
		return nil, fault
	}
	if fault := op.commit(); fault != nil {
		memoryFile(plan.folder, plan.stem, plan.id).forget()
		op.vc.publish(op.ctx, plan.folder.store)
		return nil, fault
	}
	stores := map[*store]bool{plan.folder.store: true}
	op.ctx.WithLock(vm, func() { result, fault = op.takeSnapshot(vm, plan, stores) })
	if fault != nil {
		memoryFile(plan.folder, plan.stem, plan.id).forget()
	}
	for s := range stores {
		op.vc.publish(op.ctx, s)
	}
	return result, fault
}

// planSnapshot reads a request, or gives the fault that refuses it. The VM's lock is held.
func (op *operation) planSnapshot(vm *simulator.VirtualMachine, req snapshotRequest) (*snapshotPlan, types.BaseMethodFault) {
	plan := &snapshotPlan{snapshotRequest: req, power: types.VirtualMachinePowerStatePoweredOff}
	if vm.Snapshot != nil && vm.Snapshot.CurrentSnapshot != nil {
		if _, depth, _ := treeOf(vm).find(*vm.Snapshot.CurrentSnapshot); depth >= maxSnapshots {
			return nil, new(types.TooManySnapshotLevels)
		}
	}
	var fault types.BaseMethodFault
	if plan.folder, plan.stem, fault = op.vc.snapshotHome(vm); fault != nil {
		return nil, fault
	}
	plan.id = op.vc.lastSnapshot(vm, plan.folder, plan.stem) + 1

	running := vm.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOn
	if req.memory {
		plan.power = vm.Runtime.PowerState
		if running {
			plan.memoryBytes = int64(vm.Config.Hardware.MemoryMB) << 20
		}
	}
	// "If the virtual machine is powered off or VMware Tools are not available, the quiesce flag is ignored."
	plan.quiesced = req.quiesce && running && vm.Guest != nil &&
		vm.Guest.ToolsRunningStatus == string(types.VirtualMachineToolsRunningStatusGuestToolsRunning)
	return plan, nil
}

// writeMemory writes what a running VM has in its memory.
func (op *operation) writeMemory(plan *snapshotPlan) types.BaseMethodFault {
	file := memoryFile(plan.folder, plan.stem, plan.id)
	if plan.memoryBytes == 0 {
		return op.nothingToCopy(file.url())
	}
	op.total = plan.memoryBytes
	op.change(file.store, file.name)
	fault := op.pass([]string{file.store.ref.Value}, op.total, file.url(), func(done int64) types.BaseMethodFault {
		defer op.vc.publish(op.ctx, file.store)
		if file.store.account.Set(file.name, done) != nil {
			return noSpace(file.store, file.name)
		}
		return nil
	})
	if fault == nil {
		fault = file.write(plan.memoryBytes)
	}
	if fault != nil {
		file.forget()
		op.vc.publish(op.ctx, file.store)
	}
	return fault
}

// takeSnapshot puts deltas on the disks and the snapshot into the tree. The VM's lock is held.
func (op *operation) takeSnapshot(vm *simulator.VirtualMachine, plan *snapshotPlan, stores map[*store]bool) (types.AnyType, types.BaseMethodFault) {
	vc := op.vc
	state := stateFile(plan.folder, plan.stem, plan.id)
	if fault := state.write(stateBytes); fault != nil {
		return nil, fault
	}
	datacenter := vc.datacenterOf(vm)
	became, fault := vc.putDeltas(datacenter, disksOf(vm))
	if fault != nil {
		state.forget()
		return nil, fault
	}
	for _, delta := range became {
		stores[delta.store] = true
	}

	object := new(simulator.VirtualMachineSnapshot)
	object.Vm = vm.Self
	object.Config = deepCopied(*vm.Config)
	vc.registry.Put(object)

	var current *types.ManagedObjectReference
	if vm.Snapshot != nil {
		current = vm.Snapshot.CurrentSnapshot
	}
	t := treeOf(vm).under(current, types.VirtualMachineSnapshotTree{
		Snapshot: object.Self, Vm: vm.Self, Id: plan.id, Name: plan.name, Description: plan.description,
		CreateTime: vc.now(), State: plan.power, Quiesced: plan.quiesced, ReplaySupported: types.NewBool(false),
	})
	self := object.Self
	op.ctx.Update(vm, append(toldTree(t, &self),
		types.PropertyChange{Name: "config.hardware.device", Val: vc.rebacked(datacenter, vm.Config.Hardware.Device, became)}))
	op.tellChildren(t)
	op.reback(vm, nil)
	return self, nil
}

// putDeltas makes a new delta on each disk that is not independent, and gives which disk became which delta. If one
// can't be made, none is.
func (vc *VCenter) putDeltas(datacenter types.ManagedObjectReference, disks []*types.VirtualDisk) (map[place]place, types.BaseMethodFault) {
	became := make(map[place]place)
	for _, device := range disks {
		backing, flat := device.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
		if !flat || independent(backing) {
			continue
		}
		at, ok := vc.placeOfDisk(datacenter, device)
		if !ok {
			continue
		}
		delta, fault := putDelta(at, place{at.store, freeDelta(at.store, at.name)}, "")
		if fault != nil {
			for _, made := range became {
				made.forgetDisk()
			}
			return nil, fault
		}
		became[at] = delta
	}
	return became, nil
}

// putDelta makes a delta of a disk, with a UUID of its own if one is given: then it is another disk than its parent.
func putDelta(parent, delta place, uuid string) (place, types.BaseMethodFault) {
	d, err := disk.Read(parent.file())
	if err != nil {
		return delta, fileFault(parent.url(), err)
	}
	child := d.Child(hint(delta, parent))
	if uuid != "" {
		child.UUID = uuid
	}
	if err := disk.Write(delta.file(), child); err != nil {
		return delta, fileFault(delta.url(), err)
	}
	_ = delta.store.account.Set(delta.name, child.AllocatedBytes()) // nothing yet
	return delta, nil
}

// forgetDisk deletes a disk's files and gives their space back.
func (p place) forgetDisk() {
	_ = disk.Remove(p.file())
	p.store.account.Remove(p.name)
}

// deepCopied gives a copy of a data object down to its last part: vcsim changes some of a VM's configuration in place.
func deepCopied[T any](source T) T { return renamed(source, func(text string) string { return text }) }
