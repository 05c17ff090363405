package vcenter

import (
	"os"

	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/disk"
)

// general fills what any file's info has, as far as the search asks for it (FileQueryFlags).
func (s *search) general(name string, info os.FileInfo) types.FileInfo {
	general := types.FileInfo{Path: info.Name()}
	details := s.spec.Details
	if details == nil {
		return general
	}
	if details.FileSize {
		general.FileSize = s.fileSize(name, info)
	}
	if details.Modification {
		modified := info.ModTime()
		general.Modification = &modified
	}
	if details.FileOwner {
		general.Owner = "root"
	}
	return general
}

// fileSize is what a file takes: a disk what it takes at this moment, also while it is being copied; an extent that is
// looked at by itself what its disk takes.
func (s *search) fileSize(name string, info os.FileInfo) int64 {
	if taken, known := s.store.account.Of(name); known {
		return taken
	}
	if info.IsDir() {
		return 0
	}
	return bytesOf(s.store.file(name))
}

// disk fills what a disk's info has besides, as far as the query asks for it (VmDiskFileQueryFlags).
func (s *search) disk(name string, general types.FileInfo, query types.BaseFileQuery) types.BaseFileInfo {
	info := &types.VmDiskFileInfo{FileInfo: general}
	forDisks, ok := query.(*types.VmDiskFileQuery)
	if !ok || forDisks.Details == nil {
		return info
	}
	d, err := disk.Read(s.store.file(name))
	if err != nil {
		return info // a disk of another format: its name and size are all there is
	}
	flags := forDisks.Details
	if flags.DiskType {
		info.DiskType = "VirtualDiskFlatVer2BackingInfo"
	}
	if flags.CapacityKb {
		info.CapacityKb = d.CapacityBytes >> 10
	}
	if flags.HardwareVersion {
		info.HardwareVersion = 13
	}
	if isTrue(flags.ControllerType) {
		info.ControllerType = "VirtualLsiLogicController"
	}
	if isTrue(flags.DiskExtents) {
		info.DiskExtents = []string{s.store.url(d.Extent(name))}
	}
	if isTrue(flags.Thin) {
		info.Thin = types.NewBool(d.Kind == disk.Thin)
	}
	return info
}
