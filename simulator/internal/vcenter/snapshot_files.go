package vcenter

import (
	"fmt"
	"os"
	"path"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// A snapshot's own files lie in the VM's snapshot directory (VirtualMachineFileInfo.snapshotDirectory): the state of the
// virtual hardware, name-Snapshot1.vmsn; with memory, what was in it, name-Snapshot1.vmem; and one list of all
// snapshots, name.vmsd.

// stateBytes is how long a .vmsn without memory is: of the order of what ESXi writes.
const stateBytes = 28 << 10

// snapshotHome gives the folder of a VM's snapshot files and how their names begin. The VM's lock is held.
func (vc *VCenter) snapshotHome(vm *simulator.VirtualMachine) (folder place, stem string, fault types.BaseMethodFault) {
	datacenter := vc.datacenterOf(vm)
	s, vmx, fault := vc.locate(datacenter, vm.Config.Files.VmPathName)
	if fault != nil {
		return place{}, "", fault
	}
	folder, stem = place{s, path.Dir(vmx)}, strings.TrimSuffix(path.Base(vmx), ".vmx")
	if name := vm.Config.Files.SnapshotDirectory; name != "" {
		if s, at, fault := vc.locate(datacenter, name); fault == nil && path.Ext(at) != ".vmx" {
			folder = place{s, at}
		}
	}
	return folder, stem, nil
}

func (p place) join(name string) place { return place{p.store, path.Join(p.name, name)} }

func stateFile(folder place, stem string, id int32) place {
	return folder.join(fmt.Sprintf("%s-Snapshot%d.vmsn", stem, id))
}

func memoryFile(folder place, stem string, id int32) place {
	return folder.join(fmt.Sprintf("%s-Snapshot%d.vmem", stem, id))
}

// write makes a file of a length, sparse, and counts what it takes.
func (p place) write(bytes int64) types.BaseMethodFault {
	defer p.store.account.Change(p.name)()
	if err := p.store.account.Set(p.name, bytes); err != nil {
		return noSpace(p.store, p.name)
	}
	file, err := os.OpenFile(p.file(), os.O_CREATE|os.O_WRONLY, 0o600)
	if err == nil {
		err = file.Truncate(bytes)
		if closeErr := file.Close(); err == nil {
			err = closeErr
		}
	}
	if err != nil {
		p.store.account.Remove(p.name)
		return fileFault(p.url(), err)
	}
	return nil
}

// forget deletes a file and gives its space back. One that is not there is no matter.
func (p place) forget() {
	_ = os.Remove(p.file())
	p.store.account.Remove(p.name)
}

// writeList writes the .vmsd, in the form that ESXi has it. The VM's lock is held.
func (vc *VCenter) writeList(vm *simulator.VirtualMachine, folder place, stem string) types.BaseMethodFault {
	t := treeOf(vm)
	var text strings.Builder
	line := func(key string, value any) { fmt.Fprintf(&text, "%s = \"%v\"\n", key, value) }
	line(".encoding", "UTF-8")
	line("snapshot.lastUID", max(t.lastID(), vc.lastSnapshot(vm, folder, stem)))
	if len(t) > 0 {
		if vm.Snapshot.CurrentSnapshot != nil {
			if current, _, ok := t.find(*vm.Snapshot.CurrentSnapshot); ok {
				line("snapshot.current", current.Id)
			}
		}
	}
	count := 0
	var list func(t tree, parent int32)
	list = func(t tree, parent int32) {
		for _, s := range t {
			at := fmt.Sprintf("snapshot%d.", count)
			count++
			line(at+"uid", s.Id)
			line(at+"filename", path.Base(stateFile(folder, stem, s.Id).name))
			if parent != 0 {
				line(at+"parent", parent)
			}
			line(at+"displayName", s.Name)
			line(at+"description", s.Description)
			line(at+"createTimeHigh", s.CreateTime.UnixMicro()>>32)
			line(at+"createTimeLow", int32(s.CreateTime.UnixMicro()))
			vc.listDisks(vm, at, s, line)
			list(s.ChildSnapshotList, s.Id)
		}
	}
	list(t, 0)
	line("snapshot.numSnapshots", count)

	at := folder.join(stem + ".vmsd")
	if err := os.WriteFile(at.file(), []byte(text.String()), 0o600); err != nil {
		return fileFault(at.url(), err)
	}
	_ = at.store.account.Set(at.name, int64(text.Len())) // its few bytes count even on a full datastore
	return nil
}

// lastSnapshot gives the number of the last snapshot that was ever taken of a VM: numbers are not used twice. The VM's
// lock is held.
func (vc *VCenter) lastSnapshot(vm *simulator.VirtualMachine, folder place, stem string) int32 {
	last := treeOf(vm).lastID()
	text, _ := os.ReadFile(folder.join(stem + ".vmsd").file()) // none: no snapshot was ever taken
	for line := range strings.Lines(string(text)) {
		var id int32
		if n, _ := fmt.Sscanf(line, "snapshot.lastUID = \"%d\"", &id); n == 1 {
			last = max(last, id)
		}
	}
	return last
}

// listDisks writes the lines of a snapshot's disks.
func (vc *VCenter) listDisks(vm *simulator.VirtualMachine, at string, s types.VirtualMachineSnapshotTree, line func(string, any)) {
	object, ok := vc.registry.Get(s.Snapshot).(*simulator.VirtualMachineSnapshot)
	if !ok {
		return
	}
	disks := 0
	for _, device := range object.Config.Hardware.Device {
		d, ok := device.(*types.VirtualDisk)
		if !ok {
			continue
		}
		if file, ok := vc.placeOfDisk(vc.datacenterOf(vm), d); ok {
			line(fmt.Sprintf("%sdisk%d.fileName", at, disks), path.Base(file.name))
			line(fmt.Sprintf("%sdisk%d.node", at, disks), fmt.Sprintf("scsi0:%d", disks))
			disks++
		}
	}
	line(at+"numDisks", disks)
}
