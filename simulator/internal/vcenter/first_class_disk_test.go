package vcenter_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
	"github.com/vmware/govmomi/vslm"
)

// fcds is the vCenter's manager of first class disks.
func (l *lab) fcds() *vslm.ObjectManager { return vslm.NewObjectManager(l.client.Client) }

// global is the other door to them.
func (l *lab) global() *vslm.GlobalObjectManager {
	l.Helper()
	client, err := vslm.NewClient(l.Context(), l.client.Client)
	l.must(err)
	return vslm.NewGlobalObjectManager(client)
}

// on gives the backing of a disk to come.
func (l *lab) on(datastore, path, provisioning string) *types.VslmCreateSpecDiskFileBackingSpec {
	l.Helper()
	return &types.VslmCreateSpecDiskFileBackingSpec{
		VslmCreateSpecBackingSpec: types.VslmCreateSpecBackingSpec{Datastore: l.datastore(datastore), Path: path},
		ProvisioningType:          provisioning,
	}
}

// makeFCD makes a disk of 2 GiB.
func (l *lab) makeFCD(name string, on *types.VslmCreateSpecDiskFileBackingSpec) types.VStorageObject {
	l.Helper()
	task, err := l.fcds().CreateDisk(l.Context(), types.VslmCreateSpec{Name: name, CapacityInMB: 2048, BackingSpec: on})
	l.must(err)
	info, err := task.WaitForResult(l.Context(), nil)
	l.must(err)
	if info.Entity == nil || *info.Entity != on.Datastore { // a ManagedEntity, which pyVmomi needs
		l.Errorf("entity is %v", info.Entity)
	}
	return info.Result.(types.VStorageObject)
}

// fcd reads a disk.
func (l *lab) fcd(datastore string, id types.ID) types.VStorageObject {
	l.Helper()
	disk, err := l.fcds().Retrieve(l.Context(), l.datastore(datastore), id.Id)
	l.must(err)
	return *disk
}

func backing(o types.VStorageObject) *types.BaseConfigInfoDiskFileBackingInfo {
	return o.Config.Backing.(*types.BaseConfigInfoDiskFileBackingInfo)
}

func (l *lab) relocateFCD(datastore string, id types.ID, to *types.VslmCreateSpecDiskFileBackingSpec) *object.Task {
	l.Helper()
	res, err := methods.RelocateVStorageObject_Task(l.Context(), l.client, &types.RelocateVStorageObject_Task{
		This: l.fcds().Reference(), Id: id, Datastore: l.datastore(datastore),
		Spec: types.VslmRelocateSpec{VslmMigrateSpec: types.VslmMigrateSpec{BackingSpec: to}},
	})
	l.must(err)
	return object.NewTask(l.client.Client, res.Returnval)
}

func TestFirstClassDiskIsMadeAndDeleted(t *testing.T) {
	for provisioning, takes := range map[string]int64{"": 0, "thin": 0, "lazyZeroedThick": 2 * gib, "eagerZeroedThick": 2 * gib} {
		t.Run(provisioning, func(t *testing.T) {
			l := start(t, inventory, fast)
			made := l.makeFCD("one", l.on("new", "", provisioning))
			l.wantFree("new", 100*gib-takes)
			told := l.fcd("new", made.Config.Id)
			if told.Config.Name != "one" || told.Config.CapacityInMB != 2048 || !*told.Config.KeepAfterDeleteVm {
				t.Errorf("%+v", told.Config)
			}
			is := backing(told)
			if wanted := provisioning; is.ProvisioningType != wanted && wanted != "" || wanted == "" && is.ProvisioningType != "thin" {
				t.Errorf("it is %s", is.ProvisioningType)
			}
			if !strings.HasPrefix(is.FilePath, "[new] fcd/") || is.Datastore != l.datastore("new") {
				t.Errorf("it is at %s", is.FilePath)
			}
			l.uuid(is.FilePath) // it is a disk
			ids, err := l.fcds().List(t.Context(), l.datastore("new"))
			l.must(err)
			if len(ids) != 1 || ids[0] != made.Config.Id {
				t.Errorf("listed are %v", ids)
			}

			l.ended(l.fcds().Delete(t.Context(), l.datastore("new"), made.Config.Id.Id))
			l.wantFree("new", 100*gib)
			_, err = l.fcds().Retrieve(t.Context(), l.datastore("new"), made.Config.Id.Id)
			wantFault[*types.NotFound](t, callFault(t, err))
			again, err := l.fcds().Delete(t.Context(), l.datastore("new"), made.Config.Id.Id)
			l.must(err)
			wantFault[*types.NotFound](t, l.ends(again))
		})
	}
}

