package vcenter

import (
	"os"
	"path"
	"strings"

	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/disk"
)

// typeOfFile gives what a file of a VM's folder is to layoutEx (VirtualMachineFileLayoutExFileType); empty for disks,
// which are counted with their chains, and for what is not known to belong to a VM.
func typeOfFile(name string) types.VirtualMachineFileLayoutExFileType {
	switch path.Ext(name) {
	case ".vmx", ".vmtx":
		return types.VirtualMachineFileLayoutExFileTypeConfig
	case ".vmxf":
		return types.VirtualMachineFileLayoutExFileTypeExtendedConfig
	case ".nvram":
		return types.VirtualMachineFileLayoutExFileTypeNvram
	case ".log":
		return types.VirtualMachineFileLayoutExFileTypeLog
	case ".vmsd":
		return types.VirtualMachineFileLayoutExFileTypeSnapshotList
	case ".vmsn":
		return types.VirtualMachineFileLayoutExFileTypeSnapshotData
	case ".vmss":
		return types.VirtualMachineFileLayoutExFileTypeSuspend
	case ".vswp":
		return types.VirtualMachineFileLayoutExFileTypeSwap
	case ".vmem":
		if strings.Contains(name, "-Snapshot") {
			return types.VirtualMachineFileLayoutExFileTypeSnapshotMemory
		}
		return types.VirtualMachineFileLayoutExFileTypeSuspendMemory
	}
	return ""
}

// bytesOf is what a file takes: an extent by its disk, anything else by its length. A file that is not there takes
// nothing.
func bytesOf(file string) int64 {
	if disk.IsExtent(file) {
		if d, err := disk.Read(disk.Descriptor(file)); err == nil {
			return d.AllocatedBytes()
		}
	}
	return lengthOf(file)
}

func lengthOf(file string) int64 {
	info, err := os.Stat(file)
	if err != nil {
		return 0
	}
	return info.Size()
}
