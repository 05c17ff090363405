package disk

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestWrittenDiskIsRead(t *testing.T) {
	for _, kind := range []Kind{Thin, Thick, Eager} {
		file := filepath.Join(t.TempDir(), "disk.vmdk")
		want := Disk{UUID: NewUUID(""), CapacityBytes: 2 << 40, WrittenBytes: 5 << 30, Kind: kind, CID: 0xb2b3c5a2}
		if err := Write(file, want); err != nil {
			t.Fatal(err)
		}
		got, err := Read(file)
		if err != nil || got != want {
			t.Errorf("%+v, %v; want %+v", got, err, want)
		}
		info, err := os.Stat(Extent(file))
		if err != nil || info.Size() != want.CapacityBytes {
			t.Errorf("extent: %v, %v", info, err)
		}
		if blocks := info.Sys().(*syscall.Stat_t).Blocks; blocks != 0 {
			t.Errorf("the extent takes %d blocks of this machine", blocks)
		}
		takes := want.CapacityBytes
		if kind == Thin {
			takes = want.WrittenBytes
		}
		if got.AllocatedBytes() != takes {
			t.Errorf("%s: takes %d, want %d", kind, got.AllocatedBytes(), takes)
		}

		// It is a descriptor that other tools know.
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range []string{"# Disk DescriptorFile", `createType="vmfs"`, `RW 4294967296 VMFS "disk-flat.vmdk"`,
			`ddb.uuid = "60 00 C2 9`, "parentCID=ffffffff"} {
			if !strings.Contains(string(text), line) {
				t.Errorf("no %q in\n%s", line, text)
			}
		}
		if err := Remove(file); err != nil {
			t.Error(err)
		}
		if err := Remove(file); err != nil {
			t.Errorf("once more: %v", err)
		}
	}
}

// TestDescriptorIsAlwaysWhole: whoever reads a disk while another describes it anew reads the old one or the new one.
func TestDescriptorIsAlwaysWhole(t *testing.T) {
	file := filepath.Join(t.TempDir(), "disk.vmdk")
	one := Disk{UUID: NewUUID(""), CapacityBytes: 4 << 30, WrittenBytes: 1, Kind: Thin}
	other := one
	other.WrittenBytes = 4 << 30
	if err := Write(file, one); err != nil {
		t.Fatal(err)
	}
	written := make(chan error, 1)
	go func() {
		defer close(written)
		for range 2000 {
			for _, d := range []Disk{other, one} {
				if err := Describe(file, d); err != nil {
					written <- err
					return
				}
			}
		}
	}()
	for {
		got, err := Read(file)
		got.CID = one.CID // which follows from the UUID
		if err != nil || got != one && got != other {
			t.Fatalf("%+v, %v", got, err)
		}
		select {
		case err := <-written:
			if err != nil {
				t.Fatal(err)
			}
			return
		default:
		}
	}
}

func TestForeignDisks(t *testing.T) {
	dir := t.TempDir()
	files := map[string]string{
		"vcsim.vmdk":  "# Disk DescriptorFile\nversion=1\nRW 2048 VMFS \"vcsim-flat.vmdk\"\n",
		"stream.vmdk": strings.Repeat("KDMV", maxDescriptor),
		"empty.vmdk":  "",
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	d, err := Read(filepath.Join(dir, "vcsim.vmdk"))
	if err != nil || d != (Disk{CapacityBytes: 1 << 20, Kind: Thick}) {
		t.Errorf("%+v, %v", d, err)
	}
	for _, name := range []string{"stream.vmdk", "empty.vmdk"} {
		if _, err := Read(filepath.Join(dir, name)); !errors.Is(err, ErrNotDescriptor) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := Read(filepath.Join(dir, "none.vmdk")); !os.IsNotExist(err) {
		t.Errorf("%v", err)
	}
}

func TestUUIDs(t *testing.T) {
	const dashed, spaced = "6000C29e-a7e8-269c-7d20-454c722aaf40", "60 00 C2 9e a7 e8 26 9c-7d 20 45 4c 72 2a af 40"
	for _, uuid := range []string{dashed, spaced} {
		if DashedUUID(uuid) != dashed || SpacedUUID(uuid) != spaced {
			t.Errorf("%s: %s, %s", uuid, DashedUUID(uuid), SpacedUUID(uuid))
		}
	}
	if DashedUUID("none") != "none" || SpacedUUID("") != "" {
		t.Error("what is no UUID was changed")
	}
	if NewUUID("a") != NewUUID("a") || NewUUID("a") == NewUUID("b") || NewUUID("") == NewUUID("") {
		t.Error("UUIDs do not follow their places")
	}
	if uuid := NewUUID(""); len(uuid) != 36 || !strings.HasPrefix(uuid, "6000C29") {
		t.Errorf("%s", uuid)
	}
}

func TestExtentsContentIsCopied(t *testing.T) {
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from.vmdk"), filepath.Join(dir, "to.vmdk")
	const capacity = 8 << 30
	if err := Write(from, Disk{CapacityBytes: capacity, Kind: Thin}); err != nil {
		t.Fatal(err)
	}
	source, err := os.OpenFile(Extent(from), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = source.Close() }()
	content := map[int64][]byte{0: []byte("boot"), 5 << 30: bytes.Repeat([]byte("x"), 70_000), capacity - 3: []byte("end")}
	for at, some := range content {
		if _, err := source.WriteAt(some, at); err != nil {
			t.Fatal(err)
		}
	}

	if err := CopySparse(Extent(from), Extent(to)); err != nil {
		t.Fatal(err)
	}

	target, err := os.Open(Extent(to))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = target.Close() }()
	for at, want := range content {
		got := make([]byte, len(want))
		if _, err := target.ReadAt(got, at); err != nil || !bytes.Equal(got, want) {
			t.Errorf("at %d: %v", at, err)
		}
	}
	info, err := target.Stat()
	if err != nil || info.Size() != capacity || info.Sys().(*syscall.Stat_t).Blocks > 4096 {
		t.Errorf("the copy is %d bytes long, %v", info.Size(), info.Sys())
	}
}
