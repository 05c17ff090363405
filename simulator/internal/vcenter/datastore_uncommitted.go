package vcenter

import (
	"slices"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// uncommitted keeps DatastoreSummary.uncommitted true: "total additional storage space, in bytes, potentially used by
// all virtual machines on this datastore", the sum of what their storage.perDatastoreUsage says. It hears of every
// change of a VM's storage (simulator.RegisterObject), so that a change costs what the VM's few datastores do, however
// many VMs there are.
type uncommitted struct {
	vc *VCenter

	mu    sync.Mutex
	lieOn map[types.ManagedObjectReference][]*store // by VM: the datastores that count it
}

func newUncommitted(vc *VCenter) *uncommitted {
	return &uncommitted{vc: vc, lieOn: make(map[types.ManagedObjectReference][]*store)}
}

// Reference gives what the registry knows this handler by.
func (*uncommitted) Reference() types.ManagedObjectReference {
	return types.ManagedObjectReference{Type: "vrelocate", Value: "uncommitted"}
}

// PutObject hears of new objects.
func (*uncommitted) PutObject(*simulator.Context, mo.Reference) {}

// UpdateObject hears of a VM's new storage among all changes.
func (u *uncommitted) UpdateObject(ctx *simulator.Context, obj mo.Reference, changes []types.PropertyChange) {
	vm, ok := obj.(*mo.VirtualMachine)
	if !ok || vm.Storage == nil || !changed(changes, "storage") {
		return
	}
	for _, s := range u.count(vm.Self, vm.Storage.PerDatastoreUsage) {
		u.vc.publish(ctx, s)
	}
}

// RemoveObject hears of a VM's end.
func (u *uncommitted) RemoveObject(ctx *simulator.Context, ref types.ManagedObjectReference) {
	if ref.Type != "VirtualMachine" {
		return
	}
	for _, s := range u.count(ref, nil) {
		u.vc.publish(ctx, s)
	}
}

// count notes what a VM may still come to take, and gives the datastores whose sums have changed by it.
func (u *uncommitted) count(vm types.ManagedObjectReference, usage []types.VirtualMachineUsageOnDatastore) []*store {
	u.mu.Lock()
	defer u.mu.Unlock()
	var now []*store
	touched := u.lieOn[vm]
	for _, s := range touched {
		s.account.SetGrowth(vm.Value, 0) // until it is said again
	}
	for _, on := range usage {
		s := u.vc.store(on.Datastore)
		if s == nil || on.Uncommitted <= 0 {
			continue
		}
		s.account.SetGrowth(vm.Value, on.Uncommitted)
		now = append(now, s)
		if !slices.Contains(touched, s) {
			touched = append(touched, s)
		}
	}
	if len(now) == 0 {
		delete(u.lieOn, vm)
	} else {
		u.lieOn[vm] = now
	}
	return touched
}

func changed(changes []types.PropertyChange, name string) bool {
	return slices.ContainsFunc(changes, func(c types.PropertyChange) bool { return c.Name == name })
}
