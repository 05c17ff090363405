package vcenter

import (
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/disk"
)

// settle switches a VM to its new place: its files, then everything that tells of them. From here on a cancel comes too
// late. The VM's lock is held.
func (op *operation) settle(r *relocation) types.BaseMethodFault {
	moved := make(map[string]string) // every file's old and new path, in vSphere's form
	for _, d := range r.disks {
		if err := d.moveFiles(); err != nil {
			return fileFault(d.from.url(d.fromName), err)
		}
		moved[d.from.url(d.fromName)] = d.to.url(d.toName)
		moved[d.from.url(disk.Extent(d.fromName))] = d.to.url(disk.Extent(d.toName))
	}
	if r.home.moves() {
		if err := moveHome(r.home, moved); err != nil {
			return fileFault(r.home.from.url(r.home.fromDir), err)
		}
	}
	for _, d := range r.disks {
		d.from.tidy(path.Dir(d.fromName))
	}

	op.retell(r, moved)
	op.moveCompute(r.vm, r.compute)
	return nil
}

// moveFiles puts a disk's files on the target. The extent itself goes, so that what lies in it goes too.
func (d *diskMove) moveFiles() error {
	from, to := d.from.file(d.fromName), d.to.file(d.toName)
	if err := os.Rename(disk.Extent(from), disk.Extent(to)); err != nil {
		return err
	}
	if err := disk.Write(to, d.after); err != nil {
		return err
	}
	d.from.account.Remove(d.fromName)
	if err := d.to.account.Set(d.toName, d.after.AllocatedBytes()); err != nil {
		return err
	}
	return os.Remove(from)
}

// moveHome moves the VM's own files: all of its folder but disks, which go their own way.
func moveHome(h homeMove, moved map[string]string) error {
	entries, err := os.ReadDir(h.from.file(h.fromDir))
	if err != nil {
		return err
	}
	for _, entry := range entries {
		name := entry.Name()
		if filepath.Ext(name) == ".vmdk" || entry.IsDir() {
			continue
		}
		from, to := path.Join(h.fromDir, name), path.Join(h.toDir, name)
		if err := os.Rename(h.from.file(from), h.to.file(to)); err != nil {
			return err
		}
		bytes, err := size(h.to.file(to))
		if err != nil {
			return err
		}
		h.from.account.Remove(from)
		// The few bytes of a home count even on a full datastore; only disks are refused.
		_ = h.to.account.Set(to, bytes)
		moved[h.from.url(from)] = h.to.url(to)
	}
	h.from.tidy(h.fromDir)
	return nil
}

// retell makes a VM's properties tell of its new place.
func (op *operation) retell(r *relocation, moved map[string]string) {
	vm := r.vm
	rename := func(name string) string {
		if to, known := moved[name]; known {
			return to
		}
		return name
	}
	folder := func(name string) string { // of a path of the home: its folder, or something in it
		old, fresh := r.home.from.url(r.home.fromDir), r.home.to.url(r.home.toDir)
		if name == old || strings.HasPrefix(name, old+"/") {
			return fresh + strings.TrimPrefix(name, old)
		}
		return name
	}

	files := vm.Config.Files
	files.VmPathName = rename(files.VmPathName)
	if r.home.moves() {
		files.SnapshotDirectory = folder(files.SnapshotDirectory)
		files.SuspendDirectory = folder(files.SuspendDirectory)
		files.LogDirectory = folder(files.LogDirectory)
		files.FtMetadataDirectory = folder(files.FtMetadataDirectory)
	}
	changes := []types.PropertyChange{
		{Name: "config.files", Val: files},
		{Name: "summary.config.vmPathName", Val: files.VmPathName},
		{Name: "config.hardware.device", Val: movedDevices(vm, r.disks)},
	}
	if vm.Layout != nil {
		changes = append(changes, types.PropertyChange{Name: "layout", Val: renamedLayout(*vm.Layout, rename)})
	}
	if vm.LayoutEx != nil {
		layout := *vm.LayoutEx
		layout.File = slices.Clone(layout.File)
		for i := range layout.File {
			layout.File[i].Name = rename(layout.File[i].Name)
		}
		changes = append(changes, types.PropertyChange{Name: "layoutEx", Val: layout})
	}
	op.ctx.Update(vm, changes)
	op.ctx.Update(vm, op.vc.measure(vm))
	op.vc.relistDatastores(op.ctx, vm)
}

// movedDevices gives the VM's devices with the moved disks' backings. They are copies: readers may still be encoding
// the old ones.
func movedDevices(vm *simulator.VirtualMachine, moves []*diskMove) []types.BaseVirtualDevice {
	devices := slices.Clone(vm.Config.Hardware.Device)
	for i, device := range devices {
		old, ok := device.(*types.VirtualDisk)
		if !ok {
			continue
		}
		at := slices.IndexFunc(moves, func(d *diskMove) bool { return d.key == old.Key })
		if at < 0 {
			continue
		}
		move := moves[at]
		fresh := *old
		backing := *old.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
		ref := move.to.ref
		backing.FileName = move.to.url(move.toName)
		backing.Datastore = &ref
		backing.ThinProvisioned = types.NewBool(move.after.Kind == disk.Thin)
		backing.EagerlyScrub = types.NewBool(move.after.Kind == disk.Eager)
		backing.Uuid = move.after.UUID
		fresh.Backing = &backing
		devices[i] = &fresh
	}
	return devices
}

// renamedLayout is vm.layout (deprecated since vSphere API 4.0, and still read) with new names.
func renamedLayout(layout types.VirtualMachineFileLayout, rename func(string) string) types.VirtualMachineFileLayout {
	layout.Disk = slices.Clone(layout.Disk)
	for i := range layout.Disk {
		layout.Disk[i].DiskFile = slices.Clone(layout.Disk[i].DiskFile)
		for j := range layout.Disk[i].DiskFile {
			layout.Disk[i].DiskFile[j] = rename(layout.Disk[i].DiskFile[j])
		}
	}
	layout.Snapshot = slices.Clone(layout.Snapshot)
	for i := range layout.Snapshot {
		layout.Snapshot[i].SnapshotFile = slices.Clone(layout.Snapshot[i].SnapshotFile)
		for j := range layout.Snapshot[i].SnapshotFile {
			layout.Snapshot[i].SnapshotFile[j] = rename(layout.Snapshot[i].SnapshotFile[j])
		}
	}
	layout.SwapFile = rename(layout.SwapFile)
	return layout
}
