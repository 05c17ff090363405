package vcenter

import (
	"slices"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/disk"
)

// locked gives the fault of changing a file, or a folder with all that is in it, while something in there is in use: by
// a VM that runs or that a task works on, or by another task on the disk. FileLocked is what FileManager's methods list
// for it. self is the claim of the task that asks. nil: go on.
func (vc *VCenter) locked(ctx *simulator.Context, at place, self string) types.BaseMethodFault {
	if vc.claimedWithin(at, self) || vc.usedByVMs(ctx, at) {
		return fileLocked(at)
	}
	return nil
}

func fileLocked(at place) types.BaseMethodFault {
	return &types.FileLocked{FileFault: types.FileFault{File: at.url()}}
}

// claimedWithin tells whether a task has something for itself that is in a place, or the folder that the place is in.
func (vc *VCenter) claimedWithin(at place, self string) bool {
	vc.mu.Lock()
	defer vc.mu.Unlock()
	for claim := range vc.claims {
		if claim != self && (at.holds(claim) || strings.HasPrefix(at.url(), claim+"/")) {
			return true
		}
	}
	return false
}

// usedByVMs tells whether a file in a place is one of a VM that runs or that a task works on.
func (vc *VCenter) usedByVMs(ctx *simulator.Context, at place) bool {
	ds, ok := vc.registry.Get(at.store.ref).(*simulator.Datastore)
	if !ok {
		return false
	}
	var refs []types.ManagedObjectReference
	ctx.WithLock(ds, func() { refs = slices.Clone(ds.Vm) })
	for _, ref := range refs {
		vm, ok := vc.registry.Get(ref).(*simulator.VirtualMachine)
		if !ok {
			continue
		}
		busy, used := vc.claimed(ref.String()), false
		ctx.WithLock(vm, func() {
			if !busy && vm.Runtime.PowerState != types.VirtualMachinePowerStatePoweredOn {
				return
			}
			used = slices.ContainsFunc(vm.LayoutEx.File, func(f types.VirtualMachineFileLayoutExFileInfo) bool { return at.holds(f.Name) })
		})
		if used {
			return true
		}
	}
	return false
}

// holds tells whether a file, by its path in vSphere's form, is a place or is in it. A disk and its extent are one.
func (p place) holds(url string) bool {
	own := p.url()
	if disk.IsExtent(own) {
		own = disk.Descriptor(own)
	}
	if disk.IsExtent(url) {
		url = disk.Descriptor(url)
	}
	switch {
	case url == own:
		return true
	case p.name == "":
		return strings.HasPrefix(url, "["+p.store.name+"]")
	}
	return strings.HasPrefix(url, own+"/")
}

// hold keeps a file for one upload. It is not free while another has it.
func (vc *VCenter) hold(at place) (release func(), free bool) {
	url := at.url()
	vc.mu.Lock()
	defer vc.mu.Unlock()
	if _, taken := vc.held[url]; taken {
		return nil, false
	}
	vc.held[url] = struct{}{}
	return func() {
		vc.mu.Lock()
		defer vc.mu.Unlock()
		delete(vc.held, url)
	}, true
}

// uploading tells whether an upload is writing to something in a place.
func (vc *VCenter) uploading(at place) bool {
	vc.mu.Lock()
	defer vc.mu.Unlock()
	for url := range vc.held {
		if at.holds(url) {
			return true
		}
	}
	return false
}
