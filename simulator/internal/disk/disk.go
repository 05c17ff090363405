// Package disk reads and writes virtual disks as they lie on a datastore: a text descriptor, name.vmdk, and an extent,
// name-flat.vmdk, that is a sparse file of the disk's full capacity. No bytes of a disk are ever written, however large
// it is.
//
// The files are the truth about a disk. What VMFS keeps in its own metadata and a plain file system can't, how much was
// written to the extent and whether it was zeroed, lies in the descriptor's data base under ddb.simulator.
package disk

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

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
	WrittenBytes  int64  // what a VM has written; a thin disk takes this much
	Kind          Kind
}

// AllocatedBytes is what the disk takes of its datastore.
func (d Disk) AllocatedBytes() int64 {
	if d.Kind == Thin {
		return d.WrittenBytes
	}
	return d.CapacityBytes
}

const (
	keyUUID    = "uuid"
	keyThin    = "thinProvisioned"
	keyWritten = "simulator.writtenBytes"
	keyEager   = "simulator.eagerlyScrub"
)

// maxDescriptor is larger than any descriptor; a bigger file is a disk of another format.
const maxDescriptor = 64 << 10

// ErrNotDescriptor says that a .vmdk file is no text descriptor, such as an uploaded stream-optimized disk.
var ErrNotDescriptor = errors.New("not a VMDK descriptor")

// IsExtent tells an extent, name-flat.vmdk, from a descriptor.
func IsExtent(file string) bool { return strings.HasSuffix(file, "-flat.vmdk") }

// IsDescriptor tells whether a file's name is that of a disk.
func IsDescriptor(file string) bool { return filepath.Ext(file) == ".vmdk" && !IsExtent(file) }

// Extent gives the extent of a descriptor, by path on a datastore or on this machine alike.
func Extent(file string) string { return strings.TrimSuffix(file, ".vmdk") + "-flat.vmdk" }

// Descriptor gives the descriptor of an extent.
func Descriptor(extent string) string { return strings.TrimSuffix(extent, "-flat.vmdk") + ".vmdk" }

// Write makes a disk's two files, or brings an existing descriptor up to date.
func Write(file string, d Disk) error {
	descriptor := vmdk.NewDescriptor(vmdk.Extent{Size: d.CapacityBytes / vmdk.SectorSize, Info: filepath.Base(Extent(file))})
	descriptor.ParentCID = 0xffffffff // no parent (VMware's Virtual Disk Format 5.0)
	descriptor.CID = 0xfffffffe       // nothing written yet
	descriptor.DDB["adapterType"] = "lsilogic"
	descriptor.DDB["virtualHWVersion"] = "13"
	descriptor.DDB[keyUUID] = SpacedUUID(d.UUID)
	descriptor.DDB[keyWritten] = strconv.FormatInt(d.WrittenBytes, 10)
	switch d.Kind {
	case Thin:
		descriptor.DDB[keyThin] = "1"
	case Eager:
		descriptor.DDB[keyEager] = "1"
	}

	var text bytes.Buffer
	if err := descriptor.Write(&text); err != nil {
		return err
	}
	extent, err := os.OpenFile(Extent(file), os.O_CREATE|os.O_WRONLY, 0o600)
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
	return os.WriteFile(file, text.Bytes(), 0o600)
}

// Read gives the disk of a descriptor. A descriptor that we did not write is understood too: nothing was written to its
// disk then, and its UUID may be empty.
func Read(file string) (Disk, error) {
	info, err := os.Stat(file)
	if err != nil {
		return Disk{}, err
	}
	if info.Size() > maxDescriptor || !info.Mode().IsRegular() {
		return Disk{}, fmt.Errorf("%s: %w", file, ErrNotDescriptor)
	}
	content, err := os.ReadFile(file)
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
	}
	switch {
	case descriptor.DDB[keyThin] == "1":
		d.Kind = Thin
	case descriptor.DDB[keyEager] == "1":
		d.Kind = Eager
	}
	if written, known := descriptor.DDB[keyWritten]; known {
		if d.WrittenBytes, err = strconv.ParseInt(written, 10, 64); err != nil {
			return Disk{}, fmt.Errorf("%s: ddb.%s: %w", file, keyWritten, err)
		}
	}
	return d, nil
}

// Remove deletes a disk's files. A file that is not there is no error.
func Remove(file string) error {
	for _, name := range []string{file, Extent(file)} {
		if err := os.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
