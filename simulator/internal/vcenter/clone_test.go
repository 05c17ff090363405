package vcenter_test

import (
	"slices"
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// cloneTask asks for a clone in the datacenter's VM folder.
func (l *lab) cloneTask(vm *object.VirtualMachine, name string, spec types.VirtualMachineCloneSpec) *object.Task {
	l.Helper()
	folders, err := l.dc.Folders(l.Context())
	l.must(err)
	task, err := vm.Clone(l.Context(), folders.VmFolder, name, spec)
	l.must(err)
	return task
}

// clone makes a clone.
func (l *lab) clone(vm *object.VirtualMachine, name string, spec types.VirtualMachineCloneSpec) *object.VirtualMachine {
	l.Helper()
	info, err := l.cloneTask(vm, name, spec).WaitForResult(l.Context(), nil)
	l.must(err)
	return object.NewVirtualMachine(l.client.Client, info.Result.(types.ManagedObjectReference))
}

// cloneTo is a spec of a clone on another datastore.
func (l *lab) cloneTo(datastore string) types.VirtualMachineCloneSpec {
	l.Helper()
	return types.VirtualMachineCloneSpec{Location: to(l.datastore(datastore))}
}

func TestFullCloneCopiesItsDisks(t *testing.T) {
	l := start(t, inventory, fast)
	vm := l.vm("vm-1")
	before, free := l.whereIs(vm), l.free("old")
	clone := l.clone(vm, "copy", l.cloneTo("new"))

	after := l.whereIs(clone)
	if after.vmx != "[new] copy/copy.vmx" || !same(after.disks, map[int32]string{2000: "[new] copy/copy.vmdk", 2001: "[new] copy/copy_1.vmdk"}) {
		t.Errorf("home %s, disks %v", after.vmx, after.disks)
	}
	if !same(after.thin, before.thin) || !slices.Equal(after.datastores, []string{"new"}) {
		t.Errorf("thin %v, was %v; on %v", after.thin, before.thin, after.datastores)
	}
	for key, uuid := range after.uuids {
		if uuid == "" || uuid == before.uuids[key] {
			t.Errorf("disk %d has uuid %s, the original %s", key, uuid, before.uuids[key])
		}
	}
	l.wantFree("new", 100*gib-1*gib-2*gib)
	l.wantFree("old", free)
	page := l.ledger()
	if page.Datastores["new"].WrittenBytes != 3*gib || page.Datastores["old"].ReadBytes != 3*gib {
		t.Errorf("%+v", page.Datastores)
	}
	if source := l.whereIs(vm); !same(source.disks, before.disks) || !same(source.files, before.files) {
		t.Errorf("the original is %+v, was %+v", source, before)
	}
}

func TestCloneHonoursLocatorsAndFormats(t *testing.T) {
	l := start(t, inventory, fast)
	spec := l.cloneTo("new")
	spec.Location.Disk = []types.VirtualMachineRelocateSpecDiskLocator{
		{DiskId: 2000, Datastore: l.datastore("new"), DiskBackingInfo: &types.VirtualDiskFlatVer2BackingInfo{ThinProvisioned: types.NewBool(false)}},
		{DiskId: 2001, Datastore: l.datastore("third"), DiskBackingInfo: &types.VirtualDiskFlatVer2BackingInfo{ThinProvisioned: types.NewBool(true)}},
	}
	spec.Config = &types.VirtualMachineConfigSpec{NumCPUs: 3}
	clone := l.clone(l.vm("vm-1"), "copy", spec)
	after := l.whereIs(clone)
	if !same(after.disks, map[int32]string{2000: "[new] copy/copy.vmdk", 2001: "[third] copy/copy_1.vmdk"}) ||
		!same(after.thin, map[int32]bool{2000: false, 2001: true}) || !slices.Equal(after.datastores, []string{"new", "third"}) {
		t.Errorf("%+v", after)
	}
	l.wantFree("new", 96*gib)   // 4 GiB thick now
	l.wantFree("third", 99*gib) // 2 GiB thin now, of which half is written
	if m := l.state(clone); m.Config.Hardware.NumCPU != 3 {
		t.Errorf("%d CPUs", m.Config.Hardware.NumCPU)
	}
}

func TestCloneIsCancelledWithoutATrace(t *testing.T) {
	l := start(t, inventory, stuck)
	vm, free := l.vm("vm-1"), l.free("new")
	task := l.cloneTask(vm, "copy", l.cloneTo("new"))
	l.until(task, func(info types.TaskInfo) bool { return isRunning(info) && info.Progress == 0 })
	_, err := vm.Destroy(t.Context())
	wantFault[*types.TaskInProgress](t, callFault(t, err))
	l.must(task.Cancel(t.Context()))
	wantFault[*types.RequestCanceled](t, l.ends(task))
	l.wantFree("new", free)
	if left := l.list("new", ""); slices.Contains(left, "copy") {
		t.Errorf("left behind: %v", left)
	}
	if _, err := l.find.VirtualMachine(t.Context(), "copy"); err == nil {
		t.Error("the clone is in the inventory")
	}
}

func TestCloneRefuses(t *testing.T) {
	l := start(t, inventory, fast)
	vm := l.vm("vm-1")
	foreign := l.snap(l.vm("vm-2"), "foreign")
	own := l.snap(vm, "own")
	cases := map[string]struct {
		name  string
		spec  func() types.VirtualMachineCloneSpec
		check func(*testing.T, types.BaseMethodFault)
	}{
		"a name that is taken": {"vm-2", func() types.VirtualMachineCloneSpec { return l.cloneTo("new") },
			func(t *testing.T, f types.BaseMethodFault) { wantFault[*types.DuplicateName](t, f) }},
		"a datastore that is too small": {"copy", func() types.VirtualMachineCloneSpec {
			spec := l.cloneTo("small")
			spec.Location.Transform = types.VirtualMachineRelocateTransformationFlat
			return spec
		}, func(t *testing.T, f types.BaseMethodFault) {
			if full := wantFault[*types.NoDiskSpace](t, f); full.Datastore != "small" {
				t.Errorf("%+v", full)
			}
		}},
		"a datastore that no host of the cluster mounts": {"copy", func() types.VirtualMachineCloneSpec { return l.cloneTo("far") },
			func(t *testing.T, f types.BaseMethodFault) { wantFault[*types.NoCompatibleHost](t, f) }},
		"a linked clone of no snapshot": {"copy", func() types.VirtualMachineCloneSpec {
			spec := l.cloneTo("new")
			spec.Location.DiskMoveType = "createNewChildDiskBacking"
			return spec
		}, func(t *testing.T, f types.BaseMethodFault) {
			if invalid := wantFault[*types.InvalidArgument](t, f); invalid.InvalidProperty != "spec.snapshot" {
				t.Errorf("%+v", invalid)
			}
		}},
		"another VM's snapshot": {"copy", func() types.VirtualMachineCloneSpec {
			spec := l.cloneTo("new")
			spec.Snapshot = &foreign
			return spec
		}, func(t *testing.T, f types.BaseMethodFault) { wantFault[*types.InvalidArgument](t, f) }},
		"a disk that is not there": {"copy", func() types.VirtualMachineCloneSpec {
			spec := l.cloneTo("new")
			spec.Snapshot = &own
			spec.Location.Disk = []types.VirtualMachineRelocateSpecDiskLocator{{DiskId: 1, Datastore: l.datastore("new")}}
			return spec
		}, func(t *testing.T, f types.BaseMethodFault) { wantFault[*types.InvalidArgument](t, f) }},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) { c.check(t, l.ends(l.cloneTask(vm, c.name, c.spec()))) })
	}
	if left := l.list("new", ""); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestTemplateIsClonedByManyAtOnce(t *testing.T) {
	l := start(t, inventory, fast)
	vm := l.vm("vm-1")
	var before mo.VirtualMachine
	l.read(vm, &before, "resourcePool")
	l.must(vm.MarkAsTemplate(t.Context()))
	if fault := l.ends(l.cloneTask(vm, "poolless", l.cloneTo("new"))); fault != nil {
		if invalid := wantFault[*types.InvalidArgument](t, fault); invalid.InvalidProperty != "spec.location.pool" {
			t.Errorf("%+v", invalid)
		}
	} else {
		t.Error("cloned without a pool")
	}

	spec := l.cloneTo("new")
	spec.Location.Pool = before.ResourcePool
	var tasks []*object.Task
	free := l.free("old")
	// Each on a datastore of its own: vcsim reads a datastore without its lock while it makes a VM there.
	for _, name := range []string{"new", "third", "old"} {
		on := spec
		on.Location.Datastore = types.NewReference(l.datastore(name))
		tasks = append(tasks, l.cloneTask(vm, "on "+name, on))
	}
	for _, task := range tasks {
		if fault := l.ends(task); fault != nil {
			t.Errorf("%#v", fault)
		}
	}
	l.wantFree("new", 97*gib)
	l.wantFree("third", 97*gib)
	l.wantFree("old", free-3*gib)

	spec.Template = true
	clone := l.clone(vm, "another template", spec)
	if m := l.state(clone); !m.Config.Template || m.ResourcePool != nil {
		t.Errorf("template %v, pool %v", m.Config.Template, m.ResourcePool)
	}
	_, err := vm.CreateSnapshot(t.Context(), "of a template", "", false, false)
	wantFault[*types.NotSupported](t, callFault(t, err))
}
