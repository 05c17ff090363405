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

// settle makes disks that are copied the VM's, and if these are the last, its home, its host, its pool and its folder as
// well: the files first, then everything that tells of them. The VM's lock is held.
func (op *operation) settle(r *relocation, disks []*diskMove, last bool) types.BaseMethodFault {
	became := make(map[place]place) // disks by where they were
	for _, d := range disks {
		for _, f := range d.files {
			if err := f.settle(); err != nil {
				return fileFault(f.from.url(), err)
			}
			became[f.from] = f.to
		}
	}
	files := r.vm.Config.Files
	if last && r.home.moves() {
		var err error
		if files, err = moveHome(r.home, files); err != nil {
			return fileFault(r.home.from.url(r.home.fromDir), err)
		}
	}
	for from := range became {
		from.store.tidy(path.Dir(from.name))
	}
	devices := op.vc.rebacked(r.datacenter, r.vm.Config.Hardware.Device, became)
	op.retellSnapshots(r, became)
	if last {
		op.moveCompute(r.vm, r.compute) // before the rest: a path means a file in the datacenter where the VM is
		devices = op.rewire(r, devices)
	}
	op.ctx.Update(r.vm, []types.PropertyChange{
		{Name: "config.files", Val: files},
		{Name: "summary.config.vmPathName", Val: files.VmPathName},
		{Name: "config.hardware.device", Val: devices},
	})
	op.ctx.Update(r.vm, op.vc.measure(r.vm))
	op.vc.relistDatastores(op.ctx, r.vm)
	return nil
}

// settle puts one disk of a chain on the target. The extent itself goes, so that what lies in it goes too.
func (f *fileMove) settle() error {
	from, to := f.from.file(), f.to.file()
	switch f.way {
	case byHint:
		return disk.Describe(to, f.after)
	case byTwin:
		return f.removeUnshared(f.from)
	case byMove:
		if err := disk.Rename(from, to, f.after); err != nil {
			return err
		}
		f.from.store.account.Remove(f.from.name)
	case byMerge:
		for _, part := range f.parts {
			if err := f.removeUnshared(part.place); err != nil {
				return err
			}
		}
		fallthrough
	default:
		if err := disk.Write(to, f.after); err != nil {
			return err
		}
	}
	return f.to.store.account.Set(f.to.name, f.after.AllocatedBytes())
}

// removeUnshared deletes a disk unless another VM needs it.
func (f *fileMove) removeUnshared(at place) error {
	if f.shared[at] {
		return nil
	}
	defer at.store.account.Remove(at.name)
	return disk.Remove(at.file())
}

// moveHome moves the VM's own files, all of its folder but disks, which go their own way, and gives where they are then.
func moveHome(h homeMove, files types.VirtualMachineFileInfo) (types.VirtualMachineFileInfo, error) {
	entries, err := os.ReadDir(h.from.file(h.fromDir))
	if err != nil {
		return files, err
	}
	h.to.account.Remove(h.toDir + "/") // what was kept for it
	for _, entry := range entries {
		name := entry.Name()
		if filepath.Ext(name) == ".vmdk" || entry.IsDir() {
			continue
		}
		from, to := path.Join(h.fromDir, name), path.Join(h.toDir, name)
		if err := os.Rename(h.from.file(from), h.to.file(to)); err != nil {
			return files, err
		}
		bytes, err := size(h.to.file(to))
		if err != nil {
			return files, err
		}
		h.from.account.Remove(from)
		// The few bytes of a home count even on a full datastore; only disks and memory are refused.
		_ = h.to.account.Set(to, bytes)
	}
	h.from.tidy(h.fromDir)

	old, fresh := h.from.url(h.fromDir), h.to.url(h.toDir)
	for _, name := range []*string{&files.VmPathName, &files.SnapshotDirectory, &files.SuspendDirectory,
		&files.LogDirectory, &files.FtMetadataDirectory} {
		if *name == old || strings.HasPrefix(*name, old+"/") {
			*name = fresh + strings.TrimPrefix(*name, old)
		}
	}
	return files, nil
}

// retellSnapshots makes the VM's snapshots tell of their disks' new places. The VM's lock is held.
func (op *operation) retellSnapshots(r *relocation, became map[place]place) {
	for _, s := range op.vc.snapshotsOf(r.vm) {
		devices := op.vc.rebacked(r.datacenter, s.Config.Hardware.Device, became)
		op.ctx.WithLock(s.VirtualMachineSnapshot, func() {
			op.ctx.Update(s.VirtualMachineSnapshot, []types.PropertyChange{{Name: "config.hardware.device", Val: devices}})
		})
	}
}

// rewire gives devices with their cards on the target host's networks: those that the spec asks for, or else those of
// the same name. The VM's lock is held.
func (op *operation) rewire(r *relocation, devices []types.BaseVirtualDevice) []types.BaseVirtualDevice {
	host, ok := op.vc.registry.Get(*r.vm.Runtime.Host).(*simulator.HostSystem)
	if !ok {
		return devices
	}
	has := op.vc.networksOf(op.ctx, host)
	devices = r.compute.rewired(devices)
	var used []types.ManagedObjectReference
	for i, device := range devices {
		card, ok := device.(types.BaseVirtualEthernetCard)
		if !ok {
			continue
		}
		switch backing := card.GetVirtualEthernetCard().Backing.(type) {
		case *types.VirtualEthernetCardNetworkBackingInfo:
			ref, seen := has.byName[backing.DeviceName]
			if !seen {
				continue
			}
			fresh := *backing
			fresh.Network = &ref
			devices[i] = withBacking(device, &fresh)
			used = append(used, ref)
		case *types.VirtualEthernetCardDistributedVirtualPortBackingInfo:
			used = append(used, types.ManagedObjectReference{Type: "DistributedVirtualPortgroup", Value: backing.Port.PortgroupKey})
		}
	}
	if len(used) > 0 && !slices.Equal(used, r.vm.Network) {
		op.ctx.Update(r.vm, []types.PropertyChange{{Name: "network", Val: used}})
	}
	return devices
}
