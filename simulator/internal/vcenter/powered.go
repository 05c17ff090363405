package vcenter

import (
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// powered knows which VMs run, so that whoever holds one VM's lock can ask about another: two that waited for each
// other's lock would wait for ever. It hears of VMs' changes (simulator.RegisterObject).
type powered struct {
	mu sync.Mutex
	on map[types.ManagedObjectReference]struct{}
}

// runs tells whether a VM is powered on.
func (p *powered) runs(vm types.ManagedObjectReference) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	_, on := p.on[vm]
	return on
}

func (p *powered) set(vm types.ManagedObjectReference, state types.VirtualMachinePowerState) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if state != types.VirtualMachinePowerStatePoweredOn {
		delete(p.on, vm)
		return
	}
	if p.on == nil {
		p.on = make(map[types.ManagedObjectReference]struct{})
	}
	p.on[vm] = struct{}{}
}

// Reference gives what the registry knows this handler by.
func (*powered) Reference() types.ManagedObjectReference {
	return types.ManagedObjectReference{Type: "vrelocate", Value: "powered"}
}

// PutObject hears of new objects. A new VM is off.
func (*powered) PutObject(*simulator.Context, mo.Reference) {}

// RemoveObject hears of an object's end.
func (p *powered) RemoveObject(_ *simulator.Context, ref types.ManagedObjectReference) {
	p.set(ref, types.VirtualMachinePowerStatePoweredOff)
}

// UpdateObject hears of a VM's power among all changes.
func (p *powered) UpdateObject(_ *simulator.Context, obj mo.Reference, changes []types.PropertyChange) {
	if obj.Reference().Type != "VirtualMachine" {
		return
	}
	for _, change := range changes {
		if state, ok := change.Val.(types.VirtualMachinePowerState); ok && change.Name == "runtime.powerState" {
			p.set(obj.Reference(), state)
		}
	}
}

// usedElsewhere tells whether a disk belongs to another VM that runs, or that a task works on. It needs no lock.
func (vc *VCenter) usedElsewhere(at place, than types.ManagedObjectReference) bool {
	for _, vm := range vc.shares.others(at, than) {
		if vc.powered.runs(vm) || vc.claimed(vm.String()) {
			return true
		}
	}
	return false
}
