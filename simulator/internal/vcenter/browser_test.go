package vcenter_test

import (
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// list gives the names in a folder; nil if the folder is not there.
func (l *lab) list(datastore, folder string) []string {
	l.Helper()
	var names []string
	for _, file := range l.search(datastore, folder, &types.HostDatastoreBrowserSearchSpec{}) {
		names = append(names, file.GetFileInfo().Path)
	}
	return names
}

// search looks into a folder; it finds nothing if the folder is not there.
func (l *lab) search(datastore, folder string, spec *types.HostDatastoreBrowserSearchSpec) []types.BaseFileInfo {
	l.Helper()
	ds := object.NewDatastore(l.client.Client, l.datastore(datastore))
	ds.InventoryPath = "/dc1/datastore/" + datastore
	browser, err := ds.Browser(l.Context())
	l.must(err)
	task, err := browser.SearchDatastore(l.Context(), ds.Path(folder), spec)
	l.must(err)
	info, err := task.WaitForResult(l.Context(), nil)
	if err != nil {
		return nil
	}
	return info.Result.(types.HostDatastoreBrowserSearchResults).File
}

func TestBrowserTellsOfDisks(t *testing.T) {
	l := start(t, inventory, fast)
	ds := object.NewDatastore(l.client.Client, l.datastore("old"))
	browser, err := ds.Browser(t.Context())
	l.must(err)
	yes := types.NewBool(true)
	task, err := browser.SearchDatastoreSubFolders(t.Context(), "[old]", &types.HostDatastoreBrowserSearchSpec{
		Query: []types.BaseFileQuery{&types.VmDiskFileQuery{Details: &types.VmDiskFileQueryFlags{
			CapacityKb: true, DiskType: true, Thin: yes, DiskExtents: yes,
		}}},
		Details: &types.FileQueryFlags{FileSize: true, FileType: true},
	})
	l.must(err)
	info, err := task.WaitForResult(t.Context(), nil)
	l.must(err)

	type seen struct {
		capacity, size int64
		thin           bool
		extent         string
	}
	found := make(map[string]seen)
	for _, folder := range info.Result.(types.ArrayOfHostDatastoreBrowserSearchResults).HostDatastoreBrowserSearchResults {
		for _, file := range folder.File {
			d := file.(*types.VmDiskFileInfo)
			found[folder.FolderPath+d.Path] = seen{d.CapacityKb << 10, d.FileSize, *d.Thin, d.DiskExtents[0]}
		}
	}
	want := map[string]seen{
		"[old] loose/thin.vmdk":  {4 * gib, gib, true, "[old] loose/thin-flat.vmdk"},
		"[old] loose/thick.vmdk": {2 * gib, 2 * gib, false, "[old] loose/thick-flat.vmdk"},
		"[old] vm-1/vm-1.vmdk":   {4 * gib, gib, true, "[old] vm-1/vm-1-flat.vmdk"},
		"[old] vm-1/vm-1_1.vmdk": {2 * gib, 2 * gib, false, "[old] vm-1/vm-1_1-flat.vmdk"},
	}
	for name, expected := range want {
		if found[name] != expected {
			t.Errorf("%s: %+v, want %+v", name, found[name], expected)
		}
	}
	if len(found) != 2+3*2+1 {
		t.Errorf("%d disks found: %v", len(found), found)
	}
}

func TestBrowserSelects(t *testing.T) {
	l := start(t, inventory, fast)
	ds := object.NewDatastore(l.client.Client, l.datastore("old"))
	browser, err := ds.Browser(t.Context())
	l.must(err)
	cases := map[string]struct {
		where string
		spec  types.HostDatastoreBrowserSearchSpec
		want  int
	}{
		"no spec: every file":      {"[old] vm-1", types.HostDatastoreBrowserSearchSpec{}, 7},
		"by pattern":               {"[old] vm-1", types.HostDatastoreBrowserSearchSpec{MatchPattern: []string{"*.vmx", "*.log"}}, 2},
		"the VM's file":            {"[old] vm-1", types.HostDatastoreBrowserSearchSpec{Query: []types.BaseFileQuery{new(types.VmConfigFileQuery)}}, 1},
		"disks, without extents":   {"[old] vm-1/", types.HostDatastoreBrowserSearchSpec{Query: []types.BaseFileQuery{new(types.VmDiskFileQuery)}}, 2},
		"folders":                  {"[old]", types.HostDatastoreBrowserSearchSpec{Query: []types.BaseFileQuery{new(types.FolderFileQuery)}}, 6},
		"nothing above the folder": {"[old] ../../..", types.HostDatastoreBrowserSearchSpec{Query: []types.BaseFileQuery{new(types.FolderFileQuery)}}, 6},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			task, err := browser.SearchDatastore(t.Context(), c.where, &c.spec)
			l.must(err)
			info, err := task.WaitForResult(t.Context(), nil)
			l.must(err)
			if files := info.Result.(types.HostDatastoreBrowserSearchResults).File; len(files) != c.want {
				t.Errorf("%d files, want %d: %+v", len(files), c.want, files)
			}
		})
	}

	t.Run("a folder that is not there", func(t *testing.T) {
		task, err := browser.SearchDatastore(t.Context(), "[old] nowhere", new(types.HostDatastoreBrowserSearchSpec))
		l.must(err)
		wantFault[*types.FileNotFound](t, l.ends(task))
	})
	t.Run("a datastore that is not there", func(t *testing.T) {
		_, err := browser.SearchDatastore(t.Context(), "[nowhere] x", new(types.HostDatastoreBrowserSearchSpec))
		wantFault[*types.InvalidDatastorePath](t, callFault(t, err))
	})
}

func TestBrowserPassesOverFoldersThatGo(t *testing.T) {
	l := start(t, inventory, fast)
	ds := object.NewDatastore(l.client.Client, l.datastore("old"))
	browser, err := ds.Browser(t.Context())
	l.must(err)
	var summary mo.Datastore
	l.must(ds.Properties(t.Context(), ds.Reference(), []string{"summary"}, &summary))
	// Many that come and go, all of them before the folder that stays.
	var churn sync.WaitGroup
	over := make(chan struct{})
	for n := range 4 {
		churn.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-over:
					return
				default:
					folder := filepath.Join(summary.Summary.Url, fmt.Sprintf("a-%d-%d", n, i%50))
					_ = os.Mkdir(folder, 0o700)
					_ = os.Remove(folder)
				}
			}
		})
	}
	defer churn.Wait()
	defer close(over)
	for range 200 {
		task, err := browser.SearchDatastoreSubFolders(t.Context(), "[old]", &types.HostDatastoreBrowserSearchSpec{MatchPattern: []string{"thin.vmdk"}})
		l.must(err)
		info, err := task.WaitForResult(t.Context(), nil)
		l.must(err)
		found := 0
		for _, folder := range info.Result.(types.ArrayOfHostDatastoreBrowserSearchResults).HostDatastoreBrowserSearchResults {
			found += len(folder.File)
		}
		if found != 1 {
			t.Fatalf("%d disks named thin.vmdk found, want 1", found)
		}
	}
}
