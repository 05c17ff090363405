package vcenter

import (
	"sync"

	pbmsim "github.com/vmware/govmomi/pbm/simulator"
	pbm "github.com/vmware/govmomi/pbm/types"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// policies is the storage policy service ("PBM", VMware Storage Policy API): what policies ask for of datastores, and
// which VMs and disks have one. govmomi's says that every datastore suits every policy, and that nothing has one.
type policies struct {
	vc       *VCenter
	tags     *tagAssociations       // nil until the service answers
	profiles *pbmsim.ProfileManager // nil until the service answers

	editing sync.Mutex // the list of profiles: others than its owner read it too

	mu      sync.Mutex
	of      map[entity]string        // the profile that a VM or a disk has
	pending map[pendingKey]*assigned // what calls under way are about to assign
}

func newPolicies(vc *VCenter) *policies {
	return &policies{vc: vc, of: make(map[entity]string), pending: make(map[pendingKey]*assigned)}
}

// ServePolicies puts our objects in the place of those that govmomi's endpoint registered. Call it when the endpoints
// are registered, and before anybody can ask them.
func (vc *VCenter) ServePolicies(service *simulator.Service) {
	registry := pbmsim.New() // with the policies that a vCenter is born with
	for _, object := range registry.AllReference("PbmProfileProfileManager") {
		vc.policies.profiles, _ = object.(*pbmsim.ProfileManager)
	}
	if vc.policies.profiles == nil {
		return
	}
	vc.policies.tags = serveTags(service.ServeMux)

	registry.Put(&ProfileManager{ProfileManager: vc.policies.profiles, policies: vc.policies})
	registry.Put(&PlacementSolver{Self: policyObject("PbmPlacementSolver", "placementSolver"), policies: vc.policies})
	registry.Put(&ComplianceManager{Self: policyObject("PbmComplianceManager", "complianceManager"), policies: vc.policies})
	service.RegisterSDK(registry)
}

// policyObject names an object as govmomi's PbmServiceInstanceContent does.
func policyObject(kind, value string) types.ManagedObjectReference {
	return types.ManagedObjectReference{Type: kind, Value: value}
}

// profile gives a policy; nil if there is none with that id.
func (p *policies) profile(id string) *pbm.PbmCapabilityProfile {
	p.editing.Lock()
	defer p.editing.Unlock()
	res := p.profiles.PbmRetrieveContent(&pbm.PbmRetrieveContent{ProfileIds: []pbm.PbmProfileId{{UniqueId: id}}})
	if res.Fault() != nil {
		return nil
	}
	for _, found := range profilesIn(res) {
		if profile, ok := found.(pbm.BasePbmCapabilityProfile); ok {
			return profile.GetPbmCapabilityProfile()
		}
	}
	return nil
}
