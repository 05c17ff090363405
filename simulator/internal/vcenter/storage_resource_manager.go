package vcenter

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// StorageResourceManager differs from vcsim's, which recommends each datastore of a pod in the pod's order, in that it
// recommends those that have room, the emptiest first, and none that is lost or in maintenance mode; that a
// recommendation can be applied; and that relocations are placed too (StorageResourceManager in the vSphere Web Services
// API).
type StorageResourceManager struct {
	*simulator.StorageResourceManager
	vc *VCenter
}

// Lock and Unlock keep simulator.Service from holding the manager's lock during our methods (see Datastore.Lock).
func (m *StorageResourceManager) Lock() {}

// Unlock goes with Lock.
func (m *StorageResourceManager) Unlock() {}

// RecommendDatastores places what is to be created, cloned or relocated. When nothing fits there is no recommendation,
// and drsFault says why.
func (m *StorageResourceManager) RecommendDatastores(ctx *simulator.Context, req *types.RecommendDatastores) soap.HasFault {
	body := new(methods.RecommendDatastoresBody)
	spec := req.StorageSpec
	ref := spec.PodSelectionSpec.StoragePod
	if ref == nil && len(spec.PodSelectionSpec.InitialVmConfig) > 0 {
		ref = &spec.PodSelectionSpec.InitialVmConfig[0].StoragePod
	}
	pod, _ := m.vc.drsPod(ctx, ref)
	if pod == nil {
		body.Fault_ = refusal(&types.InvalidArgument{InvalidProperty: "podSelectionSpec.storagePod"})
		return body
	}
	// What else may be wrong with a request, vcsim says.
	var res soap.HasFault
	ctx.WithLock(pod, func() { res = m.StorageResourceManager.RecommendDatastores(ctx, req) })
	if res.Fault() != nil {
		return res
	}
	need, fault := m.vc.needOf(ctx, spec)
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}

	result := types.StoragePlacementResult{}
	for n, s := range m.vc.candidates(ctx, pod, need, nil) {
		result.Recommendations = append(result.Recommendations, m.vc.placement(pod, s, spec, need, int32(max(1, 5-n))))
	}
	if len(result.Recommendations) == 0 {
		result.DrsFault = drsFaults(types.RecommendationReasonCodeStoragePlacement, spec.Vm, new(types.InsufficientStorageSpace))
	}
	body.Res = &types.RecommendDatastoresResponse{Returnval: result}
	return body
}

// needOf says how much a placement takes at once, and who must be able to write there.
func (vc *VCenter) needOf(ctx *simulator.Context, spec types.StoragePlacementSpec) (need placementNeed, fault types.BaseMethodFault) {
	host, pool := spec.Host, spec.ResourcePool
	switch types.StoragePlacementSpecPlacementType(spec.Type) {
	case types.StoragePlacementSpecPlacementTypeRelocate, types.StoragePlacementSpecPlacementTypeClone:
		var vm *simulator.VirtualMachine
		if spec.Vm != nil {
			vm, _ = vc.registry.Get(*spec.Vm).(*simulator.VirtualMachine)
		}
		if vm == nil {
			return need, &types.InvalidArgument{InvalidProperty: "vm"}
		}
		ctx.WithLock(vm, func() {
			need.bytes = vm.Summary.Storage.Committed
			if host == nil && pool == nil {
				present := *vm.Runtime.Host
				host = &present
			}
		})
	default:
		if spec.ConfigSpec != nil {
			need.bytes = takenAtOnce(spec.ConfigSpec.DeviceChange)
		}
	}
	switch {
	case host != nil:
		need.hosts = []types.ManagedObjectReference{*host}
	case pool != nil:
		need.hosts = vc.computeOf(*pool).Host
	}
	return need, nil
}

// takenAtOnce sums what new disks take when they are made: a thin one takes nothing yet.
func takenAtOnce(changes []types.BaseVirtualDeviceConfigSpec) (bytes int64) {
	for _, change := range changes {
		d, ok := change.GetVirtualDeviceConfigSpec().Device.(*types.VirtualDisk)
		if !ok {
			continue
		}
		if backing, flat := d.Backing.(*types.VirtualDiskFlatVer2BackingInfo); flat && isTrue(backing.ThinProvisioned) {
			continue
		}
		bytes += max(d.CapacityInBytes, d.CapacityInKB<<10)
	}
	return bytes
}

