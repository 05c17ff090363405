package vcenter_test

import (
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

func (l *lab) promote(vm *object.VirtualMachine, unlink bool) *object.Task {
	l.Helper()
	res, err := methods.PromoteDisks_Task(l.Context(), l.client.Client, &types.PromoteDisks_Task{This: vm.Reference(), Unlink: unlink})
	l.must(err)
	return object.NewTask(l.client.Client, res.Returnval)
}

func TestPromotedCloneStandsForItself(t *testing.T) {
	l := start(t, linked, fast)
	clone, vm := l.vm("clone"), l.vm("vm")
	l.destroy(l.vm("grandchild"))
	old := l.free("old")
	uuid := l.whereIs(clone).uuids[2000]
	if fault := l.ends(l.promote(clone, false)); fault != nil { // nothing to merge: a snapshot needs it, or it is shared
		t.Fatalf("%#v", fault)
	}
	l.wantChain(clone, 2000, "[new] clone/clone-000001.vmdk", "[new] clone/clone.vmdk", "[old] vm/vm-000001.vmdk", "[old] vm/vm.vmdk")

	if fault := l.ends(l.promote(clone, true)); fault != nil {
		t.Fatalf("%#v", fault)
	}
	// The clone's own delta is merged into the copy; the snapshot has that, and its delta stays on top.
	l.wantChain(clone, 2000, "[new] clone/clone-000001.vmdk", "[new] clone/clone-000001_1.vmdk")
	l.wantChain(clone, 2001, "[new] clone/clone_1-000001.vmdk", "[new] clone/clone_1-000001_1.vmdk")
	l.wantFree("new", 100*gib-(3+1+1)*gib-(10+1)*gib)
	l.wantFree("old", old)
	if now := l.whereIs(clone).uuids[2000]; now != uuid {
		t.Errorf("uuid is %s, was %s", now, uuid)
	}
	if s := l.state(vm).Summary.Storage; s.Unshared != s.Committed {
		t.Errorf("the source still shares: %+v", s)
	}
	l.destroy(vm)
	l.wantFree("old", 100*gib)
	l.wantChain(clone, 2000, "[new] clone/clone-000001.vmdk", "[new] clone/clone-000001_1.vmdk")
}

func TestPromotionIsCancelled(t *testing.T) {
	l := start(t, linked, stuck)
	clone, free := l.vm("clone"), l.free("new")
	task := l.promote(clone, true)
	l.until(task, func(info types.TaskInfo) bool { return isRunning(info) && info.Progress == 0 })
	l.must(task.Cancel(t.Context()))
	wantFault[*types.RequestCanceled](t, l.ends(task))
	l.wantFree("new", free)
	l.wantChain(clone, 2000, "[new] clone/clone-000001.vmdk", "[new] clone/clone.vmdk", "[old] vm/vm-000001.vmdk", "[old] vm/vm.vmdk")
}
