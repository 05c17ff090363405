package vcenter_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

func (l *lab) checker() types.ManagedObjectReference {
	return *l.client.ServiceContent.VmProvisioningChecker
}

// results waits for a task of the checker and gives what it found.
func (l *lab) results(ref types.ManagedObjectReference) []types.CheckResult {
	l.Helper()
	info, err := object.NewTask(l.client.Client, ref).WaitForResult(l.Context(), nil)
	l.must(err)
	return info.Result.(types.ArrayOfCheckResult).CheckResult
}

func (l *lab) check(vm *object.VirtualMachine, spec types.VirtualMachineRelocateSpec, tests ...types.CheckTestType) []types.CheckResult {
	l.Helper()
	req := &types.CheckRelocate_Task{This: l.checker(), Vm: vm.Reference(), Spec: spec}
	for _, test := range tests {
		req.TestType = append(req.TestType, string(test))
	}
	res, err := methods.CheckRelocate_Task(l.Context(), l.client, req)
	l.must(err)
	return l.results(res.Returnval)
}

// kinds gives the types of the errors and, with a question mark, of the warnings of a result.
func kinds(result types.CheckResult) string {
	var names []string
	for _, one := range result.Error {
		names = append(names, strings.TrimPrefix(fmt.Sprintf("%T", one.Fault), "*types."))
	}
	for _, one := range result.Warning {
		names = append(names, strings.TrimPrefix(fmt.Sprintf("%T", one.Fault), "*types.")+"?")
	}
	return strings.Join(names, " ")
}

func TestCheckAndRelocateAnswerAlike(t *testing.T) {
	l := start(t, inventory, fast)
	vm := l.vm("vm-1")
	child := to(l.datastore("new"))
	child.DiskMoveType = string(types.VirtualMachineRelocateDiskMoveOptionsCreateNewChildDiskBacking)
	child.Disk = []types.VirtualMachineRelocateSpecDiskLocator{{DiskId: 2000, Datastore: l.datastore("old")}}
	big := to(l.datastore("small"))
	big.Disk = []types.VirtualMachineRelocateSpecDiskLocator{
		{DiskId: 2000, Datastore: l.datastore("small"), DiskBackingInfo: formatted(types.NewBool(false), nil)},
	}
	for want, spec := range map[string]types.VirtualMachineRelocateSpec{
		"":                         to(l.datastore("new")),
		"InvalidDatastore":         to(l.datastore("far")),
		"NoDiskSpace":              big,
		"DiskMoveTypeNotSupported": child,
	} {
		results := l.check(vm, spec)
		if len(results) != 1 || kinds(results[0]) != want || *results[0].Vm != vm.Reference() {
			t.Errorf("%q: %+v", want, results)
		}
		fault := l.ends(l.relocate(vm, spec))
		if said := strings.TrimPrefix(fmt.Sprintf("%T", fault), "*types."); said != want && want != "" {
			t.Errorf("RelocateVM_Task says %s, CheckRelocate_Task %s", said, want)
		}
	}
	// Nothing was moved by asking, and the task is one of the VM's own.
	if now := l.whereIs(vm); now.vmx != "[new] vm-1/vm-1.vmx" {
		t.Errorf("home is %s", now.vmx)
	}
	if counts := l.ledger().Operations["CheckRelocate_Task"]["vm-1"]; counts == nil || counts.Succeeded != 4 {
		t.Errorf("ledger: %+v", counts)
	}
}

func TestCheckTellsAllAndHonoursTestTypes(t *testing.T) {
	l := start(t, inventory, fast)
	vm := l.vm("vm-1")
	l.must(vm.MarkAsTemplate(t.Context()))
	l.enterMaintenance("new")
	spec := to(l.datastore("new"))
	for want, tests := range map[string][]types.CheckTestType{
		"NotSupported InvalidDatastoreState": nil,
		"NotSupported":                       {types.CheckTestTypeSourceTests},
		"InvalidDatastoreState":              {types.CheckTestTypeDatastoreTests, types.CheckTestTypeNetworkTests},
		"":                                   {types.CheckTestTypeHostTests, types.CheckTestTypeResourcePoolTests},
	} {
		if results := l.check(vm, spec, tests...); len(results) != 1 || kinds(results[0]) != want {
			t.Errorf("%v: %q", tests, kinds(results[0]))
		}
	}
	_, err := methods.CheckRelocate_Task(t.Context(), l.client, &types.CheckRelocate_Task{
		This: l.checker(), Vm: vm.Reference(), Spec: spec, TestType: []string{"anyTests"},
	})
	wantFault[*types.InvalidArgument](t, callFault(t, err))
}

