package vcenter

import (
	"slices"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// finding is something that speaks against a relocation, and which of CheckRelocate_Task's tests finds it.
type finding struct {
	test    types.CheckTestType
	fault   types.BaseMethodFault
	warning bool // "problems which may require attention, but which are not fatal" (CheckResult)
}

type findings []finding

func (f *findings) add(test types.CheckTestType, fault types.BaseMethodFault) {
	*f = append(*f, finding{test: test, fault: fault})
}

// first gives the first fault that is fatal; nil if there is none.
func (f findings) first() types.BaseMethodFault {
	at := slices.IndexFunc(f, func(one finding) bool { return !one.warning })
	if at < 0 {
		return nil
	}
	return f[at].fault
}

// choose settles which host the VM runs on afterwards: of several that may, the first that can. A fault says why none
// can. The VM's lock is held.
func (vc *VCenter) choose(ctx *simulator.Context, r *relocation) types.BaseMethodFault {
	if fault := r.findings.first(); fault != nil {
		return fault
	}
	var refused types.BaseMethodFault
	for _, host := range r.compute.candidates {
		fault := vc.onHost(ctx, r, host).first()
		if fault == nil {
			r.compute.host = &host
			return nil
		}
		if refused == nil {
			refused = fault
		}
	}
	if refused == nil { // the cluster has no host at work
		refused = new(types.NoCompatibleHost)
	}
	return refused
}

// examine finds what speaks against a relocation whatever the host. The VM's lock is held.
func (vc *VCenter) examine(ctx *simulator.Context, r *relocation) {
	source, target := types.CheckTestTypeSourceTests, types.CheckTestTypeDatastoreTests
	present := *r.vm.Runtime.Host
	if r.storageMoves() {
		if r.vm.Config.Template {
			r.findings.add(source, new(types.NotSupported)) // a template's datastore does not change
		}
		if fault := vc.away.fault(present); fault != nil {
			r.findings.add(source, fault)
		}
		if vc.hostInMaintenance(ctx, present) {
			r.findings.add(source, new(types.MaintenanceModeFileMove)) // "not permitted if the source host is in maintenance mode"
		}
	}
	if r.state == types.VirtualMachinePowerStatePoweredOn {
		vc.examineRunning(r)
	}
	if len(r.children) > 0 && len(r.children) < len(disksOf(r.vm)) {
		r.findings.add(source, new(types.DiskMoveTypeNotSupported)) // createNewChildDiskBacking: "unless all disks are moving"
	}
	if r.home.moves() {
		r.findings.readable(vc, ctx, present, r.home.from)
		r.findings.usable(r.home.to)
	}
	for _, d := range r.disks {
		for _, f := range d.files {
			r.findings.readable(vc, ctx, present, f.from.store)
			if vc.claimed(f.from.url()) { // VirtualDiskManager has it
				r.findings.add(source, &types.FileLocked{FileFault: types.FileFault{File: f.from.url()}})
			}
		}
		r.findings.usable(d.to)
	}
	if fault := r.fits(); fault != nil {
		r.findings.add(target, fault)
	}
}

// readable notes that files can't be taken away from where they are.
func (f *findings) readable(vc *VCenter, ctx *simulator.Context, host types.ManagedObjectReference, s *store) {
	fault := s.readable()
	if fault == nil {
		fault = vc.reach(ctx, host, s, true)
	}
	f.once(types.CheckTestTypeSourceTests, fault)
}

// usable notes that nothing new can be put on a datastore.
func (f *findings) usable(s *store) { f.once(types.CheckTestTypeDatastoreTests, s.usable()) }

// once adds a fault unless the last one said the same: many files of a VM are on one datastore.
func (f *findings) once(test types.CheckTestType, fault types.BaseMethodFault) {
	if fault == nil {
		return
	}
	for _, known := range *f {
		if known.test == test && message(known.fault) == message(fault) {
			return
		}
	}
	f.add(test, fault)
}

// examineRunning finds devices that keep a running VM where it is: DisallowedMigrationDeviceAttached with a controller
// that shares its bus ("this is an error when migrating a powered-on virtual machine", SharedBusControllerNotSupported),
// or with a disk that is to move and is not persistent ("virtual machine disks must be in persistent mode", Storage
// vMotion Requirements and Limitations) or open to several writers (KB 1034165).
func (vc *VCenter) examineRunning(r *relocation) {
	refuse := func(device types.BaseMethodFault) {
		r.findings.add(types.CheckTestTypeSourceTests, &types.DisallowedMigrationDeviceAttached{Fault: localized(device)})
	}
	for _, device := range r.vm.Config.Hardware.Device {
		of := types.DeviceNotSupported{Device: labelOf(device.GetVirtualDevice())}
		switch d := device.(type) {
		case types.BaseVirtualSCSIController:
			if shared := d.GetVirtualSCSIController().SharedBus; shared != "" && shared != types.VirtualSCSISharingNoSharing {
				refuse(&types.SharedBusControllerNotSupported{DeviceNotSupported: of})
			}
		case *types.VirtualDisk:
			backing, ok := d.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
			moves := slices.ContainsFunc(r.disks, func(move *diskMove) bool { return move.key == d.Key })
			switch {
			case !ok || !moves:
			case strings.HasSuffix(backing.DiskMode, "nonpersistent"):
				refuse(&types.VirtualDiskModeNotSupported{DeviceNotSupported: of, Mode: backing.DiskMode})
			case backing.Sharing == string(types.VirtualDiskSharingSharingMultiWriter):
				refuse(&of)
			}
		}
	}
}

// fits checks the space of the targets before anything is copied. Another copy may still take it meanwhile.
func (r *relocation) fits() types.BaseMethodFault {
	need := map[*store]int64{r.home.to: r.home.bytes}
	for _, d := range r.disks {
		for _, f := range d.files {
			need[f.to.store] += f.bytes()
			if f.bytes() > 0 && need[f.to.store] > f.to.store.account.Free() {
				return noSpace(f.to.store, f.to.name)
			}
		}
	}
	if r.home.bytes > r.home.to.account.Free() {
		return noSpace(r.home.to, r.home.toDir)
	}
	return nil
}
