package vcenter

import (
	"errors"
	"io/fs"
	"os"
	"path"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/disk"
)

// FileManager differs from vcsim's in that the account of space follows what it does, and in that its tasks have a
// datastore for their entity: the manager itself is no ManagedEntity, so that pyVmomi can't read TaskInfo. (FileManager
// in the vSphere Web Services API.) Its moves and copies take no time: disks have VirtualDiskManager.
type FileManager struct {
	*simulator.FileManager
	vc *VCenter
}

// locate finds a file that a request names. vSphere's own word for a missing datacenter is InvalidArgument.
func (m *FileManager) locate(datacenter *types.ManagedObjectReference, name string) (place, types.BaseMethodFault) {
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
		ref, fault = m.start(ctx, "deleteDatastoreFile", at, at, func() types.BaseMethodFault {
			if fault := m.vc.refuseParents(at); fault != nil {
				return fault
			}
			return deleteFile(at)
		})
	}
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.DeleteDatastoreFile_TaskResponse{Returnval: ref}
	return body
}

func deleteFile(at place) types.BaseMethodFault {
	if at.name == "" {
		return &types.CannotDeleteFile{FileFault: types.FileFault{File: at.url()}} // the datastore itself
	}
	if _, err := os.Stat(at.file()); err != nil {
		return fileFault(at.url(), err)
	}
	if err := os.RemoveAll(at.file()); err != nil {
		return fileFault(at.url(), err)
	}
	at.store.account.Remove(at.name)
	return nil
}

// MoveDatastoreFileTask moves a file or a folder.
func (m *FileManager) MoveDatastoreFileTask(ctx *simulator.Context, req *types.MoveDatastoreFile_Task) soap.HasFault {
	body := new(methods.MoveDatastoreFile_TaskBody)
	ref, fault := m.transfer(ctx, "moveDatastoreFile",
		fileRequest{req.SourceDatacenter, req.SourceName, req.DestinationDatacenter, req.DestinationName, isTrue(req.Force)},
		func(from, to place) error {
			if fault := m.vc.refuseParents(from); fault != nil {
				return &faultError{fault}
			}
			if err := os.Rename(from.file(), to.file()); err != nil {
				return err
			}
			from.store.account.Remove(from.name)
			return nil
		})
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.MoveDatastoreFile_TaskResponse{Returnval: ref}
	return body
}

// CopyDatastoreFileTask copies a file or a folder.
func (m *FileManager) CopyDatastoreFileTask(ctx *simulator.Context, req *types.CopyDatastoreFile_Task) soap.HasFault {
	body := new(methods.CopyDatastoreFile_TaskBody)
	ref, fault := m.transfer(ctx, "copyDatastoreFile",
		fileRequest{req.SourceDatacenter, req.SourceName, req.DestinationDatacenter, req.DestinationName, isTrue(req.Force)},
		func(from, to place) error { return copyTree(from.file(), to.file()) })
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.CopyDatastoreFile_TaskResponse{Returnval: ref}
	return body
}

// fileRequest is what moving and copying are asked for alike.
type fileRequest struct {
	fromDatacenter *types.ManagedObjectReference
	fromName       string
	toDatacenter   *types.ManagedObjectReference
	toName         string
	force          bool
}

func (m *FileManager) transfer(ctx *simulator.Context, id string, req fileRequest, do func(from, to place) error) (ref types.ManagedObjectReference, fault types.BaseMethodFault) {
	if req.toDatacenter == nil {
		req.toDatacenter = req.fromDatacenter
	}
	from, fault := m.locate(req.fromDatacenter, req.fromName)
	if fault != nil {
		return ref, fault
	}
	to, fault := m.locate(req.toDatacenter, req.toName)
	if fault != nil {
		return ref, fault
	}
	return m.start(ctx, id, from, to, func() types.BaseMethodFault {
		if _, err := os.Stat(from.file()); err != nil {
			return fileFault(from.url(), err)
		}
		if _, err := os.Stat(to.file()); err == nil && !req.force {
			return &types.FileAlreadyExists{FileFault: types.FileFault{File: to.url()}}
		}
		if err := do(from, to); err != nil {
			return fileFault(to.url(), err)
		}
		// The folder around it: what was moved may be a disk's extent, which counts with its descriptor.
		if err := to.store.scan(folderOf(to.name)); err != nil {
			return fileFault(to.url(), err)
		}
		return nil
	})
}

// folderOf gives the folder that a path is in; "" is the datastore itself.
func folderOf(name string) string {
	if dir := path.Dir(name); dir != "." {
		return dir
	}
	return ""
}

// start runs a task that takes no time.
func (m *FileManager) start(ctx *simulator.Context, id string, from, to place, do func() types.BaseMethodFault) (types.ManagedObjectReference, types.BaseMethodFault) {
	return m.vc.start(ctx, job{
		entity: m.vc.registry.Get(from.store.ref),
		id:     "FileManager." + id,
		method: methodOf(id),
		name:   from.url(),
		run: func(op *operation) (types.AnyType, types.BaseMethodFault) {
			fault := do()
			m.vc.publish(op.ctx, from.store)
			m.vc.publish(op.ctx, to.store)
			return nil, fault
		},
	})
}

// copyTree copies a file or a folder; extents stay sparse.
func copyTree(from, to string) error {
	info, err := os.Stat(from)
	if err != nil {
		return err
	}
	if !info.IsDir() {
		return disk.CopySparse(from, to)
	}
	if err := os.Mkdir(to, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	entries, err := os.ReadDir(from)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if err := copyTree(path.Join(from, entry.Name()), path.Join(to, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}
