// Package disk reads and writes virtual disks as they lie on a datastore: a text descriptor, name.vmdk, and an extent,
// name-flat.vmdk, that is a sparse file of the disk's full capacity. No bytes of a disk are ever written, however large
// it is. A disk may be a delta on top of another: chain.go.
//
// The files are the truth about a disk. What VMFS keeps in its own metadata and a plain file system can't, how much was
// written to the extent and whether it was zeroed, lies in the descriptor's data base under ddb.simulator.
package disk

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"

	"github.com/vmware/govmomi/vmdk"
)

// Kind is how a disk takes space (vSphere's VirtualDiskType).
type Kind string

// The kinds of flat disks.
const (
	Thin  Kind = "thin"             // grows as it is written
	Thick Kind = "preallocated"     // taken at once, zeroed on first write
	Eager Kind = "eagerZeroedThick" // taken and zeroed at once
)

// Disk is what there is to know about a virtual disk besides its content.
type Disk struct {
	UUID          string // as VirtualDiskFlatVer2BackingInfo.uuid gives it: 6000C29a-b1b5-1bf8-40d7-a2e2c43fb182
	CapacityBytes int64  // what a VM sees
	WrittenBytes  int64  // what a VM has written; a thin disk and a delta take this much
	Kind          Kind   // of a delta: Thin
	Adapter       string // the controller that it was made for, such as buslogic; empty: lsilogic

	// CID is the content's ID, which changes when the content does. 0 is written as one that follows from UUID.
	CID uint32
	// Parent is the descriptor of the disk that a delta is written on top of (parentFileNameHint): a name in the same
	// folder, or an absolute path (see VolumePath). Empty: the disk is whole in itself.
	Parent    string
	ParentCID uint32 // the parent's CID when the delta was made; 0 without a parent
}

// AllocatedBytes is what the disk takes of its datastore. A delta "starts empty, immediately after a VM snapshot is
// taken" and grows to the size of its base (vSphere Storage, "Snapshot Formats").
func (d Disk) AllocatedBytes() int64 {
	if d.Kind == Thin || d.IsDelta() {
		return d.WrittenBytes
	}
	return d.CapacityBytes
}

const (
	keyUUID    = "uuid"
	keyAdapter = "adapterType"
	keyThin    = "thinProvisioned"
	keyWritten = "simulator.writtenBytes"
	keyEager   = "simulator.eagerlyScrub"
)

// usualAdapter is the adapterType of all disks but those that ask for another.
const usualAdapter = "lsilogic"

// maxDescriptor is larger than any descriptor; a bigger file is a disk of another format.
const maxDescriptor = 64 << 10

// ErrNotDescriptor says that a .vmdk file is no text descriptor, such as an uploaded stream-optimized disk.
var ErrNotDescriptor = errors.New("not a VMDK descriptor")

// The endings of extents' names: of a disk that is whole in itself, and of a delta.
const (
	flatEnding  = "-flat.vmdk"
	deltaEnding = "-delta.vmdk"
)

// IsExtent tells an extent, name-flat.vmdk or name-delta.vmdk, from a descriptor.
func IsExtent(file string) bool {
	return strings.HasSuffix(file, flatEnding) || strings.HasSuffix(file, deltaEnding)
}

// IsDescriptor tells whether a file's name is that of a disk.
func IsDescriptor(file string) bool { return filepath.Ext(file) == ".vmdk" && !IsExtent(file) }

// Extent gives the extent of a disk by its descriptor's path, on a datastore or on this machine alike.
func (d Disk) Extent(file string) string {
	ending := flatEnding
	if d.IsDelta() {
		ending = deltaEnding
	}
	return strings.TrimSuffix(file, ".vmdk") + ending
}

// Extent gives the extent of a disk that is whole in itself, by its descriptor's path. Where the disk may be a delta,
// Disk.Extent knows better.
func Extent(file string) string { return Disk{}.Extent(file) }

// Extents gives what the extent of a disk may be called, whichever it has, by its descriptor's path.
func Extents(file string) []string {
	stem := strings.TrimSuffix(file, ".vmdk")
	return []string{stem + flatEnding, stem + deltaEnding}
}

// Descriptor gives the descriptor of an extent.
func Descriptor(extent string) string {
	return strings.TrimSuffix(strings.TrimSuffix(extent, flatEnding), deltaEnding) + ".vmdk"
}

// Write makes a disk's two files, or brings an existing descriptor up to date.
func Write(file string, d Disk) error {
	text, err := d.text(file)
	if err != nil {
		return err
	}
	extent, err := os.OpenFile(d.Extent(file), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	err = extent.Truncate(d.CapacityBytes)
	if closeErr := extent.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return err
	}
	return writeText(file, text)
}