func TestCheckTestsEveryHost(t *testing.T) {
	l := start(t, twoDatacenters, fast)
	spec := to(l.datastore("some"))
	spec.Pool = l.poolAt("b/Resources")
	found := make(map[string]string)
	for _, result := range l.check(l.vm("off"), spec) {
		found[l.nameOf(*result.Host)] = kinds(result)
	}
	if want := map[string]string{"b1": "InvalidDatastore", "b2": "", "b3": "InvalidDatastore"}; !same(found, want) {
		t.Errorf("%v, want %v", found, want)
	}
}

func TestCheckOfASpecThatMakesNoSense(t *testing.T) {
	l := start(t, inventory, fast)
	spec := to(l.datastore("new"))
	spec.Disk = slices.Repeat([]types.VirtualMachineRelocateSpecDiskLocator{{DiskId: 2000, Datastore: l.datastore("new")}}, 2)
	vm := l.vm("vm-1")
	res, err := methods.CheckRelocate_Task(t.Context(), l.client, &types.CheckRelocate_Task{This: l.checker(), Vm: vm.Reference(), Spec: spec})
	l.must(err)
	argument := wantFault[*types.InvalidArgument](t, l.ends(object.NewTask(l.client.Client, res.Returnval)))
	if argument.InvalidProperty != "spec.disk.diskId" {
		t.Errorf("property is %s", argument.InvalidProperty)
	}
	wantFault[*types.InvalidArgument](t, l.ends(l.relocate(vm, spec)))
}

func TestCheckFindsNetworksAndImages(t *testing.T) {
	l := start(t, twoDatacenters, fast)
	vm := l.vm("on")
	device, err := vm.Device(t.Context())
	l.must(err)
	card := device.SelectByType((*types.VirtualEthernetCard)(nil))[0]
	card.GetVirtualDevice().Backing = &types.VirtualEthernetCardNetworkBackingInfo{
		VirtualDeviceDeviceBackingInfo: types.VirtualDeviceDeviceBackingInfo{DeviceName: "elsewhere"},
	}
	spec := types.VirtualMachineRelocateSpec{
		Host:         l.at("a2"),
		DeviceChange: []types.BaseVirtualDeviceConfigSpec{&types.VirtualDeviceConfigSpec{Device: card, Operation: types.VirtualDeviceConfigSpecOperationEdit}},
	}
	results := l.check(vm, spec, types.CheckTestTypeNetworkTests)
	if got := kinds(results[0]); got != "CannotAccessNetwork" && got != "CannotAccessNetwork?" {
		t.Errorf("%q", got)
	}
	spec.DeviceChange = nil
	if results := l.check(vm, spec); kinds(results[0]) != "" {
		t.Errorf("%q", kinds(results[0]))
	}
}

func TestMigrationAndVMotionAreChecked(t *testing.T) {
	l := start(t, twoDatacenters, fast)
	vm := l.vm("on")
	l.moves(vm, func() types.VirtualMachineRelocateSpec {
		spec := to(l.datastore("some"))
		spec.Pool, spec.Host = l.poolAt("b/Resources"), l.at("b2")
		return spec
	}())
	hosts := []types.ManagedObjectReference{*l.at("b1"), *l.at("b2")}
	res, err := methods.QueryVMotionCompatibilityEx_Task(t.Context(), l.client, &types.QueryVMotionCompatibilityEx_Task{
		This: l.checker(), Vm: []types.ManagedObjectReference{vm.Reference()}, Host: hosts,
	})
	l.must(err)
	results := l.results(res.Returnval)
	if len(results) != 2 || kinds(results[0]) != "InvalidDatastore" || kinds(results[1]) != "" || *results[0].Host != hosts[0] {
		t.Errorf("%+v", results)
	}

	migrate, err := methods.CheckMigrate_Task(t.Context(), l.client, &types.CheckMigrate_Task{
		This: l.checker(), Vm: vm.Reference(), Host: &hosts[0], State: types.VirtualMachinePowerStatePoweredOn,
	})
	l.must(err)
	if results := l.results(migrate.Returnval); len(results) != 1 || kinds(results[0]) != "InvalidDatastore" {
		t.Errorf("%+v", results)
	}
	migrate, err = methods.CheckMigrate_Task(t.Context(), l.client, &types.CheckMigrate_Task{
		This: l.checker(), Vm: vm.Reference(), Host: &hosts[0], State: types.VirtualMachinePowerStatePoweredOff,
	})
	l.must(err)
	wantFault[*types.InvalidPowerState](t, l.ends(object.NewTask(l.client.Client, migrate.Returnval)))
}
