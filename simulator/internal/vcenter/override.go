package vcenter

import (
	"crypto/sha256"
	"encoding/hex"
	"reflect"
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// answered is the id that a call which we answer is said to go to. No registry has it.
//
// simulator.Service asks Registry.Handler first, but then prefers whatever the session's registry, and behind it the
// vCenter's, has under the call's reference. A reference that is in neither leaves our object in place. The call's body
// still has the true one, and so has the object that we return, by which the service locks it.
const answered = "answered-by-vrelocate"

// override is the registry's Handler: every call passes here. It counts the call, and has it answered by whoever does,
// or refuses it.
func (vc *VCenter) override(ctx *simulator.Context, method *simulator.Method) (mo.Reference, types.BaseMethodFault) {
	vc.ledger.Call(sessionName(ctx.Session), method.Name)
	ours, fault := vc.answerer(ctx, method)
	if fault != nil && ctx.Session != nil {
		return refuse(method, fault), nil
	}
	return ours, fault
}

// answerer decides who answers a call; nil: vcsim's own object.
func (vc *VCenter) answerer(ctx *simulator.Context, method *simulator.Method) (mo.Reference, types.BaseMethodFault) {
	object := vc.registry.Get(method.This)
	needsSession := !slices.Contains(beforeLogin, method.Name)
	if !vc.opened(ctx.Session) {
		if needsSession {
			return nil, &types.NotAuthenticated{NoPermission: types.NoPermission{Object: &method.This, PrivilegeId: "System.View"}}
		}
		ctx.Session = nil
	}
	if ctx.Session == nil && needsSession {
		return nil, nil // vcsim refuses it
	}
	if vc.faults.Any() {
		name := vc.subject(ctx, object, method.Body)
		if fault := vc.faults.AtCall(method.Name, name); fault != nil {
			return nil, fault
		}
		vc.planned.expect(method, name)
	}
	if ctx.Session == nil {
		if manager, ok := object.(*simulator.SessionManager); ok {
			return &SessionManager{SessionManager: manager, vc: vc}, nil
		}
		return nil, nil
	}

	// First, for it takes no lock: a task of vcsim's own holds the VM's for as long as it runs.
	if fault := vc.refuseWhileBusy(object, method.Name); fault != nil {
		return nil, fault
	}
	if fault := vc.refuseWithoutHost(ctx, object, method.Name, method.Body); fault != nil {
		return nil, fault
	}
	if fault := vc.refusePowerOn(ctx, object, method.Body); fault != nil {
		return nil, fault
	}
	vc.policies.note(method.This, method.Body)

	var ours mo.Reference
	switch o := object.(type) {
	case *simulator.VirtualMachine:
		ours = &VirtualMachine{VirtualMachine: o, vc: vc}
	case *simulator.VirtualMachineSnapshot:
		ours = &VirtualMachineSnapshot{VirtualMachineSnapshot: o, vc: vc}
	case *simulator.VmProvisioningChecker:
		ours = &VMProvisioningChecker{VmProvisioningChecker: o, vc: vc}
	case *simulator.Task:
		ours = &Task{Task: o, vc: vc}
	case *simulator.HostSystem:
		ours = &HostSystem{HostSystem: o, vc: vc}
	case *simulator.HostDatastoreSystem:
		ours = &HostDatastoreSystem{HostDatastoreSystem: o, vc: vc}
	case *simulator.HostStorageSystem:
		ours = &HostStorageSystem{HostStorageSystem: o, vc: vc}
	case *simulator.StorageResourceManager:
		ours = &StorageResourceManager{StorageResourceManager: o, vc: vc}
	case *simulator.StoragePod:
		ours = &StoragePod{StoragePod: o, vc: vc}
	case *simulator.Datastore:
		ours = &Datastore{Datastore: o, vc: vc}
	case *simulator.HostDatastoreBrowser:
		ours = &HostDatastoreBrowser{HostDatastoreBrowser: o, vc: vc}
	case *simulator.FileManager:
		ours = &FileManager{FileManager: o, vc: vc}
	case *simulator.VirtualDiskManager:
		ours = &VirtualDiskManager{VirtualDiskManager: o, vc: vc}
	case *simulator.VcenterVStorageObjectManager:
		ours = vc.catalog()
	case *simulator.Folder:
		ours = &Folder{Folder: o, vc: vc}
	case *simulator.SessionManager:
		switch method.Name {
		case "AcquireGenericServiceTicket", "Login", "Logout", "TerminateSession":
		default:
			return nil, nil // a session has its own view of vcsim's
		}
		ours = &SessionManager{SessionManager: o, vc: vc}
		method.This.Type = answered // not a SessionManager, of which the session would make its view
	case *simulator.ServiceInstance:
		ours = &ServiceInstance{ServiceInstance: o, vc: vc}
	default:
		return nil, nil
	}
	method.This.Value = answered
	return ours, nil
}

// subject names what a call is about, as rules do: an entity by its name, a disk or a file by its path as the call gives
// it.
func (vc *VCenter) subject(ctx *simulator.Context, object mo.Reference, request types.AnyType) (name string) {
	switch o := object.(type) {
	case *simulator.VirtualDiskManager, *simulator.FileManager:
		for _, field := range []string{"SourceName", "SourceDatastorePath", "Name", "DatastorePath"} {
			if value := reflect.ValueOf(request).Elem().FieldByName(field); value.IsValid() {
				return value.String()
			}
		}
	case *simulator.VcenterVStorageObjectManager:
		return vc.fcdSubject(ctx, request)
	case mo.Entity:
		ctx.WithLock(object, func() { name = o.Entity().Name })
	}
	return name
}

func nameOf(ctx *simulator.Context, vm *simulator.VirtualMachine) (name string) {
	ctx.WithLock(vm, func() { name = vm.Name })
	return name
}

// sessionName tells sessions apart in the ledger: the user and a few digits that stand for the key. The key itself is
// all that it takes to use the session.
func sessionName(session *simulator.Session) string {
	if session == nil {
		return "none"
	}
	sum := sha256.Sum256([]byte(session.Key))
	return session.UserName + "#" + hex.EncodeToString(sum[:4])
}

// Subject names what a call is about from what a request says at first sight: see subject.
func (vc *VCenter) Subject(kind, id string, arguments map[string]string) string {
	switch kind {
	case "VcenterVStorageObjectManager":
		return arguments["name"]
	case "VirtualDiskManager", "FileManager":
		for _, field := range []string{"sourceName", "sourceDatastorePath", "name", "datastorePath"} {
			if value, given := arguments[field]; given {
				return value
			}
		}
		return ""
	}
	return vc.subject(vc.newContext(), vc.registry.Get(types.ManagedObjectReference{Type: kind, Value: id}), nil)
}
