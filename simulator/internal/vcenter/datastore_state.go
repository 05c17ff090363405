package vcenter

import (
	"slices"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// condition is what decides, besides its space, whether a datastore can be used. It is kept apart from the managed
// object, so that whoever plans something can ask without the object's lock.
type condition struct {
	mu          sync.Mutex
	maintenance types.DatastoreSummaryMaintenanceModeState
	accessible  bool // any host can reach it (DatastoreSummary.accessible)
	filling     int  // operations that are putting something on it
}

func (c *condition) get() (types.DatastoreSummaryMaintenanceModeState, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.maintenance, c.accessible
}

// enter makes one maintenance mode of another, unless it is not what was expected.
func (c *condition) enter(from, to types.DatastoreSummaryMaintenanceModeState) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.maintenance != from {
		return false
	}
	c.maintenance = to
	return true
}

func (c *condition) setAccessible(accessible bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.accessible = accessible
}

// readable gives the fault of using what lies on a datastore: InaccessibleDatastore ("thrown if the datastore
// corresponding to the given datastore path isn't currently accessible"). nil: go on.
func (s *store) readable() types.BaseMethodFault {
	if _, accessible := s.condition.get(); !accessible {
		return s.inaccessible()
	}
	return nil
}

// usable gives the fault of putting something new on a datastore: InaccessibleDatastore, or InvalidDatastoreState ("the
// datastore is in an invalid state (e.g., maintenance mode) for a given operation") from the moment on in which it
// starts to enter maintenance mode ("no provisioning operations can be performed on the datastore",
// Datastore.DatastoreEnterMaintenanceMode). What lies on it already may still be moved away. nil: go on.
func (s *store) usable() types.BaseMethodFault {
	if fault := s.readable(); fault != nil {
		return fault
	}
	if maintenance, _ := s.condition.get(); maintenance != types.DatastoreSummaryMaintenanceModeStateNormal {
		return &types.InvalidDatastoreState{DatastoreName: s.name}
	}
	return nil
}

// provision begins to put something on datastores: they do not get into maintenance mode before done is called ("the task
// completes once there are [...] no provisioning operations in progress on the datastore"). The fault is that of the
// first that is not usable.
func (vc *VCenter) provision(stores ...*store) (done func(), fault types.BaseMethodFault) {
	var begun []*store
	done = func() {
		for _, s := range begun {
			s.condition.fill(-1)
		}
		vc.storage.ring()
	}
	for _, s := range stores {
		s.condition.fill(1) // first: one that is still usable waits for us
		begun = append(begun, s)
		if fault := s.usable(); fault != nil {
			done()
			return nil, fault
		}
	}
	return done, nil
}

func (c *condition) fill(operations int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.filling += operations
}

func (c *condition) isFilling() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.filling > 0
}

func (s *store) inaccessible() types.BaseMethodFault {
	ref := s.ref
	return &types.InaccessibleDatastore{InvalidDatastore: types.InvalidDatastore{Datastore: &ref, Name: s.name}}
}

// reach gives the fault of using a datastore from a host: InvalidDatastore where the host does not mount it,
// InaccessibleDatastore where it lost it, and for writing DatastoreNotWritableOnHost where it is mounted read-only.
// nil: go on.
func (vc *VCenter) reach(ctx *simulator.Context, host types.ManagedObjectReference, s *store, write bool) types.BaseMethodFault {
	info, mounted := vc.mountOf(ctx, s, host)
	switch {
	case !mounted || info.Mounted != nil && !*info.Mounted:
		return invalidDatastore(s)
	case info.Accessible != nil && !*info.Accessible:
		return s.inaccessible()
	case write && info.AccessMode == string(types.HostMountModeReadOnly):
		ref := s.ref
		return &types.DatastoreNotWritableOnHost{
			InvalidDatastore: types.InvalidDatastore{Datastore: &ref, Name: s.name},
			Host:             host,
		}
	}
	return nil
}

// mountOf gives how a host mounts a datastore.
func (vc *VCenter) mountOf(ctx *simulator.Context, s *store, host types.ManagedObjectReference) (info types.HostMountInfo, known bool) {
	ds, ok := vc.registry.Get(s.ref).(*simulator.Datastore)
	if !ok {
		return info, false
	}
	ctx.WithLock(ds, func() {
		at := slices.IndexFunc(ds.Host, func(m types.DatastoreHostMount) bool { return m.Key == host })
		if known = at >= 0; known {
			info = ds.Host[at].MountInfo
		}
	})
	return info, known
}

// setMount changes how a host mounts a datastore; a host that has no mount of it is left alone. The datastore is
// accessible as long as one host can reach it.
func (vc *VCenter) setMount(ctx *simulator.Context, s *store, host types.ManagedObjectReference, change func(*types.HostMountInfo)) {
	vc.setMounts(ctx, s, func(mount *types.DatastoreHostMount) {
		if mount.Key == host {
			change(&mount.MountInfo)
		}
	})
}

// setAccessible takes a datastore away from all of its hosts at once, as the loss of its device does, or gives it back.
// Copies from and to it fail at their next step.
func (vc *VCenter) setAccessible(s *store, accessible bool) {
	vc.setMounts(vc.newContext(), s, func(mount *types.DatastoreHostMount) {
		mount.MountInfo.Accessible = types.NewBool(accessible)
		mount.MountInfo.InaccessibleReason = ""
		if !accessible {
			mount.MountInfo.InaccessibleReason = string(types.HostMountInfoInaccessibleReasonPermanentDeviceLoss)
		}
	})
}

// setMounts changes a datastore's mounts, and what follows from them.
func (vc *VCenter) setMounts(ctx *simulator.Context, s *store, change func(*types.DatastoreHostMount)) {
	ds, ok := vc.registry.Get(s.ref).(*simulator.Datastore)
	if !ok {
		return
	}
	var vms []types.ManagedObjectReference
	ctx.WithLock(ds, func() {
		mounts := slices.Clone(ds.Host)
		for i := range mounts {
			change(&mounts[i])
		}
		accessible := slices.ContainsFunc(mounts, func(m types.DatastoreHostMount) bool {
			return reachable(m.MountInfo) && vc.away.fault(m.Key) == nil
		})
		s.condition.setAccessible(accessible)
		if ds.Summary.Accessible != accessible {
			vms = append(vms, ds.Vm...)
		}
		ctx.Update(ds, []types.PropertyChange{
			{Name: "host", Val: mounts},
			{Name: "summary.accessible", Val: accessible},
			{Name: "summary.multipleHostAccess", Val: len(mounts) > 1},
		})
	})
	for _, vm := range vms {
		vc.retellConnection(ctx, vm)
	}
}

// reachable tells whether a host can use its mount at all; what is unset is true (HostMountInfo).
func reachable(info types.HostMountInfo) bool {
	return (info.Mounted == nil || *info.Mounted) && (info.Accessible == nil || *info.Accessible)
}

// setCapacity changes the size of a datastore, in bytes.
func (vc *VCenter) setCapacity(s *store, bytes int64) {
	s.account.SetCapacity(bytes)
	vc.publish(vc.newContext(), s)
}

// setUsedElsewhere changes how many bytes are taken by what is no file of ours: a datastore that fills up.
func (vc *VCenter) setUsedElsewhere(s *store, bytes int64) {
	s.account.SetElsewhere(bytes)
	vc.publish(vc.newContext(), s)
}
