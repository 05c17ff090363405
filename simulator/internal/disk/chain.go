package disk

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"hash/crc32"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// A chain is a disk that is whole in itself, its base, and deltas on top of it, each with the one below for its parent
// (VMware's Virtual Disk Format 5.0, "Parent and child"; KB 1007969 shows a chain with its CIDs).
//
// Our deltas are redo logs: createType vmfsSparse and an extent name-delta.vmdk. That is what VMFS-5 and NFS have, and
// the API tells of it in the same VirtualDiskFlatVer2BackingInfo as of any other disk, with parent and deltaDiskFormat.
// (VMFS-6 has seSparse instead, name-sesparse.vmdk, whose VirtualDiskSeSparseBackingInfo says the same under another
// name.) The extent is no true redo log but a sparse file: what is a hole in it shows the parent.

const (
	noCID     = 0xffffffff // parentCID of a disk without a parent
	typeDelta = "vmfsSparse"
	keyParent = "parentFileNameHint"
)

// IsDelta tells a disk that needs its parent from one that is whole in itself.
func (d Disk) IsDelta() bool { return d.Parent != "" }

// Child gives a new delta on top of a disk: nothing is written to it, so content and CID are the parent's. The hint says
// where the parent is, as Disk.Parent does. A snapshot's delta keeps the UUID, which the guest sees as the disk's
// serial number.
func (d Disk) Child(hint string) Disk {
	return Disk{UUID: d.UUID, CapacityBytes: d.CapacityBytes, Kind: Thin, CID: d.CID, Parent: hint, ParentCID: d.CID}
}

// Merged gives what a disk is when a delta of it was written into it.
func (d Disk) Merged(delta Disk) Disk {
	// How much of it lies over each other nobody knows: an account of bytes is no map of them.
	d.WrittenBytes = min(d.CapacityBytes, d.WrittenBytes+delta.WrittenBytes)
	d.CID = delta.CID
	return d
}

// Merge writes a delta into its parent and deletes it. Whoever was on top of the delta finds the same content, with the
// same CID, in the parent. It gives what the parent is now.
func Merge(parent, delta string) (Disk, error) {
	below, err := Read(parent)
	if err != nil {
		return Disk{}, err
	}
	above, err := Read(delta)
	if err != nil {
		return Disk{}, err
	}
	if err := overlay(above.Extent(delta), below.Extent(parent)); err != nil {
		return Disk{}, err
	}
	merged := below.Merged(above)
	if err := Write(parent, merged); err != nil {
		return Disk{}, err
	}
	return merged, Remove(delta)
}

// Flatten writes the content of a chain, its base first, into the extent of a disk that is there.
func Flatten(chain []string, to string) error {
	target, err := Read(to)
	if err != nil {
		return err
	}
	for _, file := range chain {
		d, err := Read(file)
		if err != nil {
			return err
		}
		if err := overlay(d.Extent(file), target.Extent(to)); err != nil {
			return err
		}
	}
	return nil
}

// Rename moves a disk's two files to another name, be it a delta or not, and writes what it is from now on: the parent
// of a delta may have another path there. On the same file system that takes no time.
func Rename(from, to string, after Disk) error {
	before, err := Read(from)
	if err != nil {
		return err
	}
	if err := os.Rename(before.Extent(from), after.Extent(to)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	if err := Write(to, after); err != nil {
		return err
	}
	return os.Remove(from)
}

// VolumePath is how a descriptor names a parent that is not in its own folder: by the volume's ID.
func VolumePath(volume, name string) string { return "/vmfs/volumes/" + volume + "/" + name }

// SplitVolumePath takes a parent's path apart; a name in the same folder has no volume.
func SplitVolumePath(hint string) (volume, name string) {
	rest, absolute := strings.CutPrefix(hint, "/vmfs/volumes/")
	if !absolute {
		return "", hint
	}
	volume, name, _ = strings.Cut(rest, "/")
	return volume, name
}

// withHint puts the line of a delta's parent where VMware has it, after createType. The library has no such field.
func withHint(text []byte, parent string) []byte {
	if parent == "" {
		return text
	}
	start := bytes.Index(text, []byte("createType="))
	end := start + bytes.IndexByte(text[start:], '\n') + 1
	line := fmt.Appendf(nil, "%s=%q\n", keyParent, parent)
	return bytes.Join([][]byte{text[:end], line, text[end:]}, nil)
}

func hintIn(text []byte) string {
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		key, value, found := strings.Cut(lines.Text(), "=")
		if found && strings.TrimSpace(key) == keyParent {
			return strings.Trim(strings.TrimSpace(value), `"`)
		}
	}
	return ""
}

// NewCID gives a CID. Like all CIDs it is only ever compared. The same place always gives the same one.
func NewCID(place string) uint32 {
	id := crc32.ChecksumIEEE([]byte(place))
	if id == 0 || id == noCID {
		return 0xfffffffe
	}
	return id
}

// Name gives the n-th delta's file next to a disk's: vm.vmdk and vm-000002.vmdk alike give vm-000007.vmdk.
func Name(file string, n int) string {
	stem := strings.TrimSuffix(file, filepath.Ext(file))
	if at := strings.LastIndexByte(stem, '-'); at > 0 && isNumber(stem[at+1:]) {
		stem = stem[:at]
	}
	return fmt.Sprintf("%s-%06d.vmdk", stem, n)
}

func isNumber(text string) bool { return len(text) == 6 && strings.Trim(text, "0123456789") == "" }
