package vcenter

import (
	"reflect"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// RenameTask gives the datastore another name; vcsim lacks it. Every "[old] path" in the VMs that lie on it has the new
// name afterwards, as after the next look of a vCenter.
func (ds *Datastore) RenameTask(ctx *simulator.Context, req *types.Rename_Task) soap.HasFault {
	body := new(methods.Rename_TaskBody)
	ref, fault := ds.vc.start(ctx, job{
		entity: ds.Datastore,
		id:     "ManagedEntity.rename",
		method: "Rename_Task",
		name:   ds.called(ctx),
		run: func(op *operation) (types.AnyType, types.BaseMethodFault) {
			return nil, op.vc.renameDatastore(op.ctx, ds.Datastore, req.NewName)
		},
	})
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.Rename_TaskResponse{Returnval: ref}
	return body
}

// RenameDatastore does the same at once (deprecated as of vSphere API 4.0).
func (ds *Datastore) RenameDatastore(ctx *simulator.Context, req *types.RenameDatastore) soap.HasFault {
	body := new(methods.RenameDatastoreBody)
	if fault := ds.vc.renameDatastore(ctx, ds.Datastore, req.NewName); fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = new(types.RenameDatastoreResponse)
	return body
}

// renameDatastore is refused with InvalidName, DuplicateName, or, unlike in a vCenter, ResourceInUse while a task that
// takes time runs anywhere: such a task knows the files that it works on by their names.
func (vc *VCenter) renameDatastore(ctx *simulator.Context, ds *simulator.Datastore, name string) types.BaseMethodFault {
	s := vc.store(ds.Self)
	ref := ds.Self
	if strings.TrimSpace(name) == "" || strings.ContainsAny(name, "/\\%[]") {
		return &types.InvalidName{Name: name, Entity: &ref}
	}
	if other := vc.storeNamed(s.datacenter, name); other != nil && other != s {
		return &types.DuplicateName{Name: name, Object: other.ref}
	}
	old, free := vc.callStore(s, name)
	if !free {
		return &types.ResourceInUse{Type: ref.Type, Name: old}
	}

	var vms []types.ManagedObjectReference
	ctx.WithLock(ds, func() {
		vms = append(vms, ds.Vm...)
		ctx.Update(ds, []types.PropertyChange{
			{Name: "name", Val: name},
			{Name: "summary.name", Val: name},
			{Name: "info", Val: called(ds.Info, name)},
		})
	})
	for _, ref := range vms {
		if vm, ok := vc.registry.Get(ref).(*simulator.VirtualMachine); ok {
			ctx.WithLock(vm, func() { vc.renameIn(ctx, vm, old, name) })
		}
	}
	return nil
}

// callStore changes the name that a datastore is found by, and gives the old one; not free: something works on files by
// their names.
func (vc *VCenter) callStore(s *store, name string) (old string, free bool) {
	vc.mu.Lock()
	defer vc.mu.Unlock()
	for _, op := range vc.operations {
		if op.claim != "" {
			return s.name, false
		}
	}
	old = s.name
	delete(vc.named, placeName{s.datacenter, s.name})
	s.name = name
	vc.named[placeName{s.datacenter, s.name}] = s
	return old, true
}

// renameIn changes a datastore's name in all that tells of a VM's files. The VM's lock is held.
func (vc *VCenter) renameIn(ctx *simulator.Context, vm *simulator.VirtualMachine, from, to string) {
	rename := func(text string) string {
		if rest, found := strings.CutPrefix(text, "["+from+"]"); found {
			return "[" + to + "]" + rest
		}
		return text
	}
	files := vm.Config.Files
	urls := renamed(vm.Config.DatastoreUrl, func(text string) string {
		if text == from {
			return to
		}
		return text
	})
	changes := []types.PropertyChange{
		{Name: "config.files", Val: renamed(files, rename)},
		{Name: "config.datastoreUrl", Val: urls},
		{Name: "config.hardware.device", Val: renamed(vm.Config.Hardware.Device, rename)},
		{Name: "summary.config.vmPathName", Val: rename(vm.Summary.Config.VmPathName)},
	}
	if vm.Layout != nil {
		changes = append(changes, types.PropertyChange{Name: "layout", Val: renamed(*vm.Layout, rename)})
	}
	if vm.LayoutEx != nil {
		changes = append(changes, types.PropertyChange{Name: "layoutEx", Val: renamed(*vm.LayoutEx, rename)})
	}
	ctx.Update(vm, changes)
	for _, ref := range vm.RootSnapshot {
		vc.renameInSnapshots(ctx, ref, rename)
	}
}

// renameInSnapshots changes a snapshot's configuration and those of its children.
func (vc *VCenter) renameInSnapshots(ctx *simulator.Context, ref types.ManagedObjectReference, rename func(string) string) {
	snapshot, ok := vc.registry.Get(ref).(*simulator.VirtualMachineSnapshot)
	if !ok {
		return
	}
	ctx.WithLock(snapshot, func() {
		ctx.Update(snapshot, []types.PropertyChange{{Name: "config", Val: renamed(snapshot.Config, rename)}})
	})
	for _, child := range snapshot.ChildSnapshot {
		vc.renameInSnapshots(ctx, child, rename)
	}
}

// called gives a datastore's info with another name, as a copy.
func called(old types.BaseDatastoreInfo, name string) types.BaseDatastoreInfo {
	general := *old.GetDatastoreInfo()
	fresh := refreshed(old, capacityOf(old), general.FreeSpace)
	fresh.GetDatastoreInfo().Name = name
	if vmfs, ok := fresh.(*types.VmfsDatastoreInfo); ok && vmfs.Vmfs != nil {
		vmfs.Vmfs.Name = name
	}
	if nas, ok := fresh.(*types.NasDatastoreInfo); ok && nas.Nas != nil {
		nas.Nas.Name = name
	}
	return fresh
}

func capacityOf(info types.BaseDatastoreInfo) int64 {
	switch i := info.(type) {
	case *types.VmfsDatastoreInfo:
		if i.Vmfs != nil {
			return i.Vmfs.Capacity
		}
	case *types.NasDatastoreInfo:
		if i.Nas != nil {
			return i.Nas.Capacity
		}
	}
	return 0
}

// renamed copies a data object with all that it is made of, each string as rename gives it.
func renamed[T any](value T, rename func(string) string) T {
	var fresh T
	copyRenamed(reflect.ValueOf(&fresh).Elem(), reflect.ValueOf(&value).Elem(), rename)
	return fresh
}

func copyRenamed(to, from reflect.Value, rename func(string) string) {
	switch from.Kind() {
	case reflect.String:
		to.SetString(rename(from.String()))
	case reflect.Pointer:
		if !from.IsNil() {
			to.Set(reflect.New(from.Type().Elem()))
			copyRenamed(to.Elem(), from.Elem(), rename)
		}
	case reflect.Interface:
		if !from.IsNil() {
			fresh := reflect.New(from.Elem().Type()).Elem()
			copyRenamed(fresh, from.Elem(), rename)
			to.Set(fresh)
		}
	case reflect.Slice:
		if !from.IsNil() {
			to.Set(reflect.MakeSlice(from.Type(), from.Len(), from.Len()))
			for i := range from.Len() {
				copyRenamed(to.Index(i), from.Index(i), rename)
			}
		}
	case reflect.Struct:
		to.Set(from) // and what is not exported, such as in a time.Time
		for i := range from.NumField() {
			if from.Type().Field(i).IsExported() {
				copyRenamed(to.Field(i), from.Field(i), rename)
			}
		}
	default:
		to.Set(from)
	}
}