// Describe brings a descriptor up to date and leaves the extent as it is.
func Describe(file string, d Disk) error {
	text, err := d.text(file)
	if err != nil {
		return err
	}
	return writeText(file, text)
}

// descriptors is held while the text of a descriptor is written or read. An extent without a descriptor that can be read
// is a file of its own, as long as its disk, so nobody may see half of one. (A new file that is renamed to the old one's
// place would do too, at 5 ms each on ext4, which then writes the file out at once.)
var descriptors sync.RWMutex

// writeText writes a descriptor, or the new text over the old one.
func writeText(file string, text []byte) error {
	descriptors.Lock()
	defer descriptors.Unlock()
	into, err := os.OpenFile(file, os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if _, err = into.WriteAt(text, 0); err == nil {
		err = into.Truncate(int64(len(text)))
	}
	if closeErr := into.Close(); err == nil {
		err = closeErr
	}
	return err
}

// readText gives a descriptor's text; ErrNotDescriptor if the file can't be one.
func readText(file string) ([]byte, error) {
	descriptors.RLock()
	defer descriptors.RUnlock()
	info, err := os.Stat(file)
	if err != nil {
		return nil, err
	}
	if info.Size() > maxDescriptor || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s: %w", file, ErrNotDescriptor)
	}
	return os.ReadFile(file)
}

// text gives the descriptor.
func (d Disk) text(file string) ([]byte, error) {
	extent := vmdk.Extent{Size: d.CapacityBytes / vmdk.SectorSize, Info: filepath.Base(d.Extent(file))}
	if d.IsDelta() {
		extent.Type = "VMFSSPARSE"
	}
	descriptor := vmdk.NewDescriptor(extent)
	descriptor.CID, descriptor.ParentCID = vmdk.DiskContentID(d.CID), noCID
	if d.CID == 0 {
		descriptor.CID = vmdk.DiskContentID(NewCID(d.UUID))
	}
	if d.IsDelta() {
		descriptor.Type, descriptor.ParentCID = typeDelta, vmdk.DiskContentID(d.ParentCID)
	}
	descriptor.DDB[keyAdapter] = cmp.Or(d.Adapter, usualAdapter)
	descriptor.DDB["virtualHWVersion"] = "13"
	descriptor.DDB[keyUUID] = SpacedUUID(d.UUID)
	descriptor.DDB[keyWritten] = strconv.FormatInt(d.WrittenBytes, 10)
	switch {
	case d.IsDelta(): // grows by its nature
	case d.Kind == Thin:
		descriptor.DDB[keyThin] = "1"
	case d.Kind == Eager:
		descriptor.DDB[keyEager] = "1"
	}
	var text bytes.Buffer
	if err := descriptor.Write(&text); err != nil {
		return nil, err
	}
	return withHint(text.Bytes(), d.Parent), nil
}

// Read gives the disk of a descriptor. A descriptor that we did not write is understood too: what is there of its extent
// is taken for written, and its UUID may be empty.
func Read(file string) (Disk, error) {
	content, err := readText(file)
	if err != nil {
		return Disk{}, err
	}
	descriptor, err := vmdk.ParseDescriptor(bytes.NewReader(content))
	if err != nil || len(descriptor.Extent) == 0 {
		return Disk{}, fmt.Errorf("%s: %w", file, ErrNotDescriptor)
	}

	d := Disk{
		UUID:          DashedUUID(descriptor.DDB[keyUUID]),
		CapacityBytes: descriptor.Capacity(),
		Kind:          Thick,
		Adapter:       strings.TrimSuffix(descriptor.DDB[keyAdapter], usualAdapter),
		CID:           uint32(descriptor.CID),
		Parent:        hintIn(content),
	}
	switch {
	case d.IsDelta():
		d.Kind, d.ParentCID = Thin, uint32(descriptor.ParentCID)
	case descriptor.DDB[keyThin] == "1":
		d.Kind = Thin
	case descriptor.DDB[keyEager] == "1":
		d.Kind = Eager
	}
	if written, known := descriptor.DDB[keyWritten]; known {
		if d.WrittenBytes, err = strconv.ParseInt(written, 10, 64); err != nil {
			return Disk{}, fmt.Errorf("%s: ddb.%s: %w", file, keyWritten, err)
		}
	} else if extent, err := os.Stat(d.Extent(file)); err == nil {
		d.WrittenBytes = min(extent.Size(), d.CapacityBytes)
	}
	return d, nil
}

// Remove deletes a disk's files. A file that is not there is no error.
func Remove(file string) error {
	for _, name := range append(Extents(file), file) {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
