package vcenter_test

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

// eventually waits until something is so.
func (l *lab) eventually(what string, so func() bool) {
	l.Helper()
	for deadline := time.Now().Add(20 * time.Second); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			l.Fatalf("never: %s", what)
		}
	}
}

// length gives how long a file is on its datastore; -1 if it is not there.
func (l *lab) length(datastore, name string) int64 {
	l.Helper()
	res, _ := l.ask("HEAD", datastore, name, nil)
	if res.StatusCode != http.StatusOK {
		return -1
	}
	return res.ContentLength
}

func TestUploadIsResumed(t *testing.T) {
	l := start(t, inventory, fast)
	content := noise(3 << 20)

	// A connection that breaks after the first MiB.
	broken, pipe := io.Pipe()
	failed := make(chan error, 1)
	go func() {
		req, err := http.NewRequestWithContext(l.Context(), "PUT", l.address("new", "big.bin").String(), broken)
		if err == nil {
			req.ContentLength = int64(len(content))
			_, err = l.client.Client.Client.Client.Do(req)
		}
		failed <- err
	}()
	_, err := pipe.Write(content[:1<<20])
	l.must(err)
	l.eventually("a MiB is there while the upload runs", func() bool { return l.length("new", "big.bin") == 1<<20 })
	res, _ := l.ask("PUT", "new", "big.bin", strings.NewReader("in between"))
	wantStatus(t, res, http.StatusConflict)
	l.must(pipe.CloseWithError(fmt.Errorf("the cable is out")))
	if err := <-failed; err == nil {
		t.Error("the upload did not break")
	}

	l.eventually("the file is free again", func() bool {
		res, _ = l.ask("PUT", "new", "big.bin", bytes.NewReader(content[1<<20:2<<20]),
			"Content-Range", fmt.Sprintf("bytes %d-%d/%d", 1<<20, 2<<20-1, len(content)))
		return res.StatusCode != http.StatusConflict
	})
	wantStatus(t, res, http.StatusOK)
	res, _ = l.ask("PUT", "new", "big.bin", bytes.NewReader(content[2<<20:]), "Content-Range", fmt.Sprintf("bytes %d-%d/*", 2<<20, len(content)-1))
	wantStatus(t, res, http.StatusOK)
	if _, got := l.ask("GET", "new", "big.bin", nil); !bytes.Equal(got, content) {
		t.Error("not what was put")
	}
	free := l.free("new")
	l.refresh("new")
	if l.free("new") != free || free != 100*gib-int64(len(content)) {
		t.Errorf("%d bytes free, after a refresh %d", free, l.free("new"))
	}

	// A part in the middle, and one that ends a shorter file.
	copy(content[10:], "hello")
	res, _ = l.ask("PUT", "new", "big.bin", strings.NewReader("hello"), "Content-Range", "bytes 10-14/*")
	wantStatus(t, res, http.StatusOK)
	if _, got := l.ask("GET", "new", "big.bin", nil); !bytes.Equal(got, content) {
		t.Error("the middle is not as put")
	}
	res, _ = l.ask("PUT", "new", "big.bin", strings.NewReader("hello"), "Content-Range", "bytes 10-14/15")
	wantStatus(t, res, http.StatusOK)
	if l.length("new", "big.bin") != 15 {
		t.Errorf("%d bytes", l.length("new", "big.bin"))
	}
}

func (l *lab) refresh(datastore string) {
	l.Helper()
	_, err := methods.RefreshDatastore(l.Context(), l.client, &types.RefreshDatastore{This: l.datastore(datastore)})
	l.must(err)
}

func TestUploadFillsTheDatastore(t *testing.T) {
	l := start(t, strings.Replace(inventory, "{name: small, capacity: 3GiB,", "{name: small, capacity: 3GiB, used_elsewhere: 3071MiB,", 1), fast)
	res, _ := l.ask("PUT", "small", "x", bytes.NewReader(noise(3<<20)))
	wantStatus(t, res, http.StatusInsufficientStorage)
	there := l.length("small", "x")
	if there <= 0 || there > 1<<20 || l.free("small") != 1<<20-there {
		t.Errorf("%d bytes arrived, %d are free", there, l.free("small"))
	}
	res, _ = l.ask("DELETE", "small", "x", nil)
	wantStatus(t, res, http.StatusNoContent)
	if l.free("small") != 1<<20 {
		t.Errorf("%d bytes free", l.free("small"))
	}
}

// TestUploadedDiskIsADisk uploads a disk that another vCenter made, extent or descriptor first.
func TestUploadedDiskIsADisk(t *testing.T) {
	const descriptor = `# Disk DescriptorFile
version=1
encoding="UTF-8"
CID=a1b2c3d4
parentCID=ffffffff
createType="vmfs"

# Extent description
RW 8192 VMFS "app-flat.vmdk"

# The Disk Data Base
#DDB
ddb.adapterType = "lsilogic"
ddb.thinProvisioned = "1"
ddb.uuid = "60 00 C2 9e a7 e8 26 9c-7d 20 45 4c 72 2a af 40"
ddb.virtualHWVersion = "13"
`
	extent := append(make([]byte, 1<<20), noise(3<<20)...)
	files := map[string][]byte{"app.vmdk": []byte(descriptor), "app-flat.vmdk": extent}
	for name, order := range map[string][]string{
		"extent first":     {"app-flat.vmdk", "app.vmdk"},
		"descriptor first": {"app.vmdk", "app-flat.vmdk"},
	} {
		t.Run(name, func(t *testing.T) {
			l := start(t, inventory, fast)
			for _, file := range order {
				res, _ := l.ask("PUT", "new", "up/"+file, bytes.NewReader(files[file]))
				wantStatus(t, res, http.StatusCreated)
			}
			if free := l.free("new"); free != 100*gib-4<<20 {
				t.Errorf("%d bytes are taken", 100*gib-free)
			}
			if l.uuid("[new] up/app.vmdk") != "60 00 C2 9e a7 e8 26 9c-7d 20 45 4c 72 2a af 40" {
				t.Errorf("uuid is %s", l.uuid("[new] up/app.vmdk"))
			}
			if d := l.diskFile("new", "up", "app.vmdk"); d.CapacityKb != 4<<10 || !*d.Thin || d.FileSize != 4<<20 {
				t.Errorf("%+v", d)
			}
			// It moves as any disk does, with what is in it.
			l.folder("[third] moved")
			if fault := l.ends(l.moveDisk("[new] up/app.vmdk", "[third] moved/app.vmdk", false)); fault != nil {
				t.Fatalf("%#v", fault)
			}
			if _, got := l.ask("GET", "third", "moved/app-flat.vmdk", nil); !bytes.Equal(got, extent) {
				t.Error("the extent is not what was uploaded")
			}
			if free := l.free("new"); free != 100*gib {
				t.Errorf("%d bytes are still taken", 100*gib-free)
			}
		})
	}
}

// diskFile gives what the browser tells of a disk.
func (l *lab) diskFile(datastore, folder, name string) *types.VmDiskFileInfo {
	l.Helper()
	yes := types.NewBool(true)
	for _, file := range l.search(datastore, folder, &types.HostDatastoreBrowserSearchSpec{
		MatchPattern: []string{name},
		Query:        []types.BaseFileQuery{&types.VmDiskFileQuery{Details: &types.VmDiskFileQueryFlags{CapacityKb: true, DiskType: true, Thin: yes}}},
		Details:      &types.FileQueryFlags{FileSize: true, FileType: true},
	}) {
		return file.(*types.VmDiskFileInfo)
	}
	l.Fatalf("no %s", name)
	return nil
}
