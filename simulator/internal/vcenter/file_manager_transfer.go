package vcenter

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/disk"
)

// MoveDatastoreFileTask moves a file or a folder. Within a datastore that is a new name, at once.
func (m *FileManager) MoveDatastoreFileTask(ctx *simulator.Context, req *types.MoveDatastoreFile_Task) soap.HasFault {
	body := new(methods.MoveDatastoreFile_TaskBody)
	ref, fault := m.transfer(ctx, "moveDatastoreFile", fileRequest{
		req.SourceDatacenter, req.SourceName, req.DestinationDatacenter, req.DestinationName, isTrue(req.Force), true})
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
	ref, fault := m.transfer(ctx, "copyDatastoreFile", fileRequest{
		req.SourceDatacenter, req.SourceName, req.DestinationDatacenter, req.DestinationName, isTrue(req.Force), false})
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
	move           bool
}

func (m *FileManager) transfer(ctx *simulator.Context, id string, req fileRequest) (ref types.ManagedObjectReference, fault types.BaseMethodFault) {
	if req.toDatacenter == nil { // "it is assumed that the destination path belongs to the source datacenter"
		req.toDatacenter = req.fromDatacenter
	}
	w := &fileWay{force: req.force, move: req.move}
	if w.from, fault = m.locate(req.fromDatacenter, req.fromName); fault != nil {
		return ref, fault
	}
	if w.to, fault = m.locate(req.toDatacenter, req.toName); fault != nil {
		return ref, fault
	}
	return m.start(ctx, id, w.from, func(op *operation) types.BaseMethodFault { return op.transferFile(w) })
}

// fileWay is the way of a file or a folder that FileManager moves or copies.
type fileWay struct {
	from, to place
	force    bool // what is there already is overwritten
	move     bool
}

// transferFile moves or copies. What is copied appears on the target when all of it is there; a fault or a cancel before
// leaves both as they were.
func (op *operation) transferFile(w *fileWay) types.BaseMethodFault {
	if fault := op.checkWay(w); fault != nil {
		return fault
	}
	defer op.vc.publish(op.ctx, w.from.store)
	defer op.vc.publish(op.ctx, w.to.store)
	rename := w.move && w.from.store == w.to.store
	var fault types.BaseMethodFault
	if rename {
		fault = op.nothingToCopy(w.from.url())
	} else {
		fault = op.copyFiles(w)
	}
	if fault == nil {
		fault = op.commit()
	}
	if fault == nil {
		fault = w.carryOut(rename)
	}
	op.changed()
	w.to.recount()
	if w.move {
		w.from.recount()
	}
	return fault
}

// checkWay gives the fault of a way that can't be gone.
func (op *operation) checkWay(w *fileWay) types.BaseMethodFault {
	if fault := w.to.store.usable(); fault != nil {
		return fault
	}
	if _, err := os.Stat(w.from.file()); err != nil {
		return fileFault(w.from.url(), err)
	}
	if _, err := os.Stat(path.Dir(w.to.file())); err != nil {
		return fileFault(w.to.url(), err) // the folder must be there
	}
	if w.from.store == w.to.store && (w.to.name == w.from.name || strings.HasPrefix(w.to.name, w.from.name+"/")) {
		return &types.InvalidArgument{InvalidProperty: "destinationName"}
	}
	if fault := op.free(w.from); fault != nil {
		return fault
	}
	if _, err := os.Stat(w.to.file()); err != nil {
		return nil
	}
	if !w.force {
		return &types.FileAlreadyExists{FileFault: types.FileFault{File: w.to.url()}}
	}
	return op.free(w.to)
}

// copyFiles takes the time and the space that the files take, one after another.
func (op *operation) copyFiles(w *fileWay) types.BaseMethodFault {
	files, err := w.files()
	if err != nil {
		return fileFault(w.from.url(), err)
	}
	for _, f := range files {
		op.total += f.bytes
	}
	if op.total > w.to.store.account.Free() && !w.force {
		return noSpace(w.to.store, w.to.name)
	}
	if len(files) == 0 {
		return op.nothingToCopy(w.from.url())
	}
	for _, f := range files {
		if fault := op.copy(f); fault != nil {
			return fault
		}
	}
	return nil
}

// files gives the files of the way that count by themselves: a disk's extent counts with its descriptor.
func (w *fileWay) files() ([]transfer, error) {
	var files []transfer
	err := filepath.WalkDir(w.from.file(), func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return skipGone(err)
		}
		inside, err := filepath.Rel(w.from.file(), file)
		if err != nil {
			return err
		}
		bytes, counts := counted(file)
		if !counts && file == w.from.file() {
			// An extent by itself: its descriptor goes another time.
			bytes, counts = bytesOf(file), true
		}
		if counts {
			files = append(files, transfer{
				from: w.from.store, fromName: path.Join(w.from.name, filepath.ToSlash(inside)),
				to: w.to.store, toName: path.Join(w.to.name, filepath.ToSlash(inside)),
				bytes: bytes, thin: true,
			})
		}
		return nil
	})
	return files, err
}

// carryOut puts the files into their new place.
func (w *fileWay) carryOut(rename bool) types.BaseMethodFault {
	if w.force {
		if err := os.RemoveAll(w.to.file()); err != nil {
			return fileFault(w.to.url(), err)
		}
	}
	if rename || w.move { // all datastores are folders of one file system
		if err := os.Rename(w.from.file(), w.to.file()); err != nil {
			return fileFault(w.to.url(), err)
		}
		return nil
	}
	if err := copyTree(w.from.file(), w.to.file()); err != nil {
		return fileFault(w.to.url(), err)
	}
	return nil
}

// recount takes the space of a file, or of all in a folder, from what lies there.
func (p place) recount() {
	info, err := os.Stat(p.file())
	switch {
	case err == nil && info.IsDir():
		p.store.account.Changed(p.name)
		_ = p.store.scan(p.name) // what can't be read stays as it was
	case err == nil:
		p.store.recount(p.name)
	default:
		p.store.account.Remove(p.name)
		p.store.recount(p.name)
	}
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
