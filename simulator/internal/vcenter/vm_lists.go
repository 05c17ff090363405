package vcenter

import (
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// relistDatastores brings vm.datastore, every datastore.vm and the catalog of first class disks in line with where the
// VM's files are. The VM's lock is held.
func (vc *VCenter) relistDatastores(ctx *simulator.Context, vm *simulator.VirtualMachine) {
	var now []types.ManagedObjectReference
	datacenter := vc.datacenterOf(vm)
	note := func(name string) {
		if s, _, fault := vc.locate(datacenter, name); fault == nil && !slices.Contains(now, s.ref) {
			now = append(now, s.ref)
		}
	}
	note(vm.Config.Files.VmPathName)
	for _, file := range vm.LayoutEx.File {
		note(file.Name)
	}
	for _, device := range vm.Config.Hardware.Device { // the image in a drive is used, too
		if file, ok := device.GetVirtualDevice().Backing.(types.BaseVirtualDeviceFileBackingInfo); ok {
			note(file.GetVirtualDeviceFileBackingInfo().FileName)
		}
	}
	before := vm.Datastore
	if !slices.Equal(before, now) {
		ctx.Update(vm, []types.PropertyChange{{Name: "datastore", Val: now}})
	}
	for _, ref := range before {
		if !slices.Contains(now, ref) {
			vc.editVMs(ctx, ref, without(vm.Self))
		}
	}
	for _, ref := range now {
		vc.editVMs(ctx, ref, with(vm.Self))
	}
	vc.noteFirstClassDisks(ctx, vm)
}

// relist takes a VM out of the list of one object, a host or a pool, and puts it into that of another.
func (vc *VCenter) relist(ctx *simulator.Context, from, to, vm types.ManagedObjectReference) {
	vc.editVMs(ctx, from, without(vm))
	vc.editVMs(ctx, to, with(vm))
}

// edit gives a changed list, as a copy: readers may still be encoding the old one.
type edit func([]types.ManagedObjectReference) []types.ManagedObjectReference

func with(vm types.ManagedObjectReference) edit {
	return func(list []types.ManagedObjectReference) []types.ManagedObjectReference {
		if slices.Contains(list, vm) {
			return list
		}
		return append(slices.Clone(list), vm)
	}
}

func without(vm types.ManagedObjectReference) edit {
	return func(list []types.ManagedObjectReference) []types.ManagedObjectReference {
		if !slices.Contains(list, vm) {
			return list
		}
		return slices.DeleteFunc(slices.Clone(list), func(r types.ManagedObjectReference) bool { return r == vm })
	}
}

// editVMs changes the list of VMs that an object has.
func (vc *VCenter) editVMs(ctx *simulator.Context, of types.ManagedObjectReference, change edit) {
	switch o := vc.registry.Get(of).(type) {
	case *simulator.Datastore:
		editList(ctx, o, "vm", &o.Vm, change)
	case *simulator.HostSystem:
		editList(ctx, o, "vm", &o.Vm, change)
	case *simulator.ResourcePool:
		editList(ctx, o, "vm", &o.Vm, change)
	case *simulator.VirtualApp:
		editList(ctx, o, "vm", &o.Vm, change)
	}
}

// editList changes a list that an object has, and tells of it by the property's name, unless it stays as it is.
func editList(ctx *simulator.Context, object mo.Reference, property string, list *[]types.ManagedObjectReference, change edit) {
	ctx.WithLock(object, func() {
		if changed := change(*list); !slices.Equal(changed, *list) {
			ctx.Update(object, []types.PropertyChange{{Name: property, Val: changed}})
		}
	})
}