func TestMakingAFirstClassDiskRefuses(t *testing.T) {
	l := start(t, inventory, fast)
	spec := func(name string, mib int64, on *types.VslmCreateSpecDiskFileBackingSpec) types.VslmCreateSpec {
		return types.VslmCreateSpec{Name: name, CapacityInMB: mib, BackingSpec: on}
	}
	call := func(s types.VslmCreateSpec) types.BaseMethodFault {
		_, err := l.fcds().CreateDisk(t.Context(), s)
		return callFault(t, err)
	}
	if bad := wantFault[*types.InvalidArgument](t, call(spec("x", 0, l.on("new", "", "")))); bad.InvalidProperty != "spec.capacityInMB" {
		t.Errorf("it is %s that is wrong", bad.InvalidProperty)
	}
	nowhere := l.on("new", "", "")
	nowhere.Datastore.Value = "datastore-none"
	wantFault[*types.InvalidDatastore](t, call(spec("x", 1, nowhere)))
	ends := func(s types.VslmCreateSpec) types.BaseMethodFault {
		task, err := l.fcds().CreateDisk(t.Context(), s)
		l.must(err)
		return l.ends(task)
	}
	wantFault[*types.NoDiskSpace](t, ends(spec("x", 4096, l.on("small", "", "lazyZeroedThick"))))
	wantFault[*types.FileAlreadyExists](t, ends(spec("x", 1024, l.on("old", "loose/thin.vmdk", "thin"))))
}

func TestFirstClassDiskIsRelocated(t *testing.T) {
	l := start(t, inventory, fast)
	made := l.makeFCD("one", l.on("old", "", "lazyZeroedThick"))
	id, uuid, free := made.Config.Id, l.uuid(backing(made).FilePath), l.free("old")

	l.ended(l.relocateFCD("old", id, l.on("new", "", "")), nil)
	moved := l.fcd("new", id)
	where := backing(moved)
	if want := strings.Replace(backing(made).FilePath, "[old]", "[new]", 1); where.FilePath != want {
		t.Errorf("it landed at %s, want %s", where.FilePath, want)
	}
	if where.ProvisioningType != "lazyZeroedThick" || moved.Config.Name != "one" || l.uuid(where.FilePath) != uuid {
		t.Errorf("it became %+v", moved.Config)
	}
	l.wantFree("new", 98*gib)
	l.wantFree("old", free+2*gib)
	if copied := l.ledger().Datastores["new"].WrittenBytes; copied != 2*gib {
		t.Errorf("%d bytes were copied", copied)
	}
	if _, err := l.fcds().Retrieve(t.Context(), l.datastore("old"), id.Id); err == nil {
		t.Error("it is still on the old one")
	}

	// To a path: a folder, then a file.
	l.ended(l.relocateFCD("new", id, l.on("new", "mine", "")), nil)
	if at := backing(l.fcd("new", id)).FilePath; !strings.HasPrefix(at, "[new] mine/") {
		t.Errorf("it is at %s", at)
	}
	l.ended(l.relocateFCD("new", id, l.on("third", "mine/one.vmdk", "")), nil)
	if at := backing(l.fcd("third", id)).FilePath; at != "[third] mine/one.vmdk" {
		t.Errorf("it is at %s", at)
	}
}

