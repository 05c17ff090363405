package vcenter_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vmware/govmomi/event"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/types"
)

// events gives what was posted of a VM's moves, by type, oldest first.
func (l *lab) events(vm *object.VirtualMachine) (posted []types.BaseEvent, names []string) {
	l.Helper()
	all, err := event.NewManager(l.client.Client).QueryEvents(l.Context(), types.EventFilterSpec{
		Entity: &types.EventFilterSpecByEntity{Entity: vm.Reference(), Recursion: types.EventFilterSpecRecursionOptionSelf},
	})
	l.must(err)
	slices.SortFunc(all, func(a, b types.BaseEvent) int { return int(a.GetEvent().Key - b.GetEvent().Key) })
	for _, one := range all {
		name := strings.TrimPrefix(fmt.Sprintf("%T", one), "*types.")
		if strings.Contains(name, "Relocate") || strings.Contains(name, "Migrate") {
			posted, names = append(posted, one), append(names, name)
		}
	}
	return posted, names
}

func TestRelocationPostsEvents(t *testing.T) {
	l := start(t, inventory+`
faults:
  - {method: RelocateVM_Task, entity: vm-2, fault: FileLocked, at: 40%}
`, fast)
	vm := l.vm("vm-1")
	l.moves(vm, to(l.datastore("new")))
	posted, names := l.events(vm)
	if !slices.Equal(names, []string{"VmBeingRelocatedEvent", "VmRelocatedEvent"}) {
		t.Fatalf("%v", names)
	}
	begun, ended := posted[0].(*types.VmBeingRelocatedEvent), posted[1].(*types.VmRelocatedEvent)
	if begun.DestDatastore.Name != "new" || begun.Ds.Name != "old" || begun.Vm.Name != "vm-1" || begun.UserName != "user" {
		t.Errorf("%+v", begun)
	}
	if ended.SourceDatastore.Name != "old" || ended.Ds.Name != "new" || ended.Host.Name == "" || ended.Datacenter.Name != "dc1" {
		t.Errorf("%+v", ended)
	}
	if begun.FullFormattedMessage == "" || ended.FullFormattedMessage == "" {
		t.Errorf("%q, %q", begun.FullFormattedMessage, ended.FullFormattedMessage)
	}

	other := l.vm("vm-2")
	l.ends(l.relocate(other, to(l.datastore("new"))))
	posted, names = l.events(other)
	if !slices.Equal(names, []string{"VmBeingRelocatedEvent", "VmRelocateFailedEvent"}) {
		t.Fatalf("%v", names)
	}
	failed := posted[1].(*types.VmRelocateFailedEvent)
	if _, locked := failed.Reason.Fault.(*types.FileLocked); !locked || failed.DestDatastore.Name != "new" || failed.Ds.Name != "old" {
		t.Errorf("%+v", failed)
	}
	if !strings.Contains(failed.FullFormattedMessage, "Failed to relocate vm-2 from ") {
		t.Errorf("%q", failed.FullFormattedMessage)
	}
}

func TestMigrationPostsEvents(t *testing.T) {
	l := start(t, twoDatacenters, fast)
	vm := l.vm("on")
	l.moves(vm, types.VirtualMachineRelocateSpec{Host: l.at("a2")})
	posted, names := l.events(vm)
	if !slices.Equal(names, []string{"VmMigratedEvent"}) {
		t.Fatalf("%v", names)
	}
	if migrated := posted[0].(*types.VmMigratedEvent); migrated.SourceHost.Name != "a1" || migrated.Host.Name != "a2" {
		t.Errorf("%+v", migrated)
	}
}
