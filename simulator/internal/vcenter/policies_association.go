package vcenter

import (
	"fmt"
	"slices"
	"strings"

	pbm "github.com/vmware/govmomi/pbm/types"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// entity is what can have a policy: a VM (its home) or one of its disks.
type entity struct {
	vm   string // the VM's id, vm-12
	disk int32  // the disk's key; 0: the VM's home
}

// ref names an entity as PbmServerObjectRef does: a disk is "vm-12:2000".
func (e entity) ref() pbm.PbmServerObjectRef {
	if e.disk == 0 {
		return pbm.PbmServerObjectRef{ObjectType: string(pbm.PbmObjectTypeVirtualMachine), Key: e.vm}
	}
	return pbm.PbmServerObjectRef{ObjectType: string(pbm.PbmObjectTypeVirtualDiskId), Key: fmt.Sprintf("%s:%d", e.vm, e.disk)}
}

// pendingKey tells apart the calls under way: by what a task works on and, when it makes a VM, by the VM's name.
type pendingKey struct {
	on   types.ManagedObjectReference
	name string
}

// assigned is what a call's profiles are to belong to when its task succeeds. An empty profile takes one away.
type assigned struct {
	home  *string          // nil: as it was
	disks map[int32]string // by key
	added []*string        // for each disk that is added, in the order of the request; nil: none was given
}

// note remembers the policies that a call names, until its task has ended: they are associated with what came of it.
func (p *policies) note(on types.ManagedObjectReference, request types.AnyType) {
	given := &assigned{disks: make(map[int32]string)}
	key := pendingKey{on: on}
	switch r := request.(type) {
	case *types.CreateVM_Task:
		key.name = r.Config.Name
		given.config(r.Config)
	case *types.ReconfigVM_Task:
		given.config(r.Spec)
	case *types.RelocateVM_Task:
		given.relocation(r.Spec)
	case *types.CloneVM_Task:
		key.name = r.Name
		given.relocation(r.Spec.Location)
	default:
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if given.home == nil && len(given.disks) == 0 && !slices.ContainsFunc(given.added, func(id *string) bool { return id != nil }) {
		delete(p.pending, key) // what an earlier call, which was refused, left behind
		return
	}
	p.pending[key] = given
}

func (a *assigned) config(spec types.VirtualMachineConfigSpec) {
	a.home = profileIn(spec.VmProfile)
	for _, change := range spec.DeviceChange {
		change := change.GetVirtualDeviceConfigSpec()
		d, ok := change.Device.(*types.VirtualDisk)
		if !ok {
			continue
		}
		id := profileIn(change.Profile)
		switch {
		case change.Operation == types.VirtualDeviceConfigSpecOperationAdd:
			a.added = append(a.added, id)
		case change.Operation == types.VirtualDeviceConfigSpecOperationEdit && id != nil:
			a.disks[d.Key] = *id
		case change.Operation == types.VirtualDeviceConfigSpecOperationRemove:
			a.disks[d.Key] = ""
		}
	}
}

func (a *assigned) relocation(spec types.VirtualMachineRelocateSpec) {
	a.home = profileIn(spec.Profile)
	for _, locator := range spec.Disk {
		if id := profileIn(locator.Profile); id != nil {
			a.disks[locator.DiskId] = *id
		}
	}
}

// profileIn gives the policy that a spec names: "" for VirtualMachineEmptyProfileSpec and VirtualMachineDefaultProfileSpec,
// nil for nothing, which leaves things as they are.
func profileIn(specs []types.BaseVirtualMachineProfileSpec) *string {
	if len(specs) == 0 {
		return nil
	}
	var id string
	if defined, ok := specs[0].(*types.VirtualMachineDefinedProfileSpec); ok {
		id = defined.ProfileId
	}
	return &id
}

// Reference gives what the registry knows this handler by.
func (*policies) Reference() types.ManagedObjectReference {
	return types.ManagedObjectReference{Type: "vrelocate", Value: "policies"}
}

// PutObject hears of new objects.
func (*policies) PutObject(*simulator.Context, mo.Reference) {}

// UpdateObject hears of a task's end among all changes.
func (p *policies) UpdateObject(ctx *simulator.Context, obj mo.Reference, changes []types.PropertyChange) {
	task, ok := obj.(*mo.Task)
	if !ok || task.Info.Entity == nil || !changed(changes, "info.state") {
		return
	}
	over := task.Info.State == types.TaskInfoStateSuccess || task.Info.State == types.TaskInfoStateError
	if !over || !p.waiting() {
		return
	}
	key, about := pendingKey{on: *task.Info.Entity}, *task.Info.Entity
	if made, ok := task.Info.Result.(types.ManagedObjectReference); ok && made.Type == "VirtualMachine" && made != about {
		if vm, ok := p.vc.registry.Get(made).(*simulator.VirtualMachine); ok {
			key.name, about = nameOf(ctx, vm), made
		}
	}
	p.mu.Lock()
	given := p.pending[key]
	delete(p.pending, key)
	p.mu.Unlock()
	vm, ok := p.vc.registry.Get(about).(*simulator.VirtualMachine)
	if given == nil || !ok || task.Info.State != types.TaskInfoStateSuccess {
		return
	}
	var keys []int32
	ctx.WithLock(vm, func() {
		for _, d := range disksOf(vm) {
			keys = append(keys, d.Key)
		}
	})
	p.assign(about.Value, given, keys)
}

func (p *policies) waiting() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.pending) > 0
}

