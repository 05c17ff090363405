package disk

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// chain writes a base of 1 GiB with two deltas and gives their files, the base first.
func chain(t *testing.T, kind Kind) []string {
	t.Helper()
	dir := t.TempDir()
	files := []string{filepath.Join(dir, "vm.vmdk"), filepath.Join(dir, "vm-000001.vmdk"), filepath.Join(dir, "vm-000002.vmdk")}
	base := Disk{UUID: NewUUID("vm"), CapacityBytes: 1 << 30, WrittenBytes: 100 << 20, Kind: kind, CID: 0x4ac7889b}
	first := base.Child("vm.vmdk")
	first.WrittenBytes, first.CID = 10<<20, 0x11111111
	second := first.Child("vm-000001.vmdk")
	second.WrittenBytes, second.CID = 1<<20, 0x22222222
	for n, d := range []Disk{base, first, second} {
		if err := Write(files[n], d); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

// put writes into a disk's extent.
func put(t *testing.T, file, content string, at int64) {
	t.Helper()
	d, err := Read(file)
	if err != nil {
		t.Fatal(err)
	}
	extent, err := os.OpenFile(d.Extent(file), os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = extent.Close() }()
	if _, err := extent.WriteAt([]byte(content), at); err != nil {
		t.Fatal(err)
	}
}

func wantContent(t *testing.T, file string, want map[int64]string) {
	t.Helper()
	d, err := Read(file)
	if err != nil {
		t.Fatal(err)
	}
	extent, err := os.Open(d.Extent(file))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = extent.Close() }()
	for at, some := range want {
		got := make([]byte, len(some))
		if _, err := extent.ReadAt(got, at); err != nil || string(got) != some {
			t.Errorf("%s at %d: %q, %v; want %q", filepath.Base(file), at, got, err, some)
		}
	}
}

func TestDeltaIsARedoLog(t *testing.T) {
	files := chain(t, Thick)
	text, err := os.ReadFile(files[1])
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"CID=11111111\nparentCID=4ac7889b\ncreateType=\"vmfsSparse\"\nparentFileNameHint=\"vm.vmdk\"\n",
		`RW 2097152 VMFSSPARSE "vm-000001-delta.vmdk"`} {
		if !strings.Contains(string(text), line) {
			t.Errorf("no %q in\n%s", line, text)
		}
	}
	d, err := Read(files[1])
	if err != nil {
		t.Fatal(err)
	}
	want := Disk{UUID: NewUUID("vm"), CapacityBytes: 1 << 30, WrittenBytes: 10 << 20, Kind: Thin,
		CID: 0x11111111, Parent: "vm.vmdk", ParentCID: 0x4ac7889b}
	if d != want {
		t.Errorf("%+v, want %+v", d, want)
	}
	if d.AllocatedBytes() != 10<<20 || d.Child("x").AllocatedBytes() != 0 {
		t.Errorf("a delta takes %d bytes, a new one %d", d.AllocatedBytes(), d.Child("x").AllocatedBytes())
	}
	extent := d.Extent(files[1])
	if filepath.Base(extent) != "vm-000001-delta.vmdk" || !IsExtent(extent) || Descriptor(extent) != files[1] {
		t.Errorf("extent is %s", extent)
	}
	if err := Remove(files[1]); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(extent); !os.IsNotExist(err) {
		t.Errorf("the extent is still there: %v", err)
	}
}

func TestMergeKeepsWhatTheVMSees(t *testing.T) {
	files := chain(t, Thin)
	put(t, files[0], "base", 0)
	put(t, files[0], "base", 512<<20)
	put(t, files[1], "first", 512<<20)
	put(t, files[2], "second", 1<<20)

	merged, err := Merge(files[0], files[1])
	if err != nil {
		t.Fatal(err)
	}
	if merged.WrittenBytes != 110<<20 || merged.Kind != Thin || merged.CID != 0x11111111 || merged.IsDelta() {
		t.Errorf("%+v", merged)
	}
	wantContent(t, files[0], map[int64]string{0: "base", 512 << 20: "first"})
	if _, err := os.Stat(files[1]); !os.IsNotExist(err) {
		t.Errorf("the delta is still there: %v", err)
	}
	// What was on top of the delta finds the CID that it knows.
	if above, err := Read(files[2]); err != nil || above.ParentCID != merged.CID {
		t.Errorf("%+v, %v", above, err)
	}
}

func TestMergedDiskIsNeverLargerThanItsCapacity(t *testing.T) {
	d := Disk{CapacityBytes: 10, WrittenBytes: 8, Kind: Thin}
	if merged := d.Merged(Disk{WrittenBytes: 5}); merged.AllocatedBytes() != 10 {
		t.Errorf("takes %d", merged.AllocatedBytes())
	}
}

func TestFlattenGivesOneWholeDisk(t *testing.T) {
	files := chain(t, Thin)
	put(t, files[0], "base", 0)
	put(t, files[1], "first", 0)
	put(t, files[2], "second", 1<<20)
	flat := filepath.Join(t.TempDir(), "flat.vmdk")
	if err := Write(flat, Disk{CapacityBytes: 1 << 30, Kind: Thick}); err != nil {
		t.Fatal(err)
	}
	if err := Flatten(files, flat); err != nil {
		t.Fatal(err)
	}
	wantContent(t, flat, map[int64]string{0: "first", 1 << 20: "second"})
}

func TestRenameTakesADeltaAsADelta(t *testing.T) {
	files := chain(t, Thin)
	put(t, files[1], "first", 0)
	to := filepath.Join(filepath.Dir(files[1]), "other.vmdk")
	d, err := Read(files[1])
	if err != nil {
		t.Fatal(err)
	}
	d.Parent = VolumePath("datastore-1", "elsewhere/vm.vmdk")
	if err := Rename(files[1], to, d); err != nil {
		t.Fatal(err)
	}
	if after, err := Read(to); err != nil || after != d {
		t.Errorf("%+v, %v; want %+v", after, err, d)
	}
	wantContent(t, to, map[int64]string{0: "first"})
	if _, err := os.Stat(files[1]); !os.IsNotExist(err) {
		t.Errorf("the old descriptor is still there: %v", err)
	}
	if volume, name := SplitVolumePath(d.Parent); volume != "datastore-1" || name != "elsewhere/vm.vmdk" {
		t.Errorf("%q, %q", volume, name)
	}
	if volume, name := SplitVolumePath("vm.vmdk"); volume != "" || name != "vm.vmdk" {
		t.Errorf("%q, %q", volume, name)
	}
}

func TestNames(t *testing.T) {
	for file, want := range map[string]string{
		"a/vm.vmdk": "a/vm-000003.vmdk", "a/vm-000002.vmdk": "a/vm-000003.vmdk",
		"a/vm-1.vmdk": "a/vm-1-000003.vmdk", "a/vm-1_1-000010.vmdk": "a/vm-1_1-000003.vmdk",
	} {
		if got := Name(file, 3); got != want {
			t.Errorf("%s: %s, want %s", file, got, want)
		}
	}
}