// placement makes the recommendation to put something on a datastore.
func (vc *VCenter) placement(pod *simulator.StoragePod, s *store, spec types.StoragePlacementSpec, need placementNeed, rating int32) types.ClusterRecommendation {
	to := s.ref
	var relocation types.VirtualMachineRelocateSpec
	if spec.RelocateSpec != nil {
		relocation = *spec.RelocateSpec
	}
	relocation.Datastore = &to
	target := pod.Self
	return types.ClusterRecommendation{
		Key:        vc.recommended.add(vc.applying(spec, relocation)),
		Type:       "V1",
		Time:       vc.now(),
		Rating:     rating,
		Reason:     string(types.RecommendationReasonCodeStoragePlacement),
		ReasonText: "Satisfy storage initial placement requests",
		Target:     &target,
		Action: []types.BaseClusterAction{&types.StoragePlacementAction{
			ClusterAction:   types.ClusterAction{Type: "StoragePlacementV1"},
			Vm:              spec.Vm,
			RelocateSpec:    relocation,
			Destination:     to,
			SpaceUtilBefore: usedPercent(s, 0),
			SpaceUtilAfter:  usedPercent(s, need.bytes),
		}},
	}
}

// applying gives what applying a placement does: the relocation, clone or creation itself.
func (vc *VCenter) applying(spec types.StoragePlacementSpec, relocation types.VirtualMachineRelocateSpec) func(*operation) (types.ManagedObjectReference, types.BaseMethodFault) {
	return func(op *operation) (none types.ManagedObjectReference, _ types.BaseMethodFault) {
		var res soap.HasFault
		switch types.StoragePlacementSpecPlacementType(spec.Type) {
		case types.StoragePlacementSpecPlacementTypeRelocate:
			return vc.relocateVM(op.ctx, *spec.Vm, relocation)
		case types.StoragePlacementSpecPlacementTypeClone:
			vm, ok := vc.registry.Get(*spec.Vm).(*simulator.VirtualMachine)
			if !ok {
				return none, &types.ManagedObjectNotFound{Obj: *spec.Vm}
			}
			clone := *spec.CloneSpec
			clone.Location.Datastore = relocation.Datastore
			op.ctx.WithLock(vm, func() {
				res = (&VirtualMachine{VirtualMachine: vm, vc: vc}).CloneVMTask(op.ctx, &types.CloneVM_Task{
					This: vm.Self, Folder: *spec.Folder, Name: spec.CloneName, Spec: clone})
			})
			if res.Fault() == nil {
				return res.(*methods.CloneVM_TaskBody).Res.Returnval, nil
			}
		default:
			return none, new(types.NotSupported)
		}
		return none, faultOf(res)
	}
}

// relocateVM starts a relocation as a client's call would.
func (vc *VCenter) relocateVM(ctx *simulator.Context, ref types.ManagedObjectReference, spec types.VirtualMachineRelocateSpec) (none types.ManagedObjectReference, _ types.BaseMethodFault) {
	vm, ok := vc.registry.Get(ref).(*simulator.VirtualMachine)
	if !ok {
		return none, &types.ManagedObjectNotFound{Obj: ref}
	}
	req := &types.RelocateVM_Task{This: ref, Spec: spec}
	if fault := vc.refuseWithoutHost(ctx, vm, "RelocateVM_Task", req); fault != nil {
		return none, fault
	}
	var res soap.HasFault
	ctx.WithLock(vm, func() {
		res = (&VirtualMachine{VirtualMachine: vm, vc: vc}).RelocateVMTask(ctx, req)
	})
	if res.Fault() != nil {
		return none, faultOf(res)
	}
	return res.(*methods.RelocateVM_TaskBody).Res.Returnval, nil
}

// faultOf gives the typed fault that answered a call of ours.
func faultOf(res soap.HasFault) types.BaseMethodFault {
	if fault, ok := res.Fault().Detail.Fault.(types.BaseMethodFault); ok {
		return fault
	}
	return new(types.MethodFault)
}

// drsFaults says why Storage DRS can't place a VM; vm is nil for one that is not there yet.
func drsFaults(reason types.RecommendationReasonCode, vm *types.ManagedObjectReference, fault types.BaseMethodFault) *types.ClusterDrsFaults {
	return &types.ClusterDrsFaults{
		Reason: string(reason),
		FaultsByVm: []types.BaseClusterDrsFaultsFaultsByVm{
			&types.ClusterDrsFaultsFaultsByVm{Vm: vm, Fault: []types.LocalizedMethodFault{localized(fault)}},
		},
	}
}
