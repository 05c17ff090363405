package vcenter

import (
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// bell wakes those who wait until a datastore is empty, a host runs nothing or a task has ended: it rings
// (simulator.RegisterObject) whenever one of them may have come true, and they look again.
type bell struct {
	mu   sync.Mutex
	next chan struct{}
}

// rung gives a channel that is closed at the next ring. Take it before looking, so that no ring is missed.
func (b *bell) rung() <-chan struct{} {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next == nil {
		b.next = make(chan struct{})
	}
	return b.next
}

func (b *bell) ring() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.next != nil {
		close(b.next)
		b.next = nil
	}
}

// Reference gives what the registry knows this handler by.
func (*bell) Reference() types.ManagedObjectReference {
	return types.ManagedObjectReference{Type: "vrelocate", Value: "storage-bell"}
}

// PutObject hears of new objects.
func (*bell) PutObject(*simulator.Context, mo.Reference) {}

// UpdateObject hears of datastores' VMs, of VMs' power and of the ends of tasks among all changes.
func (b *bell) UpdateObject(_ *simulator.Context, obj mo.Reference, changes []types.PropertyChange) {
	switch obj.(type) {
	case *mo.Datastore:
		if changed(changes, "vm") {
			b.ring()
		}
	case *mo.VirtualMachine:
		if changed(changes, "runtime.powerState") || changed(changes, "runtime.host") {
			b.ring()
		}
	case *mo.Task:
		if changed(changes, "info.completeTime") {
			b.ring()
		}
	}
}

// RemoveObject hears of a VM's end.
func (b *bell) RemoveObject(_ *simulator.Context, ref types.ManagedObjectReference) {
	if ref.Type == "VirtualMachine" {
		b.ring()
	}
}
