package vcenter_test

import (
	"fmt"
	"slices"
	"testing"

	"github.com/vmware/govmomi/pbm"
	pbmmethods "github.com/vmware/govmomi/pbm/methods"
	pbmtypes "github.com/vmware/govmomi/pbm/types"
	"github.com/vmware/govmomi/vapi/rest"
	"github.com/vmware/govmomi/vapi/tags"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// policyLab is a lab with a client of the storage policy service.
type policyLab struct {
	*lab
	pbm *pbm.Client
}

func startPolicies(t *testing.T) *policyLab {
	t.Helper()
	l := start(t, clustered, fast)
	client, err := pbm.NewClient(t.Context(), l.client.Client)
	l.must(err)
	return &policyLab{l, client}
}

func (l *policyLab) profile(name string) string {
	l.Helper()
	id, err := l.pbm.ProfileIDByName(l.Context(), name)
	l.must(err)
	return id
}

// suiting gives the names of the datastores that suit a policy, after asking in every way.
func (l *policyLab) suiting(policy string) []string {
	l.Helper()
	id := pbmtypes.PbmProfileId{UniqueId: l.profile(policy)}
	required, err := l.pbm.CheckRequirements(l.Context(), nil, nil, []pbmtypes.BasePbmPlacementRequirement{
		&pbmtypes.PbmPlacementCapabilityProfileRequirement{ProfileId: id},
	})
	l.must(err)
	matching, err := pbmmethods.PbmQueryMatchingHub(l.Context(), l.pbm, &pbmtypes.PbmQueryMatchingHub{
		This: l.pbm.ServiceContent.PlacementSolver, Profile: id})
	l.must(err)
	compatible, err := pbmmethods.PbmCheckCompatibility(l.Context(), l.pbm, &pbmtypes.PbmCheckCompatibility{
		This: l.pbm.ServiceContent.PlacementSolver, Profile: id})
	l.must(err)
	hubs := required.CompatibleDatastores()
	if !slices.Equal(hubs, matching.Returnval) ||
		!slices.Equal(hubs, pbm.PlacementCompatibilityResult(compatible.Returnval).CompatibleDatastores()) {
		l.Errorf("%v, %v, %v", hubs, matching.Returnval, compatible.Returnval)
	}
	all, err := l.find.DatastoreList(l.Context(), "*")
	l.must(err)
	var names []string
	for _, ds := range all {
		if slices.Contains(hubs, pbmtypes.PbmPlacementHub{HubType: "Datastore", HubId: ds.Reference().Value}) {
			names = append(names, ds.Name())
		}
	}
	slices.Sort(names)
	return names
}

func TestPoliciesGoByTags(t *testing.T) {
	l := startPolicies(t)
	suits := func(policy string, want ...string) {
		t.Helper()
		if names := l.suiting(policy); !slices.Equal(names, want) {
			t.Errorf("%s: %v, want %v", policy, names, want)
		}
	}
	suits("gold storage", "ds1", "ds2")
	suits("best storage", "ds2")
	suits("vSAN Default Storage Policy")

	// The tags count as they are now.
	session := rest.NewClient(l.client.Client)
	l.must(session.Login(t.Context(), l.sim.URL().User))
	manager := tags.NewManager(session)
	fastTag, err := manager.GetTagForCategory(t.Context(), "fast", "tier")
	l.must(err)
	l.must(manager.AttachTag(t.Context(), fastTag.ID, l.datastore("ds1")))
	suits("best storage", "ds1", "ds2")
	l.must(manager.DetachTag(t.Context(), fastTag.ID, l.datastore("ds2")))
	suits("best storage", "ds1")
	attached, err := manager.GetAttachedTags(t.Context(), l.datastore("ds1"))
	l.must(err)
	if len(attached) != 2 {
		t.Errorf("tags of ds1: %v", attached)
	}

	// A pod suits when all of its datastores do.
	pod := pbmtypes.PbmPlacementHub{HubType: "StoragePod", HubId: l.pod("pod").Self.Value}
	check := func(policy string) bool {
		results, err := l.pbm.CheckRequirements(t.Context(), []pbmtypes.PbmPlacementHub{pod}, nil,
			[]pbmtypes.BasePbmPlacementRequirement{&pbmtypes.PbmPlacementCapabilityProfileRequirement{
				ProfileId: pbmtypes.PbmProfileId{UniqueId: l.profile(policy)}}})
		l.must(err)
		return len(results) == 1 && len(results[0].Error) == 0
	}
	if !check("gold storage") || check("best storage") {
		t.Error("the pod's tags are not its datastores'")
	}
}

func (l *policyLab) policiesOf(objectType pbmtypes.PbmObjectType, key string) []pbmtypes.PbmProfileId {
	l.Helper()
	ids, err := l.pbm.QueryAssociatedProfile(l.Context(), pbmtypes.PbmServerObjectRef{ObjectType: string(objectType), Key: key})
	l.must(err)
	return ids
}

func wants(id string) []types.BaseVirtualMachineProfileSpec {
	return []types.BaseVirtualMachineProfileSpec{&types.VirtualMachineDefinedProfileSpec{ProfileId: id}}
}

func TestPoliciesStayWithVMsAndDisks(t *testing.T) {
	l := startPolicies(t)
	gold, best := l.profile("gold storage"), l.profile("best storage")
	vm := l.vm("vm-1")
	id := vm.Reference().Value
	has := func(objectType pbmtypes.PbmObjectType, key string, want ...string) {
		t.Helper()
		var ids []string
		for _, profile := range l.policiesOf(objectType, key) {
			ids = append(ids, profile.UniqueId)
		}
		slices.Sort(ids)
		slices.Sort(want)
		if !slices.Equal(ids, want) {
			t.Errorf("%s has %v, want %v", key, ids, want)
		}
	}
	compliant := func() string {
		t.Helper()
		results, err := l.pbm.FetchComplianceResult(t.Context(), []pbmtypes.PbmServerObjectRef{{ObjectType: "virtualMachine", Key: id}})
		l.must(err)
		return results[0].ComplianceStatus
	}
	has(pbmtypes.PbmObjectTypeVirtualMachine, id)
	if compliant() != "notApplicable" {
		t.Errorf("%s without a policy", compliant())
	}

	// A relocation brings the VM's and a disk's policy with it.
	spec := to(l.datastore("ds2"))
	spec.Profile = wants(gold)
	spec.Disk = []types.VirtualMachineRelocateSpecDiskLocator{{DiskId: 2000, Datastore: l.datastore("ds2"), Profile: wants(best)}}
	l.does(vm.Relocate(t.Context(), spec, ""))
	has(pbmtypes.PbmObjectTypeVirtualMachine, id, gold)
	has(pbmtypes.PbmObjectTypeVirtualDiskId, id+":2000", best)
	has(pbmtypes.PbmObjectTypeVirtualDiskId, id+":2001")
	has(pbmtypes.PbmObjectTypeVirtualMachineAndDisks, id, gold, best)
	if compliant() != "compliant" {
		t.Errorf("%s on ds2", compliant())
	}
	entities, err := l.pbm.QueryAssociatedEntity(t.Context(), pbmtypes.PbmProfileId{UniqueId: best}, "")
	l.must(err)
	if len(entities) != 1 || entities[0].Key != id+":2000" {
		t.Errorf("%s belongs to %v", best, entities)
	}

	// One that fails does not, and one that names none leaves them.
	bad := to(l.datastore("lost"))
	bad.Profile = wants(best)
	if task, err := vm.Relocate(t.Context(), bad, ""); err == nil && l.ends(task) == nil {
		t.Fatal("it was relocated to a datastore that is lost")
	}
	l.does(vm.Relocate(t.Context(), to(l.datastore("plain")), ""))
	has(pbmtypes.PbmObjectTypeVirtualMachine, id, gold)
	if compliant() != "nonCompliant" {
		t.Errorf("%s on plain, which is not gold", compliant())
	}

	// Reconfiguring changes it; a policy in use is not deleted.
	outcomes, err := l.pbm.DeleteProfile(t.Context(), []pbmtypes.PbmProfileId{{UniqueId: gold}})
	l.must(err)
	if outcomes[0].Fault == nil {
		t.Error("a policy in use was deleted")
	}
	l.does(vm.Reconfigure(t.Context(), types.VirtualMachineConfigSpec{
		VmProfile: []types.BaseVirtualMachineProfileSpec{new(types.VirtualMachineEmptyProfileSpec)}}))
	has(pbmtypes.PbmObjectTypeVirtualMachine, id)
	l.must(vm.Unregister(t.Context()))
	has(pbmtypes.PbmObjectTypeVirtualDiskId, id+":2000")
}

func TestNewVMHasItsPolicies(t *testing.T) {
	l := startPolicies(t)
	gold, best := l.profile("gold storage"), l.profile("best storage")
	folders, err := l.dc.Folders(t.Context())
	l.must(err)
	pool, err := l.find.ResourcePool(t.Context(), "a/Resources")
	l.must(err)
	scsi := &types.ParaVirtualSCSIController{VirtualSCSIController: types.VirtualSCSIController{
		SharedBus: types.VirtualSCSISharingNoSharing, VirtualController: types.VirtualController{VirtualDevice: types.VirtualDevice{Key: -1}}}}
	disk := &types.VirtualDisk{CapacityInKB: 1 << 20, VirtualDevice: types.VirtualDevice{
		Key: -2, ControllerKey: -1, UnitNumber: types.NewInt32(0),
		Backing: &types.VirtualDiskFlatVer2BackingInfo{DiskMode: "persistent", ThinProvisioned: types.NewBool(true)}}}
	task, err := folders.VmFolder.CreateVM(t.Context(), types.VirtualMachineConfigSpec{
		Name: "fresh", GuestId: "otherGuest", Files: &types.VirtualMachineFileInfo{VmPathName: "[ds2]"}, VmProfile: wants(gold),
		DeviceChange: []types.BaseVirtualDeviceConfigSpec{
			&types.VirtualDeviceConfigSpec{Operation: "add", Device: scsi},
			&types.VirtualDeviceConfigSpec{Operation: "add", FileOperation: "create", Device: disk, Profile: wants(best)},
		}}, pool, l.host("a1"))
	l.must(err)
	info, err := task.WaitForResult(t.Context(), nil)
	l.must(err)
	id := info.Result.(types.ManagedObjectReference).Value
	devices, err := l.vm("fresh").Device(t.Context())
	l.must(err)
	key := devices.SelectByType((*types.VirtualDisk)(nil))[0].GetVirtualDevice().Key
	ids := l.policiesOf(pbmtypes.PbmObjectTypeVirtualMachine, id)
	if len(ids) != 1 || ids[0].UniqueId != gold {
		t.Errorf("the VM has %v", ids)
	}
	ref := fmt.Sprintf("%s:%d", id, key)
	if ids := l.policiesOf(pbmtypes.PbmObjectTypeVirtualDiskId, ref); len(ids) != 1 || ids[0].UniqueId != best {
		t.Errorf("disk %s has %v", ref, ids)
	}
}

func TestPolicyNamesAreThereOnce(t *testing.T) {
	l := startPolicies(t)
	spec, err := pbm.CreateCapabilityProfileSpec(pbm.CapabilityProfileCreateSpec{Name: "gold storage", SubProfileName: "a"})
	l.must(err)
	_, err = l.pbm.CreateProfile(t.Context(), *spec)
	if !soap.IsSoapFault(err) {
		t.Fatalf("no fault: %v", err)
	}
	if fault, ok := soap.ToSoapFault(err).VimFault().(pbmtypes.PbmDuplicateName); !ok || fault.Name != "gold storage" {
		t.Errorf("%#v", soap.ToSoapFault(err).VimFault())
	}
}
