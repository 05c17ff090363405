package vcenter

import (
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// computeMove is where a relocated VM runs afterwards. A reference that is unset does not change.
type computeMove struct {
	host, pool, folder *types.ManagedObjectReference
	candidates         []types.ManagedObjectReference // hosts that it may run on; choose takes the first that can
	devices            []types.BaseVirtualDeviceConfigSpec
}

// planCompute reads host, pool, folder and network of a RelocateSpec. The VM's lock is held.
func (vc *VCenter) planCompute(vm *simulator.VirtualMachine, r *relocation, spec types.VirtualMachineRelocateSpec) types.BaseMethodFault {
	r.compute = computeMove{pool: spec.Pool, folder: spec.Folder, devices: spec.DeviceChange}
	r.target = r.datacenter
	present := *vm.Runtime.Host
	here := vc.computeOf(present)
	on := vm.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOn

	switch {
	case spec.Host != nil:
		r.compute.candidates = []types.ManagedObjectReference{*spec.Host}
		there := vc.computeOf(*spec.Host)
		switch {
		case spec.Pool == nil && there.Self != here.Self:
			return &types.InvalidArgument{InvalidProperty: "spec.pool"} // a pool of the other cluster is needed
		case spec.Pool != nil && vc.computeOf(*spec.Pool).Self != there.Self:
			return &types.InvalidArgument{InvalidProperty: "spec.pool"} // it is not the host's
		}
		r.target = vc.datacenterAt(*spec.Host)
	case spec.Pool == nil || vm.ResourcePool != nil && *spec.Pool == *vm.ResourcePool:
		r.compute.candidates = []types.ManagedObjectReference{present}
	case on && !vc.placesByDRS(*spec.Pool):
		// "if a resource pool is specified, the virtual machine is powered on, and the target pool represents a cluster
		// without DRS enabled, an InvalidArgument exception is thrown"
		return &types.InvalidArgument{InvalidProperty: "spec.host"}
	default:
		r.compute.candidates = vc.hostsFor(present, vc.computeOf(*spec.Pool).Host)
		r.target = vc.datacenterAt(*spec.Pool)
	}
	return vc.planFolder(r, spec)
}

// planFolder finds the folder: "if not specified, the root VM folder of the destination datacenter will be used", which
// a vCenter does only for a VM that comes from another datacenter. All must be in one datacenter.
func (vc *VCenter) planFolder(r *relocation, spec types.VirtualMachineRelocateSpec) types.BaseMethodFault {
	if spec.Folder != nil {
		folder, _ := vc.registry.Get(*spec.Folder).(*simulator.Folder)
		if folder == nil || !slices.Contains(folder.ChildType, "VirtualMachine") {
			return &types.InvalidArgument{InvalidProperty: "spec.folder"}
		}
	}
	var strangers []types.DatacenterMismatchArgument
	for _, ref := range []*types.ManagedObjectReference{spec.Folder, spec.Datastore} {
		if ref == nil || spec.Host == nil && spec.Pool == nil && ref == spec.Datastore {
			continue // a datastore of another datacenter is one that the present host does not mount
		}
		if at := vc.datacenterAt(*ref); at != r.target {
			strangers = append(strangers, types.DatacenterMismatchArgument{Entity: *ref, InputDatacenter: &at})
		}
	}
	if len(strangers) > 0 {
		return &types.DatacenterMismatch{InvalidArgument: strangers, ExpectedDatacenter: r.target}
	}
	if dc, ok := vc.registry.Get(r.target).(*simulator.Datacenter); ok && spec.Folder == nil && r.target != r.datacenter {
		root := dc.VmFolder
		r.compute.folder = &root
	}
	return nil
}

// hostsFor gives the hosts of a cluster that a VM may run on, the present one first: "each connected host in the cluster
// that is not in maintenance mode" (CheckRelocate_Task).
func (vc *VCenter) hostsFor(present types.ManagedObjectReference, hosts []types.ManagedObjectReference) []types.ManagedObjectReference {
	var able []types.ManagedObjectReference
	for _, ref := range hosts {
		host, ok := vc.registry.Get(ref).(*simulator.HostSystem)
		if !ok || len(hosts) > 1 && (host.Runtime.InMaintenanceMode || host.Runtime.ConnectionState != types.HostSystemConnectionStateConnected) {
			continue
		}
		if ref == present {
			able = slices.Insert(able, 0, ref)
		} else {
			able = append(able, ref)
		}
	}
	return able
}

// placesByDRS tells whether a pool's compute resource finds a host for a running VM: a standalone host does, a cluster
// with DRS.
func (vc *VCenter) placesByDRS(pool types.ManagedObjectReference) bool {
	config, isCluster := vc.computeOf(pool).ConfigurationEx.(*types.ClusterConfigInfoEx)
	return !isCluster || isTrue(config.DrsConfig.Enabled)
}

// datacenterAt gives the datacenter that an object is in.
func (vc *VCenter) datacenterAt(ref types.ManagedObjectReference) types.ManagedObjectReference {
	if entity, ok := vc.registry.Get(ref).(mo.Entity); ok {
		if dc := vc.parent(entity, "Datacenter"); dc != nil {
			return dc.Reference()
		}
	}
	return types.ManagedObjectReference{}
}

func invalidDatastore(s *store) types.BaseMethodFault {
	ref := s.ref
	return &types.InvalidDatastore{Datastore: &ref, Name: s.name}
}

// computeOf gives the compute resource, a cluster or a standalone host's, of a host or a pool.
func (vc *VCenter) computeOf(ref types.ManagedObjectReference) *mo.ComputeResource {
	for {
		switch o := vc.registry.Get(ref).(type) {
		case *mo.ComputeResource:
			return o
		case *simulator.ClusterComputeResource:
			return &o.ComputeResource
		case mo.Entity:
			ref = *o.Entity().Parent
		default:
			return new(mo.ComputeResource)
		}
	}
}

// moveCompute applies a computeMove. The VM's lock is held.
func (op *operation) moveCompute(vm *simulator.VirtualMachine, move computeMove) {
	if move.host != nil && *move.host != *vm.Runtime.Host {
		op.vc.relist(op.ctx, *vm.Runtime.Host, *move.host, vm.Self)
		op.ctx.Update(vm, []types.PropertyChange{
			{Name: "runtime.host", Val: *move.host},
			{Name: "summary.runtime.host", Val: *move.host},
		})
		if browser := op.vc.computeOf(*move.host).EnvironmentBrowser; browser != nil {
			op.ctx.Update(vm, []types.PropertyChange{{Name: "environmentBrowser", Val: *browser}})
		}
	}
	if move.pool != nil && vm.ResourcePool != nil && *move.pool != *vm.ResourcePool {
		op.vc.relist(op.ctx, *vm.ResourcePool, *move.pool, vm.Self)
		op.ctx.Update(vm, []types.PropertyChange{{Name: "resourcePool", Val: *move.pool}})
	}
	if move.folder != nil && *move.folder != *vm.Parent {
		folder, ok := op.vc.registry.Get(*move.folder).(*simulator.Folder)
		if !ok {
			return
		}
		op.ctx.WithLock(folder, func() {
			res := folder.MoveIntoFolderTask(op.ctx, &types.MoveIntoFolder_Task{
				List: []types.ManagedObjectReference{vm.Self},
			}).(*methods.MoveIntoFolder_TaskBody).Res
			op.vc.registry.Get(res.Returnval).(*simulator.Task).Wait()
		})
	}
}
