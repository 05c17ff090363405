package vcenter_test

import (
	"testing"

	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// openStackSpecs are the traversals with which OpenStack's oslo.vmware finds whatever is below a folder: from a VM to its
// pool, from a pool to its VMs, and so on in circles.
func openStackSpecs() []types.BaseSelectionSpec {
	again := func(names ...string) (specs []types.BaseSelectionSpec) {
		for _, name := range names {
			specs = append(specs, &types.SelectionSpec{Name: name})
		}
		return specs
	}
	spec := func(name, kind, path string, next ...types.BaseSelectionSpec) types.BaseSelectionSpec {
		return &types.TraversalSpec{SelectionSpec: types.SelectionSpec{Name: name}, Type: kind, Path: path,
			Skip: types.NewBool(false), SelectSet: next}
	}
	return []types.BaseSelectionSpec{
		spec("visitFolders", "Folder", "childEntity",
			append(again("visitFolders"),
				spec("dc_to_hf", "Datacenter", "hostFolder", again("visitFolders")...),
				spec("dc_to_vmf", "Datacenter", "vmFolder", again("visitFolders")...),
				spec("cr_to_h", "ComputeResource", "host"),
				spec("cr_to_ds", "ComputeResource", "datastore"),
				spec("h_to_vm", "HostSystem", "vm", again("visitFolders")...),
				spec("vm_to_rp", "VirtualMachine", "resourcePool", again("rp_to_vm")...),
				spec("cr_to_rp", "ComputeResource", "resourcePool", again("rp_to_rp", "rp_to_vm")...),
				spec("rp_to_rp", "ResourcePool", "resourcePool", again("rp_to_rp", "rp_to_vm")...),
				spec("rp_to_vm", "ResourcePool", "vm", again("vm_to_rp", "rp_to_rp", "rp_to_vm")...),
			)...),
	}
}

func TestTraversalInCirclesEnds(t *testing.T) {
	l := start(t, inventory, fast)
	root := l.client.ServiceContent.RootFolder
	collector := property.DefaultCollector(l.client.Client)
	res, err := collector.RetrieveProperties(t.Context(), types.RetrieveProperties{SpecSet: []types.PropertyFilterSpec{{
		PropSet:   []types.PropertySpec{{Type: "VirtualMachine", PathSet: []string{"name"}}},
		ObjectSet: []types.ObjectSpec{{Obj: root, Skip: types.NewBool(true), SelectSet: openStackSpecs()}},
	}}})
	l.must(err)
	var vms []mo.VirtualMachine
	l.must(mo.LoadObjectContent(res.Returnval, &vms))
	names := make(map[string]int)
	for _, vm := range vms {
		names[vm.Name]++
	}
	for _, name := range []string{"vm-1", "vm-2", "vm-3", "running", "empty"} {
		if names[name] != 1 {
			t.Errorf("%s was found %d times", name, names[name])
		}
	}
}

func TestTraversalGoesFromItsTypeAlone(t *testing.T) {
	l := start(t, inventory, fast)
	// Hosts have vm too, but the step says that it goes from a pool.
	step := &types.TraversalSpec{Type: "ResourcePool", Path: "vm", Skip: types.NewBool(false)}
	host, err := l.find.HostSystem(t.Context(), "a1")
	l.must(err)
	pool, err := l.find.ResourcePool(t.Context(), "a/Resources")
	l.must(err)
	count := func(from types.ManagedObjectReference) int {
		collector := property.DefaultCollector(l.client.Client)
		res, err := collector.RetrieveProperties(t.Context(), types.RetrieveProperties{SpecSet: []types.PropertyFilterSpec{{
			PropSet:   []types.PropertySpec{{Type: "VirtualMachine", PathSet: []string{"name"}}},
			ObjectSet: []types.ObjectSpec{{Obj: from, Skip: types.NewBool(true), SelectSet: []types.BaseSelectionSpec{step}}},
		}}})
		l.must(err)
		return len(res.Returnval)
	}
	if n := count(pool.Reference()); n != 5 {
		t.Errorf("the pool leads to %d VMs", n)
	}
	if n := count(host.Reference()); n != 0 {
		t.Errorf("the host leads to %d VMs by a step that is a pool's", n)
	}
}

func TestUnknownSelectionIsRefused(t *testing.T) {
	l := start(t, inventory, fast)
	_, err := property.DefaultCollector(l.client.Client).RetrieveProperties(t.Context(), types.RetrieveProperties{
		SpecSet: []types.PropertyFilterSpec{{
			PropSet: []types.PropertySpec{{Type: "VirtualMachine", PathSet: []string{"name"}}},
			ObjectSet: []types.ObjectSpec{{Obj: l.client.ServiceContent.RootFolder,
				SelectSet: []types.BaseSelectionSpec{&types.SelectionSpec{Name: "nobody"}}}},
		}},
	})
	wantFault[*types.InvalidArgument](t, callFault(t, err))
}