func TestRelocatedFirstClassDiskTakesAnotherName(t *testing.T) {
	l := start(t, inventory, fast)
	one := l.makeFCD("one", l.on("old", "fcd/same.vmdk", ""))
	two := l.makeFCD("two", l.on("new", "fcd/same.vmdk", ""))
	l.ended(l.relocateFCD("old", one.Config.Id, l.on("new", "", "")), nil)
	if at := backing(l.fcd("new", one.Config.Id)).FilePath; at != "[new] fcd/same_1.vmdk" {
		t.Errorf("it is at %s", at)
	}
	if at := backing(l.fcd("new", two.Config.Id)).FilePath; at != "[new] fcd/same.vmdk" {
		t.Errorf("the other is at %s", at)
	}
	taken := l.relocateFCD("new", one.Config.Id, l.on("new", "fcd/same.vmdk", ""))
	wantFault[*types.FileAlreadyExists](t, l.ends(taken))
}

func TestRelocatingAFirstClassDiskRefuses(t *testing.T) {
	l := start(t, inventory, fast)
	made := l.makeFCD("one", l.on("old", "", "lazyZeroedThick"))
	id := made.Config.Id
	ends := func(to *types.VslmCreateSpecDiskFileBackingSpec) types.BaseMethodFault {
		return l.ends(l.relocateFCD("old", id, to))
	}
	nowhere := l.on("new", "", "")
	nowhere.Datastore.Value = "datastore-none"
	wantFault[*types.InvalidDatastore](t, ends(nowhere))
	if far := wantFault[*types.InvalidDatastore](t, ends(l.on("far", "", ""))); far.Name != "far" { // no host has both
		t.Errorf("it is %q", far.Name)
	}
	l.makeFCD("big", l.on("small", "", "lazyZeroedThick"))
	wantFault[*types.NoDiskSpace](t, ends(l.on("small", "", "")))
	wantFault[*types.NotFound](t, l.ends(l.relocateFCD("new", id, l.on("third", "", ""))))

	flags := []string{string(types.VslmVStorageObjectControlFlagDisableRelocation)}
	set := func(disabled bool) {
		t.Helper()
		var err error
		if disabled {
			_, err = methods.SetVStorageObjectControlFlags(t.Context(), l.client, &types.SetVStorageObjectControlFlags{
				This: l.fcds().Reference(), Id: id, Datastore: l.datastore("old"), ControlFlags: flags})
		} else {
			_, err = methods.ClearVStorageObjectControlFlags(t.Context(), l.client, &types.ClearVStorageObjectControlFlags{
				This: l.fcds().Reference(), Id: id, Datastore: l.datastore("old"), ControlFlags: flags})
		}
		l.must(err)
	}
	set(true)
	wantFault[*types.InvalidState](t, ends(l.on("new", "", "")))
	set(false)
	if fault := ends(l.on("new", "", "")); fault != nil {
		t.Fatalf("%#v", fault)
	}
}

func TestRelocationOfAFirstClassDiskIsCancelled(t *testing.T) {
	l := start(t, inventory, stuck)
	made := l.makeFCD("one", l.on("old", "", "lazyZeroedThick"))
	task := l.relocateFCD("old", made.Config.Id, l.on("new", "", ""))
	l.until(task, isRunning)
	_, err := l.fcds().Delete(t.Context(), l.datastore("old"), made.Config.Id.Id)
	wantFault[*types.TaskInProgress](t, callFault(t, err))
	l.must(task.Cancel(t.Context()))
	wantFault[*types.RequestCanceled](t, l.ends(task))
	l.wantFree("new", 100*gib)
	l.fcd("old", made.Config.Id)
	if left := l.list("new", "fcd"); len(left) != 0 {
		t.Errorf("left on the target: %v", left)
	}
}

