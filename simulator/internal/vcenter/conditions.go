package vcenter

import (
	"fmt"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// DatastoreChange is what may happen to a datastore while it is used. What is nil stays.
type DatastoreChange struct {
	Accessible         *bool  // lost by all hosts at once, or back
	CapacityBytes      *int64 // its size
	UsedElsewhereBytes *int64 // taken by what is no file of the simulator: a datastore that fills up
	BytesPerSecond     *int64 // shared by what is copied from and to it; 0: all of it stands still
}

// ChangeDatastore lets something happen to a datastore, and to the copies across it. Its name may be as in the inventory,
// or with its datacenter, dc1/ds-1, where several have it.
func (vc *VCenter) ChangeDatastore(name string, change DatastoreChange) error {
	found, err := vc.theOne("Datastore", name)
	if err != nil {
		return err
	}
	s := vc.store(found.Reference())
	if change.CapacityBytes != nil {
		vc.setCapacity(s, *change.CapacityBytes)
	}
	if change.UsedElsewhereBytes != nil {
		vc.setUsedElsewhere(s, *change.UsedElsewhereBytes)
	}
	if change.BytesPerSecond != nil {
		vc.network.SetRate(s.ref.Value, *change.BytesPerSecond)
	}
	if change.Accessible != nil {
		vc.setAccessible(s, *change.Accessible)
	}
	return nil
}

// ConnectHost changes the connection to a host: what works on the VMs of one that goes away fails with
// HostCommunication.
func (vc *VCenter) ConnectHost(name string, state types.HostSystemConnectionState) error {
	found, err := vc.theOne("HostSystem", name)
	if err != nil {
		return err
	}
	vc.setHostState(found.Reference(), state)
	return nil
}

// theOne finds the one entity of a kind and a name.
func (vc *VCenter) theOne(kind, name string) (mo.Entity, error) {
	var found []mo.Entity
	ctx := vc.newContext()
	for _, entity := range vc.registry.All(kind) {
		var own string
		ctx.WithLock(entity, func() { own = entity.Entity().Name })
		datacenter := ""
		if dc, ok := vc.parent(entity, "Datacenter").(*simulator.Datacenter); ok {
			datacenter = dc.Name + "/"
		}
		if name == own || name == datacenter+own {
			found = append(found, entity)
		}
	}
	switch len(found) {
	case 0:
		return nil, fmt.Errorf("there is no %s %q", kind, name)
	case 1:
		return found[0], nil
	}
	return nil, fmt.Errorf("there are %d of the name %q: write datacenter/name", len(found), name)
}
