package vcenter

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"path"
	"strings"

	"vrelocate/simulator/internal/disk"
	"vrelocate/simulator/internal/space"
)

// post makes a file and, as vcsim does, refuses to replace one: 409.
func (d *datastoreFiles) post(w http.ResponseWriter, r *http.Request, at place) {
	if _, err := os.Stat(at.file()); err == nil {
		http.Error(w, "409 the file is there already", http.StatusConflict)
		return
	}
	d.put(w, r, at)
}

// put makes a file, with the folders above it (201), or replaces one (200). The space is taken while the bytes arrive.
//
// A PUT with Content-Range writes a part of a file at its place and leaves the rest, so that an upload that broke off can
// be resumed: HEAD says how far it came. No document says what a vCenter does with it; RFC 9110, 14.5 leaves partial PUT
// to the server, and asks for 409 when the range does not fit the file. So a part must begin within the file or at its
// end; with the last byte of a known total the file gets that length.
//
// What arrived stays: when the connection breaks, and when the datastore is full (507, RFC 4918, 11.5).
func (d *datastoreFiles) put(w http.ResponseWriter, r *http.Request, at place) {
	info, err := os.Stat(at.file())
	exists := err == nil
	if at.name == "" || strings.HasSuffix(r.URL.Path, "/") || exists && info.IsDir() {
		http.Error(w, "409 a folder's name", http.StatusConflict)
		return
	}
	if at.store.usable() != nil {
		http.Error(w, "503 the datastore is in maintenance mode", http.StatusServiceUnavailable)
		return
	}
	part, err := contentRange(r)
	if err != nil {
		http.Error(w, "400 "+err.Error(), http.StatusBadRequest)
		return
	}
	if part != nil && part.first > 0 && (!exists || part.first > info.Size()) {
		var there int64
		if exists {
			there = info.Size()
		}
		http.Error(w, fmt.Sprintf("409 the file has %d bytes", there), http.StatusConflict)
		return
	}
	done, free := d.reserve(at)
	if !free {
		conflict(w, at)
		return
	}
	defer done()

	u := &upload{vc: d.vc, at: at, part: part}
	defer at.store.account.Change(at.name)()
	defer u.settle()
	switch err := u.receive(r); {
	case errors.As(err, new(*space.NoSpaceError)):
		http.Error(w, "507 "+message(noSpace(at.store, at.name)), http.StatusInsufficientStorage)
	case err != nil:
		unable(w, err) // the client is gone, or it sent less or more than it had said
	case exists:
		w.WriteHeader(http.StatusOK)
	default:
		w.WriteHeader(http.StatusCreated)
	}
}

// delete deletes a file (204), not a folder (405).
func (d *datastoreFiles) delete(w http.ResponseWriter, _ *http.Request, at place) {
	info, err := os.Stat(at.file())
	if err != nil {
		unable(w, err)
		return
	}
	if info.IsDir() {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "405 a folder", http.StatusMethodNotAllowed)
		return
	}
	done, free := d.reserve(at)
	if !free {
		conflict(w, at)
		return
	}
	defer done()
	if err := os.Remove(at.file()); err != nil {
		unable(w, err)
		return
	}
	at.store.recount(at.name)
	d.vc.publish(d.vc.newContext(), at.store)
	w.WriteHeader(http.StatusNoContent)
}

// reserve keeps others from a file until done is called. It is not free while a VM or a task has it, or another upload.
func (d *datastoreFiles) reserve(at place) (done func(), free bool) {
	if d.vc.locked(d.vc.newContext(), at, "") != nil {
		return nil, false
	}
	return d.vc.hold(at)
}

// conflict refuses a file that is in use. No document tells a vCenter's status; Ansible's vsphere_copy saw the connection
// reset instead.
func conflict(w http.ResponseWriter, at place) {
	http.Error(w, "409 "+message(fileLocked(at)), http.StatusConflict)
}

// makeAbove makes the folders above a file.
func (p place) makeAbove() error { return os.MkdirAll(path.Dir(p.file()), 0o700) }

// recount takes a file's space from what lies on this machine. A disk's extent counts with its descriptor.
func (s *store) recount(name string) {
	var names []string
	if strings.HasSuffix(name, ".vmdk") {
		descriptor := name
		if disk.IsExtent(name) {
			descriptor = disk.Descriptor(name)
		}
		names = []string{descriptor, disk.Extent(descriptor)}
	}
	if len(names) == 0 || disk.IsExtent(name) && names[1] != name { // a delta's extent
		names = append(names, name)
	}
	for _, name := range names {
		s.account.Remove(name)
		if bytes, counts := counted(s.file(name)); counts {
			s.account.Replace(name, map[string]int64{name: bytes})
		}
	}
}