func TestRelocationOfAFirstClassDiskFails(t *testing.T) {
	l := start(t, inventory+"\nfaults: [{method: RelocateVStorageObject_Task, entity: one, fault: FileFault, at: 50%}]", fast)
	made := l.makeFCD("one", l.on("old", "", "lazyZeroedThick"))
	wantFault[*types.FileFault](t, l.ends(l.relocateFCD("old", made.Config.Id, l.on("new", "", ""))))
	l.fcd("old", made.Config.Id)
	l.ended(l.relocateFCD("old", made.Config.Id, l.on("new", "", "")), nil)
	if ops := l.ledger().Operations["RelocateVStorageObject_Task"]["one"]; ops.Started != 2 || ops.Failed != 1 || ops.Succeeded != 1 {
		t.Errorf("%+v", ops)
	}
}

func TestFirstClassDiskChanges(t *testing.T) {
	l := start(t, inventory, fast)
	made := l.makeFCD("one", l.on("old", "", ""))
	id, old := made.Config.Id.Id, l.datastore("old")
	free := l.free("old")
	l.ended(l.fcds().InflateDisk(t.Context(), old, id))
	if took := free - l.free("old"); took != 2*gib {
		t.Errorf("inflating took %d", took)
	}
	l.ended(l.fcds().ExtendDisk(t.Context(), old, id, 3072))
	if told := l.fcd("old", made.Config.Id); told.Config.CapacityInMB != 3072 || backing(told).ProvisioningType != "eagerZeroedThick" {
		t.Errorf("%+v", told.Config)
	}
	smaller, err := l.fcds().ExtendDisk(t.Context(), old, id, 1024)
	l.must(err)
	wantFault[*types.InvalidArgument](t, l.ends(smaller))
	l.must(l.fcds().Rename(t.Context(), old, id, "another"))
	if name := l.fcd("old", made.Config.Id).Config.Name; name != "another" {
		t.Errorf("its name is %s", name)
	}

	task, err := l.fcds().Clone(t.Context(), old, id, types.VslmCloneSpec{
		Name: "clone", VslmMigrateSpec: types.VslmMigrateSpec{BackingSpec: l.on("new", "", "thin")}})
	l.must(err)
	info, err := task.WaitForResult(t.Context(), nil)
	l.must(err)
	clone := info.Result.(types.VStorageObject)
	if backing(clone).ProvisioningType != "thin" || clone.Config.CapacityInMB != 3072 || *clone.Config.KeepAfterDeleteVm {
		t.Errorf("the clone is %+v", clone.Config)
	}
	if clone.Config.Id == made.Config.Id || l.uuid(backing(clone).FilePath) == l.uuid(backing(made).FilePath) {
		t.Error("the clone is the same disk")
	}
}

func TestRegisteredDisk(t *testing.T) {
	l := start(t, inventory, fast)
	ds, err := l.find.Datastore(t.Context(), "old")
	l.must(err)
	register := func(path string) (*types.VStorageObject, error) {
		return l.fcds().RegisterDisk(t.Context(), ds.NewURL(path).String(), "")
	}
	disk, err := register("loose/thin.vmdk")
	l.must(err)
	if told := l.fcd("old", disk.Config.Id); told.Config.Name != "thin" || told.Config.CapacityInMB != 4096 || backing(told).FilePath != "[old] loose/thin.vmdk" {
		t.Errorf("%+v", told.Config)
	}
	_, err = register("loose/thin.vmdk")
	wantFault[*types.AlreadyExists](t, callFault(t, err))
	_, err = register("loose/none.vmdk")
	wantFault[*types.FileNotFound](t, callFault(t, err))

	// A VM's disk: it is known at once who has it.
	attached, err := register("vm-1/vm-1_1.vmdk")
	l.must(err)
	var vm mo.VirtualMachine
	l.read(l.vm("vm-1"), &vm, "config")
	if got := l.fcd("old", attached.Config.Id).Config.ConsumerId; !slices.Equal(got, []types.ID{{Id: vm.Config.Uuid}}) {
		t.Errorf("its consumers are %v", got)
	}

	// Its file goes without it.
	l.ended(l.disks().DeleteVirtualDisk(t.Context(), "[old] loose/thin.vmdk", l.dc))
	_, err = l.fcds().Retrieve(t.Context(), ds, disk.Config.Id.Id)
	wantFault[*types.NotFound](t, callFault(t, err))
	l.ended(l.fcds().ReconcileDatastoreInventory(t.Context(), ds))
	ids, err := l.fcds().List(t.Context(), ds)
	l.must(err)
	if slices.Contains(ids, disk.Config.Id) || !slices.Contains(ids, attached.Config.Id) {
		t.Errorf("after a reconciliation there are %v", ids)
	}
}

