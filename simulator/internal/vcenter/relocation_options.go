package vcenter

// RelocationOptions say how relocations behave where real ones are seen to differ.
type RelocationOptions struct {
	// SwitchEachDisk switches a VM that is off to each disk as soon as that is copied, and to its home last. A relocation
	// that fails or is cancelled after some disks then leaves the VM half moved: in two places at once, and all of it
	// true. Without it the VM switches in one moment at the end, and what fails before leaves it whole where it was.
	//
	// A vCenter documents the latter: "after the migration is completed, the old version of the virtual machine is
	// deleted from the source host" (vCenter Server and Host Management, "Cold Migration"); and for a running VM that the
	// switch of all disks is atomic (Mashtizadeh et al., "The Design and Evolution of Live Storage Migration in VMware
	// ESX", USENIX ATC 2011). VMs with disks on both sides are seen all the same, of vCenters and hosts that went down
	// in the midst, so that whoever drives relocations has to cope with them.
	SwitchEachDisk bool
}
