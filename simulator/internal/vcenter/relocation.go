package vcenter

import (
	"fmt"
	"os"
	"path"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/disk"
)

// relocation is what a RelocateSpec means for one VM: what moves, from where, to where.
type relocation struct {
	vm         *simulator.VirtualMachine
	name       string
	datacenter types.ManagedObjectReference
	home       homeMove
	disks      []*diskMove
	compute    computeMove
	made       []string // folders made on this machine for the VM; removed if nothing comes of it
}

// homeMove is the way of the VM's own files. It stays when from and to are the same.
type homeMove struct {
	from, to       *store
	fromDir, toDir string
}

func (h homeMove) moves() bool { return h.from != h.to }

// diskMove is the way of one disk.
type diskMove struct {
	key              int32
	from, to         *store
	fromName, toName string
	after            disk.Disk // what it is on the target
	begun            bool      // something of it is on the target
}

// relocate moves a VM: plan, copy, switch.
func (op *operation) relocate(vm *simulator.VirtualMachine, spec types.VirtualMachineRelocateSpec) types.BaseMethodFault {
	var r *relocation
	var fault types.BaseMethodFault
	op.ctx.WithLock(vm, func() { r, fault = op.planRelocation(vm, spec) })
	if fault != nil {
		return fault
	}
	if fault := r.fits(); fault != nil {
		return fault
	}
	for _, d := range r.disks {
		if name := d.from.url(d.fromName); op.vc.claimed(name) { // VirtualDiskManager has it
			return &types.FileLocked{FileFault: types.FileFault{File: name}}
		}
		op.total += d.after.AllocatedBytes()
	}
	if fault := op.copyAll(r); fault != nil {
		op.undo(r)
		return fault
	}
	if fault := op.commit(); fault != nil {
		op.undo(r)
		return fault
	}
	op.ctx.WithLock(vm, func() { fault = op.settle(r) })
	op.publishAll(r)
	return fault
}

// fits checks the space of the targets before anything is copied. Another copy may still take it meanwhile.
func (r *relocation) fits() types.BaseMethodFault {
	need := make(map[*store]int64)
	for _, d := range r.disks {
		need[d.to] += d.after.AllocatedBytes()
		if need[d.to] > d.to.account.Free() {
			return noSpace(d.to, d.toName)
		}
	}
	return nil
}

// copyAll makes the places on the targets and takes the time and the space of the copies, one disk after another.
func (op *operation) copyAll(r *relocation) types.BaseMethodFault {
	if err := r.makePlaces(); err != nil {
		return fileFault(r.name, err)
	}
	for _, d := range r.disks {
		d.begun = true
		partial := d.after
		partial.WrittenBytes = 0
		if err := disk.Write(d.to.file(d.toName), partial); err != nil {
			return fileFault(d.to.url(d.toName), err)
		}
		if fault := op.copy(transfer{
			from: d.from, to: d.to, fromName: d.fromName, toName: d.toName,
			bytes: d.after.AllocatedBytes(),
			thin:  d.after.Kind == disk.Thin,
		}); fault != nil {
			return fault
		}
	}
	if len(r.disks) == 0 {
		return op.nothingToCopy(r.home.from.url(r.home.fromDir))
	}
	return nil
}

// makePlaces chooses the folders on the targets. A folder with the VM's name that is there already is somebody else's:
// the VM's is then called name_1, and so on, as a vCenter does it.
func (r *relocation) makePlaces() error {
	folders := make(map[*store]string)
	if !r.home.moves() {
		folders[r.home.from] = r.home.fromDir
	}
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
		folder, err := place(d.to)
		if err != nil {
			return err
		}
		d.toName = freeName(d.to, path.Join(folder, path.Base(d.fromName)), taken)
	}
	return nil
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

// undo removes what a relocation that came to nothing left on the targets.
func (op *operation) undo(r *relocation) {
	for _, d := range r.disks {
		if d.begun {
			_ = disk.Remove(d.to.file(d.toName))
			d.to.account.Remove(d.toName)
		}
	}
	for _, folder := range r.made {
		_ = os.Remove(folder)
	}
	op.publishAll(r)
}

func (op *operation) publishAll(r *relocation) {
	stores := map[*store]bool{r.home.from: true, r.home.to: true}
	for _, d := range r.disks {
		stores[d.from], stores[d.to] = true, true
	}
	for s := range stores {
		op.vc.publish(op.ctx, s)
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
