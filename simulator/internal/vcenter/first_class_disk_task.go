package vcenter

import (
	"reflect"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/limits"
)

// diskWork is what a task does with a first class disk.
type diskWork func(op *operation, fcd firstClassDisk) (types.AnyType, types.BaseMethodFault)

// onDisk starts a task on a first class disk that waits for nothing.
func (m *VStorageObjectManager) onDisk(ctx *simulator.Context, method string, datastore types.ManagedObjectReference, id types.ID,
	run diskWork) (types.ManagedObjectReference, types.BaseMethodFault) {
	return m.begin(ctx, method, datastore, id, nil, run)
}

// begin starts a task that has a first class disk for itself, and with it the disk's file. A disk that can't be found
// fails the task, as on a vCenter; a datastore that can't be found fails the call, for there is nobody to have the task.
// A scenario's faults and the ledger know the disk by its name.
func (m *VStorageObjectManager) begin(ctx *simulator.Context, method string, datastore types.ManagedObjectReference, id types.ID,
	uses []limits.Use, run diskWork) (ref types.ManagedObjectReference, fault types.BaseMethodFault) {
	entity, ok := m.vc.registry.Get(datastore).(*simulator.Datastore)
	if !ok {
		return ref, &types.InvalidDatastore{Datastore: &datastore}
	}
	fcd, missing := m.find(ctx, datastore, id)
	j := m.job(method, entity, fcd.Config.Name)
	if missing != nil {
		j.name = id.Id
		j.run = func(*operation) (types.AnyType, types.BaseMethodFault) { return nil, missing }
		return m.vc.start(ctx, j)
	}
	j.claim, j.uses = fcd.at.url(), uses
	j.run = func(op *operation) (types.AnyType, types.BaseMethodFault) {
		// Again: before the claim another task may have moved it.
		now, fault := m.find(op.ctx, datastore, id)
		switch {
		case fault != nil:
			return nil, fault
		case now.at != fcd.at:
			return nil, new(types.InvalidState)
		}
		return run(op, now)
	}
	return m.vc.start(ctx, j)
}

// job describes a task of the manager's. Its descriptionId is the method's name with a small letter in front.
func (m *VStorageObjectManager) job(method string, entity *simulator.Datastore, name string) job {
	id := []byte(method[:len(method)-len("_Task")])
	id[0] |= 'a' - 'A'
	return job{entity: entity, id: "VcenterVStorageObjectManager." + string(id), method: method, name: name}
}

// detached gives work that is done with a disk only while no VM has it: InvalidState else.
func detached(run diskWork) diskWork {
	return func(op *operation, fcd firstClassDisk) (types.AnyType, types.BaseMethodFault) {
		if fcd.consumer != nil {
			return nil, new(types.InvalidState)
		}
		return run(op, fcd)
	}
}

// fcdSubject names the disk that a call is about, for a scenario's faults: see subject.
func (vc *VCenter) fcdSubject(ctx *simulator.Context, request any) string {
	fields := reflect.ValueOf(request).Elem()
	if spec := fields.FieldByName("Spec"); spec.IsValid() {
		if made, ok := spec.Interface().(types.VslmCreateSpec); ok {
			return made.Name
		}
	}
	field := fields.FieldByName("Id")
	if !field.IsValid() {
		return ""
	}
	id, ok := field.Interface().(types.ID)
	if !ok {
		return ""
	}
	m, name := vc.catalog(), ""
	m.locked(ctx, func() {
		for _, disks := range m.Catalog() {
			if known := disks[id]; known != nil {
				name = known.Config.Name
			}
		}
	})
	return name
}

// tellOfFirstClassDisks names their manager in an answer to Fetch that is the vCenter's content, which is how pyVmomi
// comes to know it. vcsim leaves it out for the sake of ovftool, which speaks an API that does not have it yet. The
// answer's type is vcsim's own, so its fields are found by their names.
func tellOfFirstClassDisks(ctx *simulator.Context, answer soap.HasFault) {
	res := reflect.ValueOf(answer).Elem().FieldByName("Res")
	if !res.IsValid() || res.Kind() != reflect.Pointer || res.IsNil() {
		return
	}
	value := res.Elem().FieldByName("Returnval")
	content, ok := value.Interface().(types.ServiceContent)
	if !ok {
		return
	}
	if instance, ok := ctx.Map.Get(vim25.ServiceInstance).(*simulator.ServiceInstance); ok {
		content.VStorageObjectManager = instance.Content.VStorageObjectManager
		value.Set(reflect.ValueOf(content))
	}
}
