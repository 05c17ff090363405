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
}

// planCompute reads host, pool and folder of a RelocateSpec and checks that the host has the VM's datastores. The VM's
// lock is held.
func (op *operation) planCompute(vm *simulator.VirtualMachine, spec types.VirtualMachineRelocateSpec, lies []*store) (computeMove, types.BaseMethodFault) {
	move := computeMove{host: spec.Host, pool: spec.Pool, folder: spec.Folder}
	for _, ref := range []*types.ManagedObjectReference{spec.Host, spec.Pool, spec.Folder} {
		if ref != nil && op.vc.registry.Get(*ref) == nil {
			return move, &types.ManagedObjectNotFound{Obj: *ref}
		}
	}
	host := *vm.Runtime.Host
	switch {
	case spec.Host != nil:
		host = *spec.Host
	case spec.Pool != nil:
		// "If a pool alone is given, a host of its cluster is chosen": the present one if it is there.
		hosts := op.vc.computeOf(*spec.Pool).Host
		if !slices.Contains(hosts, host) {
			at := slices.IndexFunc(hosts, func(h types.ManagedObjectReference) bool { return op.unmounted(h, lies) == nil })
			if at < 0 {
				return move, invalidDatastore(lies[0])
			}
			host = hosts[at]
			move.host = &host
		}
	}
	if spec.Pool == nil && op.vc.computeOf(host).Self != op.vc.computeOf(*vm.Runtime.Host).Self {
		return move, &types.InvalidArgument{InvalidProperty: "spec.pool"} // a pool of the other cluster is needed
	}
	if s := op.unmounted(host, lies); s != nil {
		return move, invalidDatastore(s)
	}
	return move, nil
}

func invalidDatastore(s *store) types.BaseMethodFault {
	ref := s.ref
	return &types.InvalidDatastore{Datastore: &ref, Name: s.name}
}

// unmounted gives the first datastore that a host does not mount; nil if it mounts them all.
func (op *operation) unmounted(host types.ManagedObjectReference, lies []*store) *store {
	for _, s := range lies {
		ds := op.vc.registry.Get(s.ref).(*simulator.Datastore)
		mounted := false
		op.ctx.WithLock(ds, func() {
			mounted = slices.ContainsFunc(ds.Host, func(m types.DatastoreHostMount) bool { return m.Key == host })
		})
		if !mounted {
			return s
		}
	}
	return nil
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
