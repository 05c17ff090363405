package vcenter

import (
	"slices"
	"strings"

	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/disk"
)

// allowSharing lets parents be shared with what is on the target: "if a disk backing is not the child-most backing of
// this virtual machine, and there exists a read-only disk backing with the same content ID on the target datastore, then
// this disk backing may not be copied. Instead it is acceptable to attach to the read-only disk backing".
const allowSharing = types.VirtualMachineRelocateDiskMoveOptionsMoveAllDiskBackingsAndAllowSharing

// twinsOf looks on a datastore for parents with the content of a chain's own: as many as it can of links[own:] are
// twins. Without any, own is the chain's length.
func (vc *VCenter) twinsOf(links []link, on *store) (own int, twins []link) {
	candidates := vc.shares.parentsOn(on)
	for own = 1; own < len(links); own++ {
		for _, at := range candidates {
			if at == links[own].place || !alike(links[own].disk, at) {
				continue
			}
			chain, fault := vc.chainOf(at)
			if fault == nil && slices.EqualFunc(chain, links[own:], func(a, b link) bool { return sameContent(a.disk, b.disk) }) {
				return own, chain
			}
		}
	}
	return len(links), nil
}

// alike tells whether a disk has the content of another.
func alike(d disk.Disk, at place) bool {
	other, err := disk.Read(at.file())
	return err == nil && sameContent(d, other)
}

// sameContent compares content IDs, which are unique enough among disks of one UUID.
func sameContent(a, b disk.Disk) bool {
	return a.CID == b.CID && a.UUID == b.UUID && a.CapacityBytes == b.CapacityBytes
}

// parentsOn gives the disks on a datastore that others hang on, in a fixed order: nobody writes to them.
func (d *diskShares) parentsOn(s *store) []place {
	d.mu.Lock()
	defer d.mu.Unlock()
	var parents []place
	for p, users := range d.users {
		if p.store != s {
			continue
		}
		for _, asParent := range users {
			if asParent {
				parents = append(parents, p)
				break
			}
		}
	}
	slices.SortFunc(parents, func(a, b place) int { return strings.Compare(a.name, b.name) })
	return parents
}
