package vcenter

import (
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// evacuation gives what Storage DRS does about a datastore that enters maintenance mode: it relocates its VMs, or
// recommends that, to the other datastores of the pod. Without Storage DRS it does nothing.
func (vc *VCenter) evacuation(ctx *simulator.Context, s *store) (result types.StoragePlacementResult) {
	ds := vc.registry.Get(s.ref).(*simulator.Datastore)
	var parent types.ManagedObjectReference
	var vms []types.ManagedObjectReference
	ctx.WithLock(ds, func() {
		parent = *ds.Parent
		vms = append(vms, ds.Vm...)
	})
	pod, automated := vc.drsPod(ctx, &parent)
	if pod == nil {
		return result
	}
	planned := make(map[*store]int64)
	fail := func(vm types.ManagedObjectReference, fault types.BaseMethodFault) {
		faults := drsFaults(types.RecommendationReasonCodeDatastoreMaint, &vm, fault)
		if result.DrsFault != nil {
			faults.FaultsByVm = append(result.DrsFault.FaultsByVm, faults.FaultsByVm...)
		}
		result.DrsFault = faults
	}
	for _, ref := range vms {
		vm, ok := vc.registry.Get(ref).(*simulator.VirtualMachine)
		if !ok {
			continue
		}
		var leaving leaving
		ctx.WithLock(vm, func() { leaving = vc.leave(vm, s) })
		fit := vc.candidates(ctx, pod, leaving.need, planned)
		if len(fit) == 0 {
			fail(ref, new(types.InsufficientStorageSpace))
			continue
		}
		to := fit[0]
		planned[to] += leaving.need.bytes
		spec := leaving.spec(to)
		if automated {
			if _, fault := vc.relocateVM(ctx, ref, spec); fault != nil {
				fail(ref, fault)
			}
			continue
		}
		result.Recommendations = append(result.Recommendations, vc.migration(ref, s, to, spec, leaving.need))
	}
	return result
}

// leaving is what of a VM has to leave a datastore.
type leaving struct {
	from  *store
	home  bool
	disks map[int32]*store // by key: where each lies now
	need  placementNeed
}

// leave looks what of a VM lies on a datastore. The VM's lock is held.
func (vc *VCenter) leave(vm *simulator.VirtualMachine, from *store) leaving {
	datacenter := vc.datacenterOf(vm)
	home, _, _ := vc.locate(datacenter, vm.Config.Files.VmPathName)
	l := leaving{from: from, home: home == from, disks: make(map[int32]*store)}
	for _, device := range disksOf(vm) {
		if s := vc.storeOf(datacenter, device); s != nil {
			l.disks[device.Key] = s
		}
	}
	if vm.Storage != nil {
		for _, on := range vm.Storage.PerDatastoreUsage {
			if on.Datastore == from.ref {
				l.need.bytes = on.Committed
			}
		}
	}
	l.need.hosts = []types.ManagedObjectReference{*vm.Runtime.Host}
	return l
}

// spec moves to a datastore what has to leave, and pins the rest to its place.
func (l leaving) spec(to *store) types.VirtualMachineRelocateSpec {
	var spec types.VirtualMachineRelocateSpec
	if l.home {
		ref := to.ref
		spec.Datastore = &ref
	}
	var keys []int32
	for key := range l.disks {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		locator := types.VirtualMachineRelocateSpecDiskLocator{DiskId: key, Datastore: l.disks[key].ref}
		if l.disks[key] == l.from {
			locator.Datastore = to.ref
		} else if !l.home {
			continue // it stays by itself
		}
		spec.Disk = append(spec.Disk, locator)
	}
	return spec
}

// migration makes the recommendation to relocate a VM away from a datastore.
func (vc *VCenter) migration(vm types.ManagedObjectReference, from, to *store, spec types.VirtualMachineRelocateSpec, need placementNeed) types.ClusterRecommendation {
	return types.ClusterRecommendation{
		Key: vc.recommended.add(func(op *operation) (types.ManagedObjectReference, types.BaseMethodFault) {
			return vc.relocateVM(op.ctx, vm, spec)
		}),
		Type:       "V1",
		Time:       vc.now(),
		Rating:     5, // mandatory
		Reason:     string(types.RecommendationReasonCodeDatastoreMaint),
		ReasonText: "Evacuate the datastore, which is entering maintenance mode",
		Target:     &vm,
		Action: []types.BaseClusterAction{&types.StorageMigrationAction{
			ClusterAction:      types.ClusterAction{Type: "StorageMigrationV1", Target: &vm},
			Vm:                 vm,
			RelocateSpec:       spec,
			Source:             from.ref,
			Destination:        to.ref,
			SizeTransferred:    need.bytes >> 10,
			SpaceUtilSrcBefore: usedPercent(from, 0),
			SpaceUtilSrcAfter:  usedPercent(from, -need.bytes),
			SpaceUtilDstBefore: usedPercent(to, 0),
			SpaceUtilDstAfter:  usedPercent(to, need.bytes),
		}},
	}
}
