package vcenter

import (
	"slices"
	"strings"

	"github.com/vmware/govmomi/pbm/methods"
	pbmsim "github.com/vmware/govmomi/pbm/simulator"
	pbm "github.com/vmware/govmomi/pbm/types"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// ProfileManager differs from govmomi's in that VMs and disks keep the policies that they were created, reconfigured or
// relocated with, and that a name is there once (PbmProfileProfileManager in the VMware Storage Policy API).
type ProfileManager struct {
	*pbmsim.ProfileManager
	policies *policies
}

// profilesIn gives what PbmRetrieveContent answered.
func profilesIn(res soap.HasFault) []pbm.BasePbmProfile {
	return res.(*methods.PbmRetrieveContentBody).Res.Returnval
}

// PbmCreate makes a policy. PbmDuplicateName if there is one of that name.
func (m *ProfileManager) PbmCreate(ctx *simulator.Context, req *pbm.PbmCreate) soap.HasFault {
	all := m.PbmQueryProfile(&pbm.PbmQueryProfile{ResourceType: req.CreateSpec.ResourceType}).(*methods.PbmQueryProfileBody).Res
	for _, id := range all.Returnval {
		if profile := m.policies.profile(id.UniqueId); profile != nil && profile.Name == req.CreateSpec.Name {
			fault := &pbm.PbmDuplicateName{Name: req.CreateSpec.Name}
			return &methods.PbmCreateBody{Fault_: simulator.Fault("The name '"+fault.Name+"' already exists.", fault)}
		}
	}
	if req.CreateSpec.Category == "" {
		req.CreateSpec.Category = string(pbm.PbmProfileCategoryEnumREQUIREMENT) // "if unset, REQUIREMENT"
	}
	m.policies.editing.Lock()
	defer m.policies.editing.Unlock()
	return m.ProfileManager.PbmCreate(ctx, req)
}

// PbmDelete deletes policies. One that something has stays, and its outcome says so.
func (m *ProfileManager) PbmDelete(req *pbm.PbmDelete) soap.HasFault {
	body := &methods.PbmDeleteBody{Res: new(pbm.PbmDeleteResponse)}
	for _, id := range req.ProfileId {
		outcome := pbm.PbmProfileOperationOutcome{ProfileId: id}
		profile := m.policies.profile(id.UniqueId)
		if profile != nil && len(m.policies.having(id.UniqueId)) > 0 {
			outcome.Fault = &types.LocalizedMethodFault{
				Fault:            &pbm.PbmResourceInUse{Type: "PbmProfile", Name: profile.Name},
				LocalizedMessage: "The policy is in use.",
			}
		} else {
			m.policies.editing.Lock()
			m.ProfileManager.PbmDelete(&pbm.PbmDelete{This: req.This, ProfileId: []pbm.PbmProfileId{id}})
			m.policies.editing.Unlock()
		}
		body.Res.Returnval = append(body.Res.Returnval, outcome)
	}
	return body
}

// PbmQueryAssociatedProfile gives the policies of a VM or a disk.
func (m *ProfileManager) PbmQueryAssociatedProfile(req *pbm.PbmQueryAssociatedProfile) soap.HasFault {
	return &methods.PbmQueryAssociatedProfileBody{Res: &pbm.PbmQueryAssociatedProfileResponse{
		Returnval: m.policies.profilesOf(req.Entity),
	}}
}

// PbmQueryAssociatedProfiles gives the policies of many.
func (m *ProfileManager) PbmQueryAssociatedProfiles(req *pbm.PbmQueryAssociatedProfiles) soap.HasFault {
	res := new(pbm.PbmQueryAssociatedProfilesResponse)
	for _, ref := range req.Entities {
		res.Returnval = append(res.Returnval, pbm.PbmQueryProfileResult{Object: ref, ProfileId: m.policies.profilesOf(ref)})
	}
	return &methods.PbmQueryAssociatedProfilesBody{Res: res}
}

// PbmQueryAssociatedEntity gives the VMs and disks that have a policy, or those of one type.
func (m *ProfileManager) PbmQueryAssociatedEntity(req *pbm.PbmQueryAssociatedEntity) soap.HasFault {
	res := new(pbm.PbmQueryAssociatedEntityResponse)
	for _, e := range m.policies.having(req.Profile.UniqueId) {
		if ref := e.ref(); req.EntityType == "" || req.EntityType == ref.ObjectType {
			res.Returnval = append(res.Returnval, ref)
		}
	}
	return &methods.PbmQueryAssociatedEntityBody{Res: res}
}

// PbmQueryAssociatedEntities gives the VMs and disks that have one of some policies.
func (m *ProfileManager) PbmQueryAssociatedEntities(req *pbm.PbmQueryAssociatedEntities) soap.HasFault {
	res := new(pbm.PbmQueryAssociatedEntitiesResponse)
	for _, id := range req.Profiles {
		for _, e := range m.policies.having(id.UniqueId) {
			res.Returnval = append(res.Returnval, pbm.PbmQueryProfileResult{Object: e.ref(), ProfileId: []pbm.PbmProfileId{id}})
		}
	}
	return &methods.PbmQueryAssociatedEntitiesBody{Res: res}
}

// PlacementSolver says which datastores suit a policy (PbmPlacementSolver); govmomi's says all.
type PlacementSolver struct {
	Self     types.ManagedObjectReference
	policies *policies
}

// Reference gives the object's reference.
func (m *PlacementSolver) Reference() types.ManagedObjectReference { return m.Self }

// PbmCheckCompatibility tells for each datastore why it does not suit a policy.
func (m *PlacementSolver) PbmCheckCompatibility(req *pbm.PbmCheckCompatibility) soap.HasFault {
	body := new(methods.PbmCheckCompatibilityBody)
	profile := m.policies.profile(req.Profile.UniqueId)
	if profile == nil {
		body.Fault_ = refusal(&types.InvalidArgument{InvalidProperty: "profile"})
		return body
	}
	body.Res = &pbm.PbmCheckCompatibilityResponse{
		Returnval: m.policies.check(req.HubsToSearch, []pbm.BasePbmCapabilityConstraints{profile.Constraints}),
	}
	return body
}

// PbmCheckRequirements does so for requirements: policies, or rules that are in none.
func (m *PlacementSolver) PbmCheckRequirements(req *pbm.PbmCheckRequirements) soap.HasFault {
	body := new(methods.PbmCheckRequirementsBody)
	var wanted []pbm.BasePbmCapabilityConstraints
	for _, requirement := range req.PlacementSubjectRequirement {
		switch r := requirement.(type) {
		case *pbm.PbmPlacementCapabilityProfileRequirement:
			profile := m.policies.profile(r.ProfileId.UniqueId)
			if profile == nil {
				body.Fault_ = refusal(&types.InvalidArgument{InvalidProperty: "placementSubjectRequirement"})
				return body
			}
			wanted = append(wanted, profile.Constraints)
		case *pbm.PbmPlacementCapabilityConstraintsRequirement:
			wanted = append(wanted, r.Constraints)
		}
	}
	body.Res = &pbm.PbmCheckRequirementsResponse{Returnval: m.policies.check(req.HubsToSearch, wanted)}
	return body
}

// PbmQueryMatchingHub gives the datastores that suit a policy.
func (m *PlacementSolver) PbmQueryMatchingHub(req *pbm.PbmQueryMatchingHub) soap.HasFault {
	body := new(methods.PbmQueryMatchingHubBody)
	profile := m.policies.profile(req.Profile.UniqueId)
	if profile == nil {
		body.Fault_ = refusal(&types.InvalidArgument{InvalidProperty: "profile"})
		return body
	}
	body.Res = new(pbm.PbmQueryMatchingHubResponse)
	for _, result := range m.policies.check(req.HubsToSearch, []pbm.BasePbmCapabilityConstraints{profile.Constraints}) {
		if len(result.Error) == 0 {
			body.Res.Returnval = append(body.Res.Returnval, result.Hub)
		}
	}
	return body
}

// ComplianceManager says whether VMs and disks lie where their policies want them (PbmComplianceManager); govmomi has
// none. It always looks: a vCenter looks every so often, and on PbmCheckCompliance.
type ComplianceManager struct {
	Self     types.ManagedObjectReference
	policies *policies
}

// Reference gives the object's reference.
func (m *ComplianceManager) Reference() types.ManagedObjectReference { return m.Self }

// PbmFetchComplianceResult gives a result for each entity.
func (m *ComplianceManager) PbmFetchComplianceResult(req *pbm.PbmFetchComplianceResult) soap.HasFault {
	return &methods.PbmFetchComplianceResultBody{Res: &pbm.PbmFetchComplianceResultResponse{
		Returnval: m.policies.comply(req.Entities),
	}}
}

// PbmCheckCompliance gives a result for each entity.
func (m *ComplianceManager) PbmCheckCompliance(req *pbm.PbmCheckCompliance) soap.HasFault {
	return &methods.PbmCheckComplianceBody{Res: &pbm.PbmCheckComplianceResponse{Returnval: m.policies.comply(req.Entities)}}
}

// comply compares where entities lie with what their policies want.
func (p *policies) comply(refs []pbm.PbmServerObjectRef) []pbm.PbmComplianceResult {
	var results []pbm.PbmComplianceResult
	for _, ref := range refs {
		result := pbm.PbmComplianceResult{
			CheckTime: p.vc.now(), Entity: ref, ComplianceStatus: string(pbm.PbmComplianceStatusNotApplicable),
		}
		for _, id := range p.profilesOf(ref) {
			result.Profile = &id
			result.ComplianceStatus = string(pbm.PbmComplianceStatusCompliant)
			profile := p.profile(id.UniqueId)
			if ds := p.placeOf(ref); profile != nil && ds != nil && p.suits(*ds, profile.Constraints) != nil {
				result.ComplianceStatus = string(pbm.PbmComplianceStatusNonCompliant)
				result.Mismatch = true
				break
			}
		}
		results = append(results, result)
	}
	return results
}

// placeOf gives the datastore of a VM's home or of a disk; nil if it has none.
func (p *policies) placeOf(ref pbm.PbmServerObjectRef) (ds *types.ManagedObjectReference) {
	id, _, isDisk := strings.Cut(ref.Key, ":")
	vm, ok := p.vc.registry.Get(types.ManagedObjectReference{Type: "VirtualMachine", Value: id}).(*simulator.VirtualMachine)
	if !ok {
		return nil
	}
	ctx := p.vc.newContext()
	ctx.WithLock(vm, func() {
		datacenter := p.vc.datacenterOf(vm)
		at, _, fault := p.vc.locate(datacenter, vm.Config.Files.VmPathName)
		if isDisk {
			disks := disksOf(vm)
			key := p.entities(ref)
			n := slices.IndexFunc(disks, func(d *types.VirtualDisk) bool { return len(key) > 0 && d.Key == key[0].disk })
			if n < 0 {
				return
			}
			at = p.vc.storeOf(datacenter, disks[n])
		}
		if fault == nil && at != nil {
			ref := at.ref
			ds = &ref
		}
	})
	return ds
}
