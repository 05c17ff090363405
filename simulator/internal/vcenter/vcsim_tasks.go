package vcenter

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// vcsimTasks hears of vcsim's own tasks (simulator.RegisterObject). While one works on a VM, no other may. What they
// leave is made true: a VM that was created, cloned or reconfigured gets true descriptors, sizes and space.
//
// It works while the task's lock is held for the change of its state, so nobody sees the task ended before that.
type vcsimTasks struct {
	vc *VCenter
}

// Reference gives what the registry knows this handler by.
func (vcsimTasks) Reference() types.ManagedObjectReference {
	return types.ManagedObjectReference{Type: "vrelocate", Value: "vcsim-tasks"}
}

// PutObject hears of a task that vcsim begins.
func (w vcsimTasks) PutObject(_ *simulator.Context, obj mo.Reference) {
	if task, ok := obj.(*simulator.Task); ok && !isOurs(task.Self) {
		w.vc.claimFor(task)
	}
}

// RemoveObject hears of an object's end: a VM's snapshots go with it.
func (w vcsimTasks) RemoveObject(ctx *simulator.Context, ref types.ManagedObjectReference) {
	if ref.Type == "VirtualMachine" {
		w.vc.forgetSnapshots(ctx, ref)
	}
}

// UpdateObject hears of a task's end among all changes.
func (w vcsimTasks) UpdateObject(ctx *simulator.Context, obj mo.Reference, changes []types.PropertyChange) {
	task, ok := obj.(*mo.Task)
	if !ok || task.Info.Entity == nil || isOurs(task.Self) {
		return
	}
	ownTheTask(ctx, task)
	if !hasEnded(task.Info.State) || !slices.ContainsFunc(changes, func(c types.PropertyChange) bool { return c.Name == "info.state" }) {
		return
	}
	defer w.vc.disclaim(&task.Info)
	refs := []types.ManagedObjectReference{*task.Info.Entity}
	if made, ok := task.Info.Result.(types.ManagedObjectReference); ok {
		refs = append(refs, made)
	}
	for _, ref := range refs {
		if vm, ok := w.vc.registry.Get(ref).(*simulator.VirtualMachine); ok {
			w.vc.makeTrue(ctx, vm)
		}
	}
}

// ownTheTask says who asked for a task: vcsim says that it was "vcsim". The task's lock is held, and nobody has been told
// of the task yet when its state first changes.
func ownTheTask(ctx *simulator.Context, task *mo.Task) {
	by, ok := task.Info.Reason.(*types.TaskReasonUser)
	if ok && by.UserName == "vcsim" && ctx.Session != nil && ctx.Session.UserName != "" && task.Info.State == types.TaskInfoStateRunning {
		task.Info.Reason = &types.TaskReasonUser{UserName: ctx.Session.UserName}
	}
}

// isOurs tells our tasks from vcsim's by their number.
func isOurs(task types.ManagedObjectReference) bool {
	number, err := strconv.Atoi(strings.TrimPrefix(task.Value, "task-"))
	return err == nil && number > firstTask
}

// makeTrue adopts a VM that vcsim changed and counts its files anew.
func (vc *VCenter) makeTrue(ctx *simulator.Context, vm *simulator.VirtualMachine) {
	// A descriptor that can't be read is told as it is: the disk stays as vcsim left it.
	_ = vc.adopt(ctx, vm)
	var places []place
	ctx.WithLock(vm, func() {
		vc.relistDatastores(ctx, vm)
		places = vc.placesOf(vm)
	})
	for _, p := range places {
		p.store.account.Changed(p.name)
		if err := p.store.scan(p.name); err == nil {
			vc.publish(ctx, p.store)
		}
	}
}

// place is a folder or a file on a datastore.
type place struct {
	store *store
	name  string
}

// placesOf gives where a VM's files are: its home, and its disks. The VM's lock is held.
func (vc *VCenter) placesOf(vm *simulator.VirtualMachine) []place {
	var places []place
	datacenter := vc.datacenterOf(vm)
	if s, name, fault := vc.locate(datacenter, vm.Config.Files.VmPathName); fault == nil && path.Dir(name) != "." {
		places = append(places, place{s, path.Dir(name)})
	}
	for _, device := range disksOf(vm) {
		backing, ok := device.Backing.(types.BaseVirtualDeviceFileBackingInfo)
		if !ok {
			continue
		}
		if s, name, fault := vc.locate(datacenter, backing.GetVirtualDeviceFileBackingInfo().FileName); fault == nil {
			places = append(places, place{s, name})
		}
	}
	return places
}
