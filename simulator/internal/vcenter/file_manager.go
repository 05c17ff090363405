package vcenter

import (
	"net/url"
	"os"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// FileManager differs from vcsim's in that moving and copying between datastores take time, show progress, can be
// cancelled and keep the account of space; in that a file that is in use is locked; and in that its tasks have a
// datastore for their entity: the manager itself is no ManagedEntity, so that pyVmomi can't read TaskInfo. (FileManager
// in the vSphere Web Services API.)
//
// A file of a VM that is off is not locked: it may be deleted or moved, and the VM does not learn of it ("If a file of a
// virtual machine is deleted, it may corrupt that virtual machine", DeleteDatastoreFile_Task).
type FileManager struct {
	*simulator.FileManager
	vc *VCenter
}

// locate finds a file that a request names, by a datastore path or by a URL ("the name is either a URL or a datastore
// path"). vSphere's own word for a missing datacenter is InvalidArgument.
func (m *FileManager) locate(datacenter *types.ManagedObjectReference, name string) (place, types.BaseMethodFault) {
	if address, err := url.Parse(name); err == nil && strings.HasPrefix(address.Path, "/folder/") && address.Host != "" {
		at, found := m.vc.locateURL(address.Query(), address.Path)
		if !found {
			return at, &types.InvalidDatastore{Name: address.Query().Get("dsName")}
		}
		return at, at.store.readable()
	}
	if datacenter == nil {
		return place{}, &types.InvalidArgument{InvalidProperty: "datacenter"}
	}
	s, at, fault := m.vc.locate(*datacenter, name)
	if fault == nil {
		fault = s.readable()
	}
	return place{s, at}, fault
}

func (p place) file() string { return p.store.file(p.name) }
func (p place) url() string  { return p.store.url(p.name) }

// MakeDirectory makes a folder, and those above it if asked to.
func (m *FileManager) MakeDirectory(_ *simulator.Context, req *types.MakeDirectory) soap.HasFault {
	body := new(methods.MakeDirectoryBody)
	at, fault := m.locate(req.Datacenter, req.Name)
	if fault == nil {
		fault = at.store.usable()
	}
	if fault == nil {
		fault = makeFolder(at, isTrue(req.CreateParentDirectories))
	}
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = new(types.MakeDirectoryResponse)
	return body
}

func makeFolder(at place, parents bool) types.BaseMethodFault {
	make := os.Mkdir
	if parents {
		make = os.MkdirAll
	}
	if err := make(at.file(), 0o700); err != nil {
		return fileFault(at.url(), err)
	}
	return nil
}

// DeleteDatastoreFileTask deletes a file, or a folder with all that is in it.
func (m *FileManager) DeleteDatastoreFileTask(ctx *simulator.Context, req *types.DeleteDatastoreFile_Task) soap.HasFault {
	body := new(methods.DeleteDatastoreFile_TaskBody)
	at, fault := m.locate(req.Datacenter, req.Name)
	var ref types.ManagedObjectReference
	if fault == nil {
		ref, fault = m.start(ctx, "deleteDatastoreFile", at, func(op *operation) types.BaseMethodFault { return op.deleteFile(at) })
	}
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.DeleteDatastoreFile_TaskResponse{Returnval: ref}
	return body
}

// deleteFile deletes a file or a folder, if nothing in it is in use.
func (op *operation) deleteFile(at place) types.BaseMethodFault {
	if at.name == "" {
		return &types.CannotDeleteFile{FileFault: types.FileFault{File: at.url()}} // the datastore itself
	}
	if _, err := os.Stat(at.file()); err != nil {
		return fileFault(at.url(), err)
	}
	if fault := op.free(at); fault != nil {
		return fault
	}
	if fault := op.commit(); fault != nil {
		return fault
	}
	if err := os.RemoveAll(at.file()); err != nil {
		return fileFault(at.url(), err)
	}
	at.recount()
	op.vc.publish(op.ctx, at.store)
	return nil
}

// free gives the fault of a file, or a folder with all that is in it, that another has a use for: a VM that runs, a
// task, an upload, or a disk on top of it.
func (op *operation) free(at place) types.BaseMethodFault {
	if op.vc.uploading(at) {
		return fileLocked(at)
	}
	if fault := op.vc.locked(op.ctx, at, op.claim); fault != nil {
		return fault
	}
	return op.vc.refuseParents(at)
}

// start makes a task that has a file for itself. FileManager's methods have no TaskInProgress among their faults: what
// another task has is locked.
func (m *FileManager) start(ctx *simulator.Context, id string, at place, run func(*operation) types.BaseMethodFault) (types.ManagedObjectReference, types.BaseMethodFault) {
	ref, fault := m.vc.start(ctx, job{
		entity: m.vc.registry.Get(at.store.ref),
		id:     "FileManager." + id,
		method: methodOf(id),
		name:   at.url(),
		claim:  at.url(),
		run:    func(op *operation) (types.AnyType, types.BaseMethodFault) { return nil, run(op) },
	})
	if _, taken := fault.(*types.TaskInProgress); taken {
		return ref, fileLocked(at)
	}
	return ref, fault
}