// assign gives a VM's home and disks their policies. Disks that were added are the last ones of the VM.
func (p *policies) assign(vm string, given *assigned, keys []int32) {
	p.mu.Lock()
	defer p.mu.Unlock()
	set := func(e entity, id string) {
		if id == "" {
			delete(p.of, e)
			return
		}
		p.of[e] = id
	}
	if given.home != nil {
		set(entity{vm: vm}, *given.home)
	}
	for key, id := range given.disks {
		set(entity{vm, key}, id)
	}
	if first := len(keys) - len(given.added); first >= 0 {
		for i, id := range given.added {
			if id != nil {
				set(entity{vm, keys[first+i]}, *id)
			}
		}
	}
}

// RemoveObject hears of a VM's end.
func (p *policies) RemoveObject(_ *simulator.Context, ref types.ManagedObjectReference) {
	if ref.Type != "VirtualMachine" {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for e := range p.of {
		if e.vm == ref.Value {
			delete(p.of, e)
		}
	}
}

// entities gives what a PbmServerObjectRef names. A VM with its disks (virtualMachineAndDisks) is several.
func (p *policies) entities(ref pbm.PbmServerObjectRef) []entity {
	vm, disk, _ := strings.Cut(ref.Key, ":")
	switch pbm.PbmObjectType(ref.ObjectType) {
	case pbm.PbmObjectTypeVirtualDiskId:
		var key int32
		if _, err := fmt.Sscanf(disk, "%d", &key); err == nil {
			return []entity{{vm, key}}
		}
	case pbm.PbmObjectTypeVirtualMachine:
		return []entity{{vm: ref.Key}}
	case pbm.PbmObjectTypeVirtualMachineAndDisks:
		all := []entity{{vm: ref.Key}}
		p.mu.Lock()
		defer p.mu.Unlock()
		for e := range p.of {
			if e.vm == ref.Key && e.disk != 0 {
				all = append(all, e)
			}
		}
		return all
	}
	return nil
}

// profilesOf gives the policies of what a ref names, each once.
func (p *policies) profilesOf(ref pbm.PbmServerObjectRef) []pbm.PbmProfileId {
	var ids []pbm.PbmProfileId
	for _, e := range p.entities(ref) {
		p.mu.Lock()
		id, has := p.of[e]
		p.mu.Unlock()
		if has && !slices.Contains(ids, pbm.PbmProfileId{UniqueId: id}) {
			ids = append(ids, pbm.PbmProfileId{UniqueId: id})
		}
	}
	return ids
}

// having gives the entities of a policy, in order.
func (p *policies) having(id string) []entity {
	p.mu.Lock()
	defer p.mu.Unlock()
	var all []entity
	for e, has := range p.of {
		if has == id {
			all = append(all, e)
		}
	}
	slices.SortFunc(all, func(a, b entity) int {
		if order := strings.Compare(a.vm, b.vm); order != 0 {
			return order
		}
		return int(a.disk - b.disk)
	})
	return all
}
