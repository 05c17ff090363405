package vcenter

import (
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// refusePlacement refuses calls of vcsim's that would put something on a datastore which takes nothing new (see
// store.usable): it has no such thing as a datastore that is lost or in maintenance mode. A vCenter makes a task first,
// which fails with the same fault.
func (vc *VCenter) refusePlacement(ctx *simulator.Context, on any, request types.AnyType) types.BaseMethodFault {
	switch r := request.(type) {
	case *types.CreateVM_Task:
		if folder, ok := on.(*simulator.Folder); ok && r.Config.Files != nil {
			names := append(newFiles(r.Config.DeviceChange), r.Config.Files.VmPathName)
			return vc.allUsable(vc.datacenterAbove(folder), names)
		}
	case *types.RegisterVM_Task:
		if folder, ok := on.(*simulator.Folder); ok {
			return vc.allUsable(vc.datacenterAbove(folder), []string{r.Path})
		}
	case *types.ReconfigVM_Task:
		if vm, ok := on.(*simulator.VirtualMachine); ok {
			if names := newFiles(r.Spec.DeviceChange); len(names) > 0 {
				return vc.allUsable(vc.datacenterOf(vm), names)
			}
		}
	case *types.CloneVM_Task:
		return vc.targetUsable(r.Spec.Location.Datastore, "spec.location.datastore")
	case *types.PowerOnVM_Task:
		if vm, ok := on.(*simulator.VirtualMachine); ok {
			return vc.vmUsable(ctx, vm)
		}
	}
	return nil
}

// newFiles gives the names of the disks that a spec makes; a disk that is there already is merely used.
func newFiles(changes []types.BaseVirtualDeviceConfigSpec) []string {
	var names []string
	for _, change := range changes {
		spec := change.GetVirtualDeviceConfigSpec()
		d, isDisk := spec.Device.(*types.VirtualDisk)
		if !isDisk || spec.FileOperation != types.VirtualDeviceConfigSpecFileOperationCreate {
			continue
		}
		if backing, ok := d.Backing.(types.BaseVirtualDeviceFileBackingInfo); ok {
			names = append(names, backing.GetVirtualDeviceFileBackingInfo().FileName)
		}
	}
	return names
}

// allUsable looks at the datastores of file names. A name without one, or with one that is not there, is vcsim's to judge.
func (vc *VCenter) allUsable(datacenter types.ManagedObjectReference, names []string) types.BaseMethodFault {
	for _, name := range names {
		var at object.DatastorePath
		if !at.FromString(name) {
			continue
		}
		if s := vc.storeNamed(datacenter, at.Datastore); s != nil {
			if fault := s.usable(); fault != nil {
				return fault
			}
		}
	}
	return nil
}

func (vc *VCenter) targetUsable(ref *types.ManagedObjectReference, property string) types.BaseMethodFault {
	switch {
	case ref == nil:
		return nil
	case ref.Type == "StoragePod":
		return &types.InvalidArgument{InvalidProperty: property}
	}
	if s := vc.store(*ref); s != nil {
		return s.usable()
	}
	return nil
}

// vmUsable looks at all datastores of a VM.
func (vc *VCenter) vmUsable(ctx *simulator.Context, vm *simulator.VirtualMachine) types.BaseMethodFault {
	var refs []types.ManagedObjectReference
	ctx.WithLock(vm, func() { refs = append(refs, vm.Datastore...) })
	for _, ref := range refs {
		if fault := vc.targetUsable(&ref, "datastore"); fault != nil {
			return fault
		}
	}
	return nil
}

// datacenterAbove gives the datacenter that a folder is in.
func (vc *VCenter) datacenterAbove(folder *simulator.Folder) types.ManagedObjectReference {
	if dc := vc.parent(folder, "Datacenter"); dc != nil {
		return dc.Reference()
	}
	return types.ManagedObjectReference{}
}
