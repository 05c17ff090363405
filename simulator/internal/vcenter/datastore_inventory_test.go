package vcenter_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

func TestRenamedDatastore(t *testing.T) {
	l := start(t, inventory, fast)
	ref := l.datastore("old")
	ds := object.NewDatastore(l.client.Client, ref)
	task, err := ds.Rename(t.Context(), "new")
	l.must(err)
	wantFault[*types.DuplicateName](t, l.ends(task))
	task, err = ds.Rename(t.Context(), " ")
	l.must(err)
	wantFault[*types.InvalidName](t, l.ends(task))
	l.does(ds.Rename(t.Context(), "older"))

	var props mo.Datastore
	l.read(ref, &props, "name", "summary", "info")
	if info := props.Info.(*types.VmfsDatastoreInfo); props.Name != "older" || props.Summary.Name != "older" || info.Name != "older" || info.Vmfs.Name != "older" {
		t.Errorf("%s, %s, %+v", props.Name, props.Summary.Name, info)
	}
	vm := l.vm("vm-1")
	var is mo.VirtualMachine
	l.read(vm, &is, "config.files", "config.hardware.device", "layoutEx", "summary.config.vmPathName")
	names := []string{is.Config.Files.VmPathName, is.Summary.Config.VmPathName}
	for _, file := range is.LayoutEx.File {
		names = append(names, file.Name)
	}
	for _, device := range object.VirtualDeviceList(is.Config.Hardware.Device).SelectByType((*types.VirtualDisk)(nil)) {
		names = append(names, device.GetVirtualDevice().Backing.(*types.VirtualDiskFlatVer2BackingInfo).FileName)
	}
	if slices.ContainsFunc(names, func(name string) bool { return !strings.HasPrefix(name, "[older] vm-1/") }) {
		t.Errorf("files are called %q", names)
	}

	// It works on under its new name.
	disks := object.NewVirtualDiskManager(l.client.Client)
	l.does(disks.MoveVirtualDisk(t.Context(), "[older] loose/thin.vmdk", l.dc, "[new] thin.vmdk", l.dc, false))
	l.does(vm.Relocate(t.Context(), to(l.datastore("new")), ""))
	l.does(vm.Relocate(t.Context(), to(ref), ""))
	_, err = methods.RenameDatastore(t.Context(), l.client, &types.RenameDatastore{This: ref, NewName: "old"})
	l.must(err)
	l.datastore("old")
}

func TestDatastoreIsNotRenamedUnderWork(t *testing.T) {
	l := start(t, inventory, stuck)
	moving := l.relocate(l.vm("vm-1"), to(l.datastore("new")))
	l.until(moving, isRunning)
	_, err := methods.RenameDatastore(t.Context(), l.client, &types.RenameDatastore{This: l.datastore("new"), NewName: "newer"})
	wantFault[*types.ResourceInUse](t, callFault(t, err))
}

func TestDestroyedDatastore(t *testing.T) {
	l := start(t, clustered, fast)
	task, err := object.NewDatastore(l.client.Client, l.datastore("ds1")).Destroy(t.Context())
	l.must(err)
	wantFault[*types.ResourceInUse](t, l.ends(task))

	ref := l.datastore("ds2")
	l.does(object.NewDatastore(l.client.Client, ref).Destroy(t.Context()))
	if pod := l.pod("pod"); slices.Contains(pod.ChildEntity, ref) || pod.Summary.Capacity != 100*gib {
		t.Errorf("the pod has %v: %+v", pod.ChildEntity, pod.Summary)
	}
	var host mo.HostSystem
	l.read(l.host("a1"), &host, "datastore")
	if slices.Contains(host.Datastore, ref) {
		t.Error("a host still lists it")
	}
	err = l.client.RetrieveOne(t.Context(), ref, []string{"name"}, new(mo.Datastore))
	wantFault[*types.ManagedObjectNotFound](t, callFault(t, err))
	if found, err := l.find.Datastore(t.Context(), "ds2"); err == nil {
		t.Errorf("it is found: %v", found)
	}
}

func TestDatastoreIsRemovedFromOneHostAfterAnother(t *testing.T) {
	l := start(t, inventory, fast)
	ref := l.datastore("new")
	remove := func(host string) error {
		system, err := l.host(host).ConfigManager().DatastoreSystem(t.Context())
		l.must(err)
		return system.Remove(t.Context(), object.NewDatastore(l.client.Client, ref))
	}
	l.must(remove("a1"))
	wantFault[*types.NotFound](t, callFault(t, remove("a1")))
	var ds mo.Datastore
	l.read(ref, &ds, "host", "summary")
	if len(ds.Host) != 1 || *ds.Summary.MultipleHostAccess || !ds.Summary.Accessible {
		t.Errorf("%d hosts, %+v", len(ds.Host), ds.Summary)
	}
	l.must(remove("a2"))
	err := l.client.RetrieveOne(t.Context(), ref, []string{"name"}, new(mo.Datastore))
	wantFault[*types.ManagedObjectNotFound](t, callFault(t, err))

	ref = l.datastore("old")
	used, err := l.vm("vm-1").HostSystem(t.Context())
	l.must(err)
	name, err := used.ObjectName(t.Context())
	l.must(err)
	wantFault[*types.ResourceInUse](t, callFault(t, remove(name)))
}

func TestMountedExport(t *testing.T) {
	l := start(t, inventory, fast)
	dir := t.TempDir() + "/export"
	l.must(os.Mkdir(dir, 0o700))
	var refs []types.ManagedObjectReference
	for _, host := range []string{"a1", "a2"} {
		system, err := l.host(host).ConfigManager().DatastoreSystem(t.Context())
		l.must(err)
		made, err := system.CreateNasDatastore(t.Context(), types.HostNasVolumeSpec{
			RemoteHost: "nfs.invalid", RemotePath: "/export", LocalPath: dir, Type: "NFS", AccessMode: "readWrite"})
		l.must(err)
		refs = append(refs, made.Reference())
	}
	if refs[0] != refs[1] || refs[0] != l.datastore("export") {
		t.Errorf("two mounts of one export are %v", refs)
	}
	var ds mo.Datastore
	l.read(refs[0], &ds, "summary", "host")
	if len(ds.Host) != 2 || !*ds.Summary.MultipleHostAccess || ds.Summary.FreeSpace != ds.Summary.Capacity || ds.Summary.Capacity != 1<<40 {
		t.Errorf("%+v", ds.Summary)
	}
	l.does(l.vm("vm-1").Relocate(t.Context(), to(refs[0]), ""))
	l.wantUncommitted("export", 3*gib)
}
