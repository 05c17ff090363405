// Package space keeps the account of a datastore's space: which file takes how much, to the byte, at every moment of a
// copy.
package space

import (
	"fmt"
	"strings"
	"sync"

	"vrelocate/simulator/internal/disk"
)

// NoSpaceError says that a datastore is too full.
type NoSpaceError struct {
	NeedBytes int64
	FreeBytes int64
}

func (e *NoSpaceError) Error() string {
	return fmt.Sprintf("%d bytes are needed and %d are free", e.NeedBytes, e.FreeBytes)
}

// Account is the space of one datastore. Its methods may be called by many at once.
type Account struct {
	mu        sync.Mutex
	capacity  int64
	elsewhere int64            // taken by what is no file of ours
	files     map[string]int64 // path on the datastore: bytes it takes
	used      int64            // the sum of files

	growth      map[string]int64 // owner of files: bytes they may still come to take
	uncommitted int64            // the sum of growth

	changing map[string]int      // files and folders that are being changed: by how many
	counts   map[*Count]struct{} // that are going on
}

// NewAccount opens the account of a datastore of a capacity, of which some is taken by what is no file.
func NewAccount(capacity, elsewhere int64) *Account {
	return &Account{
		capacity: capacity, elsewhere: elsewhere,
		files: make(map[string]int64), growth: make(map[string]int64),
		changing: make(map[string]int), counts: make(map[*Count]struct{}),
	}
}

// Capacity gives the size of the datastore in bytes.
func (a *Account) Capacity() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.capacity
}

// SetCapacity changes the size of the datastore.
func (a *Account) SetCapacity(bytes int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.capacity = bytes
}

// SetElsewhere changes what is taken by what is no file of ours.
func (a *Account) SetElsewhere(bytes int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.elsewhere = bytes
}

// Free gives what nothing takes, in bytes.
func (a *Account) Free() int64 {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.free()
}

func (a *Account) free() int64 { return max(0, a.capacity-a.elsewhere-a.used) }

// Set records that a file, or a disk with its extent, now takes so many bytes. A file that grows must fit, or nothing changes and the error is a
// *NoSpaceError.
func (a *Account) Set(path string, bytes int64) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	growth := bytes - a.files[path]
	if growth > 0 && growth > a.free() {
		return &NoSpaceError{NeedBytes: growth, FreeBytes: a.free()}
	}
	a.files[path] = bytes
	a.used += growth
	a.forgetExtents(path)
	a.note(path)
	return nil
}

// Of gives what a file takes.
func (a *Account) Of(path string) (bytes int64, known bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	bytes, known = a.files[path]
	return bytes, known
}

// Remove forgets a file, or a folder with all that is in it.
func (a *Account) Remove(path string) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for file, bytes := range a.within(path) {
		a.used -= bytes
		delete(a.files, file)
	}
	a.forgetExtents(path)
	a.note(path)
}

// forgetExtents forgets what the extents of a disk take by themselves, from now on they count with it: who looked while
// the disk was made or deleted has seen an extent without its descriptor. The account's lock is held.
func (a *Account) forgetExtents(path string) {
	if !disk.IsDescriptor(path) {
		return
	}
	for _, extent := range disk.Extents(path) {
		a.used -= a.files[extent]
		delete(a.files, extent)
	}
}

// Replace sets what a folder's files take to what was found there; the folder "" is the whole datastore. What was found
// is there, so it counts even where it no longer fits. Whoever looks while others change files takes a Count instead.
func (a *Account) Replace(folder string, found map[string]int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.replace(folder, found, func(string) bool { return true })
	a.note(folder)
}

// replace does so for those files that are to be replaced. The account's lock is held.
func (a *Account) replace(folder string, found map[string]int64, replaced func(file string) bool) {
	for file, bytes := range a.within(folder) {
		if replaced(file) {
			a.used -= bytes
			delete(a.files, file)
		}
	}
	for file, bytes := range found {
		if replaced(file) {
			a.used += bytes - a.files[file]
			a.files[file] = bytes
		}
	}
}

// within gives the files that a path stands for: itself, or what is in the folder.
func (a *Account) within(path string) map[string]int64 {
	if bytes, known := a.files[path]; known {
		return map[string]int64{path: bytes}
	}
	some := make(map[string]int64)
	for file, bytes := range a.files {
		if path == "" || strings.HasPrefix(file, path+"/") {
			some[file] = bytes
		}
	}
	return some
}
