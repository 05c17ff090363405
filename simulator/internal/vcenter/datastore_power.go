package vcenter

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// refusePowerOn refuses to power on a VM that has a file on a datastore which takes nothing new (see store.usable): "no
// virtual machines can be powered on" (Datastore.DatastoreEnterMaintenanceMode). A vCenter makes a task first, which
// fails with the same fault.
func (vc *VCenter) refusePowerOn(ctx *simulator.Context, on any, request types.AnyType) types.BaseMethodFault {
	if _, powers := request.(*types.PowerOnVM_Task); !powers {
		return nil
	}
	vm, ok := on.(*simulator.VirtualMachine)
	if !ok {
		return nil
	}
	var refs []types.ManagedObjectReference
	ctx.WithLock(vm, func() { refs = append(refs, vm.Datastore...) })
	for _, ref := range refs {
		if s := vc.store(ref); s != nil {
			if fault := s.usable(); fault != nil {
				return fault
			}
		}
	}
	return nil
}
