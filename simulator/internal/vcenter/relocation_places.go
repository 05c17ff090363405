package vcenter

import (
	"fmt"
	"os"
	"path"
	"strings"

	"github.com/vmware/govmomi/vim25/types"
)

// makePlaces chooses the folders and the names on the targets. Where the VM has a folder, its home or that of a disk which
// an earlier relocation brought there, that is taken. Else it gets one of its own name; a folder of that name which is
// there already is somebody else's, and the VM's is then called name_1, and so on, as a vCenter does it.
func (r *relocation) makePlaces() error {
	folders := r.folders
	place := func(s *store) (string, error) {
		if folder, known := folders[s]; known {
			return folder, nil
		}
		for n := 0; ; n++ {
			folder := r.name
			if n > 0 {
				folder = fmt.Sprintf("%s_%d", r.name, n)
			}
			err := os.Mkdir(s.file(folder), 0o700)
			if os.IsExist(err) {
				continue
			}
			if err == nil {
				r.made = append(r.made, s.file(folder))
				folders[s] = folder
			}
			return folder, err
		}
	}

	var err error
	if r.home.moves() {
		if r.home.toDir, err = place(r.home.to); err != nil {
			return err
		}
	}
	taken := make(map[string]bool)
	for _, d := range r.disks {
		for _, f := range d.files {
			if f.arrived() {
				continue
			}
			folder, err := place(d.to)
			if err != nil {
				return err
			}
			name := path.Join(folder, path.Base(f.from.name))
			if f.way == byChild {
				name = freeDelta(d.to, name)
			}
			f.to.name = freeName(d.to, name, taken)
		}
	}
	r.nameParents()
	return nil
}

// foldersOf gives the folders of its name that a VM has on its datastores. The VM's lock is held.
func (vc *VCenter) foldersOf(r *relocation) map[*store]string {
	folders := make(map[*store]string)
	for _, file := range r.vm.LayoutEx.File {
		s, name, fault := vc.locate(r.datacenter, file.Name)
		if fault != nil {
			continue
		}
		folder := path.Dir(name)
		if number, own := strings.CutPrefix(folder, r.name); own && (number == "" || number[0] == '_') {
			folders[s] = folder
		}
	}
	if !r.home.moves() {
		folders[r.home.from] = r.home.fromDir
	}
	return folders
}

// nameParents lets every delta name its parent where that is afterwards.
func (r *relocation) nameParents() {
	for _, d := range r.disks {
		goes := make(map[string]place)
		for _, f := range d.files {
			goes[f.from.url()] = f.to
		}
		for _, f := range d.files {
			if f.parent == nil || f.way == byTwin {
				continue
			}
			parent := *f.parent
			if to, moves := goes[parent.url()]; moves && f.way != byChild {
				parent = to
			}
			f.after.Parent = hint(f.to, parent)
		}
	}
}

// freeName gives a disk's path on the target, with a number if another file has it.
func freeName(s *store, name string, taken map[string]bool) string {
	stem, free := name[:len(name)-len(path.Ext(name))], name
	for n := 1; ; n++ {
		_, err := os.Stat(s.file(free))
		if os.IsNotExist(err) && !taken[s.url(free)] {
			taken[s.url(free)] = true
			return free
		}
		free = fmt.Sprintf("%s_%d.vmdk", stem, n)
	}
}

// fileFault is what an error of this machine's file system looks like to a client.
func fileFault(name string, err error) types.BaseMethodFault {
	fault := types.FileFault{File: name}
	switch {
	case os.IsNotExist(err):
		return &types.FileNotFound{FileFault: fault}
	case os.IsExist(err):
		return &types.FileAlreadyExists{FileFault: fault}
	}
	fault.FaultMessage = []types.LocalizableMessage{{Key: "vrelocate.simulator", Message: err.Error()}}
	return &fault
}