func TestBothDoorsLeadToTheSameDisks(t *testing.T) {
	l := start(t, inventory, fast)
	global := l.global()
	wait := func(task *vslm.Task, err error) any {
		t.Helper()
		l.must(err)
		result, err := task.Wait(t.Context(), time.Minute)
		l.must(err)
		return result
	}
	made := wait(global.CreateDisk(t.Context(), types.VslmCreateSpec{Name: "one", CapacityInMB: 2048, BackingSpec: l.on("old", "", "")})).(types.VStorageObject)
	id := made.Config.Id
	if l.fcd("old", id).Config.Name != "one" {
		t.Error("the vCenter does not know it")
	}
	all, err := global.List(t.Context())
	l.must(err)
	if !slices.Equal(all.Id, []types.ID{id}) {
		t.Errorf("listed are %v", all.Id)
	}
	l.ended(l.relocateFCD("old", id, l.on("new", "", "")), nil)
	told, err := global.Retrieve(t.Context(), id)
	l.must(err)
	if backing(*told).Datastore != l.datastore("new") {
		t.Errorf("it is at %s", backing(*told).FilePath)
	}
	snapshot := wait(global.CreateSnapshot(t.Context(), id, "first")).(types.ID)
	if snapshots, err := global.RetrieveSnapshotInfo(t.Context(), id); err != nil || len(snapshots) != 1 || *snapshots[0].Id != snapshot {
		t.Errorf("%v, %v", snapshots, err)
	}
	wait(global.DeleteSnapshot(t.Context(), id, snapshot))
	wait(global.UpdateMetadata(t.Context(), id, []types.KeyValue{{Key: "k", Value: "1"}}, nil))
	wait(global.UpdateMetadata(t.Context(), id, []types.KeyValue{{Key: "k", Value: "2"}}, nil))
	if value, err := global.RetrieveMetadataValue(t.Context(), id, nil, "k"); err != nil || value != "2" {
		t.Errorf("%q, %v", value, err)
	}
	wait(global.Delete(t.Context(), id))
	_, err = global.Retrieve(t.Context(), id)
	wantFault[*types.NotFound](t, callFault(t, err))
	if calls := l.ledger().Calls["VslmCreateDisk_Task"]; calls != 1 {
		t.Errorf("the ledger has %d calls", calls)
	}
}

func TestScenariosFirstClassDisks(t *testing.T) {
	l := start(t, inventory+`
    fcds:
      - {name: "vol-{1..2}", datastore: third, size: 2GiB, kind: thick}
      - {name: mine, datastore: new, path: volumes/mine.vmdk, size: 4GiB, used: 1GiB}
`, fast)
	l.wantFree("third", 96*gib)
	l.wantFree("new", 99*gib)
	all, err := l.global().List(t.Context())
	l.must(err)
	if len(all.Id) != 3 {
		t.Fatalf("there are %v", all.Id)
	}
	mine, err := l.fcds().List(t.Context(), l.datastore("new"))
	l.must(err)
	told := l.fcd("new", mine[0])
	if told.Config.Name != "mine" || told.Config.CapacityInMB != 4096 || backing(told).FilePath != "[new] volumes/mine.vmdk" {
		t.Errorf("%+v", told.Config)
	}
	again := start(t, "datacenters: [{name: dc1, clusters: [{name: a, hosts: [h]}], datastores: [{name: new, capacity: 9GiB, hosts: [a]}], fcds: [{name: mine, datastore: new, size: 1GiB}]}]", fast)
	if ids, err := again.fcds().List(t.Context(), again.datastore("new")); err != nil || ids[0] != mine[0] {
		t.Errorf("its ID is %v, %v; was %v", ids, err, mine[0])
	}
}
