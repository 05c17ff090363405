package vcenter

import (
	"strings"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// awayHosts are the hosts that vCenter has no connection to. They are kept apart from the managed objects, so that
// whoever plans something can ask without a host's lock.
type awayHosts struct {
	mu    sync.Mutex
	state map[types.ManagedObjectReference]types.HostSystemConnectionState
}

// set notes a host's state; false: it was in it already.
func (a *awayHosts) set(host types.ManagedObjectReference, state types.HostSystemConnectionState) bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	if state == a.get(host) {
		return false
	}
	if a.state == nil {
		a.state = make(map[types.ManagedObjectReference]types.HostSystemConnectionState)
	}
	a.state[host] = state
	return true
}

func (a *awayHosts) get(host types.ManagedObjectReference) types.HostSystemConnectionState {
	if state, away := a.state[host]; away {
		return state
	}
	return types.HostSystemConnectionStateConnected
}

// fault is what an operation that needs a host is refused with: HostNotConnected ("a method needs to communicate with a
// host that has been disconnected in VirtualCenter") or HostNotReachable ("the server was unable to communicate with the
// host"). nil: the host is there.
func (a *awayHosts) fault(host types.ManagedObjectReference) types.BaseMethodFault {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch a.get(host) {
	case types.HostSystemConnectionStateConnected:
		return nil
	case types.HostSystemConnectionStateDisconnected:
		return new(types.HostNotConnected)
	}
	return new(types.HostNotReachable)
}

// adoptHosts notes which hosts of a model are away, and what follows from that.
func (vc *VCenter) adoptHosts(ctx *simulator.Context) {
	for _, entity := range vc.registry.All("HostSystem") {
		vc.away.set(entity.Reference(), entity.(*simulator.HostSystem).Runtime.ConnectionState)
	}
	for _, s := range vc.stores {
		vc.setMounts(ctx, s, func(*types.DatastoreHostMount) {})
		if s.readable() == nil {
			continue
		}
		for _, vm := range vc.registry.Get(s.ref).(*simulator.Datastore).Vm {
			vc.retellConnection(ctx, vm)
		}
	}
}

// setHostState connects a host, or takes it away: from then on its VMs are disconnected and calls on them are refused
// (see awayHosts.fault), what works on them fails with HostCommunication, and a datastore that no other host reaches is
// not accessible.
func (vc *VCenter) setHostState(host types.ManagedObjectReference, state types.HostSystemConnectionState) {
	object, ok := vc.registry.Get(host).(*simulator.HostSystem)
	if !ok || !vc.away.set(host, state) {
		return
	}
	ctx := vc.newContext()
	var vms, datastores []types.ManagedObjectReference
	ctx.WithLock(object, func() {
		ctx.Update(object, []types.PropertyChange{
			{Name: "runtime.connectionState", Val: state},
			{Name: "summary.runtime.connectionState", Val: state},
		})
		vms = append(vms, object.Vm...)
		datastores = append(datastores, object.Datastore...)
	})
	for _, ref := range vms {
		vc.retellConnection(ctx, ref)
	}
	for _, ref := range datastores {
		if s := vc.store(ref); s != nil {
			vc.setMounts(ctx, s, func(*types.DatastoreHostMount) {})
		}
	}
	if state != types.HostSystemConnectionStateConnected {
		vc.abortOn(ctx, host)
	}
}

// abortOn ends what runs on a host's VMs.
func (vc *VCenter) abortOn(ctx *simulator.Context, host types.ManagedObjectReference) {
	vc.mu.Lock()
	running := make([]*operation, 0, len(vc.operations))
	for _, op := range vc.operations {
		running = append(running, op)
	}
	vc.mu.Unlock()
	for _, op := range running {
		vm, ok := vc.registry.Get(*op.task.Info.Entity).(*simulator.VirtualMachine)
		if !ok {
			continue
		}
		var on types.ManagedObjectReference
		ctx.WithLock(vm, func() { on = *vm.Runtime.Host })
		if on == host {
			op.abort(new(types.HostCommunication))
		}
	}
}

// retellConnection makes a VM's runtime.connectionState follow from its host and from the datastore of its home
// (VirtualMachineConnectionState: disconnected, "since its host is disconnected"; inaccessible, "one or more of the
// virtual machine configuration files are inaccessible").
func (vc *VCenter) retellConnection(ctx *simulator.Context, ref types.ManagedObjectReference) {
	vm, ok := vc.registry.Get(ref).(*simulator.VirtualMachine)
	if !ok {
		return
	}
	ctx.WithLock(vm, func() {
		state := types.VirtualMachineConnectionStateConnected
		home, _, fault := vc.locate(vc.datacenterOf(vm), vm.Config.Files.VmPathName)
		switch {
		case vc.away.fault(*vm.Runtime.Host) != nil:
			state = types.VirtualMachineConnectionStateDisconnected
		case fault == nil && home.readable() != nil:
			state = types.VirtualMachineConnectionStateInaccessible
		}
		if vm.Runtime.ConnectionState != state || vm.Summary.Runtime.ConnectionState != state {
			ctx.Update(vm, []types.PropertyChange{
				{Name: "runtime.connectionState", Val: state},
				{Name: "summary.runtime.connectionState", Val: state},
			})
		}
	})
}

// refuseWithoutHost refuses a call on a VM whose host vCenter can't talk to, or one that names such a host.
func (vc *VCenter) refuseWithoutHost(ctx *simulator.Context, on any, method string, request types.AnyType) types.BaseMethodFault {
	var hosts []types.ManagedObjectReference
	if vm, ok := on.(*simulator.VirtualMachine); ok && needsHost(method) {
		ctx.WithLock(vm, func() { hosts = append(hosts, *vm.Runtime.Host) })
	}
	switch r := request.(type) {
	case *types.CreateVM_Task:
		hosts = named(hosts, r.Host)
	case *types.RegisterVM_Task:
		hosts = named(hosts, r.Host)
	case *types.RelocateVM_Task:
		hosts = named(hosts, r.Spec.Host)
	case *types.CloneVM_Task:
		hosts = named(hosts, r.Spec.Location.Host)
	}
	for _, host := range hosts {
		if fault := vc.away.fault(host); fault != nil {
			return fault
		}
	}
	return nil
}

// needsHost tells whether a method of VirtualMachine is the host's work.
func needsHost(method string) bool {
	return strings.HasSuffix(method, "_Task") || method == "UnregisterVM" || method == "MarkAsTemplate"
}

func named(hosts []types.ManagedObjectReference, host *types.ManagedObjectReference) []types.ManagedObjectReference {
	if host == nil {
		return hosts
	}
	return append(hosts, *host)
}
