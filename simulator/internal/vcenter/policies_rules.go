package vcenter

import (
	"fmt"
	"slices"
	"strings"

	pbm "github.com/vmware/govmomi/pbm/types"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// The namespaces of capabilities that we know what to make of.
const (
	tagNamespace  = "http://www.vmware.com/storage/tag" // id: the category
	vsanNamespace = "VSAN"
	pmemNamespace = "PMem"
)

// suits gives why a datastore does not suit a policy's rules; nil if it does. One of the rule sets (sub-profiles) has to
// be met, each rule of it. Rules about tags are looked up; those of vSAN and persistent memory are met by no VMFS or NFS datastore; others
// (encryption, Storage I/O Control) are a host's work, and any datastore will do.
func (p *policies) suits(ds types.ManagedObjectReference, constraints pbm.BasePbmCapabilityConstraints) *pbm.PbmPropertyMismatchFault {
	rules, ok := constraints.(*pbm.PbmCapabilitySubProfileConstraints)
	if !ok {
		return nil // no rules
	}
	var mismatch *pbm.PbmPropertyMismatchFault
	for _, set := range rules.SubProfiles {
		if mismatch = p.suitsAll(ds, set.Capability); mismatch == nil {
			return nil
		}
	}
	return mismatch
}

func (p *policies) suitsAll(ds types.ManagedObjectReference, rules []pbm.PbmCapabilityInstance) *pbm.PbmPropertyMismatchFault {
	for _, rule := range rules {
		for _, constraint := range rule.Constraint {
			for _, property := range constraint.PropertyInstance {
				if p.meets(ds, rule.Id, property) {
					continue
				}
				return &pbm.PbmPropertyMismatchFault{
					PbmCompatibilityCheckFault:  pbm.PbmCompatibilityCheckFault{Hub: pbm.PbmPlacementHub{HubType: ds.Type, HubId: ds.Value}},
					CapabilityInstanceId:        rule.Id,
					RequirementPropertyInstance: property,
				}
			}
		}
	}
	return nil
}

func (p *policies) meets(ds types.ManagedObjectReference, capability pbm.PbmCapabilityMetadataUniqueId, property pbm.PbmCapabilityPropertyInstance) bool {
	switch capability.Namespace {
	case tagNamespace:
		has := slices.ContainsFunc(valuesIn(property.Value), func(tag string) bool {
			return p.tags.has(ds, capability.Id, tag)
		})
		return has != (property.Operator == string(pbm.PbmCapabilityOperatorNOT))
	case vsanNamespace, pmemNamespace: // as are the types of such datastores
		return strings.EqualFold(p.vc.typeOf(ds), capability.Namespace)
	}
	return true
}

// valuesIn gives the values that a property may have: one, or those of a set.
func valuesIn(value types.AnyType) []string {
	var values []types.AnyType
	switch v := value.(type) {
	case pbm.PbmCapabilityDiscreteSet:
		values = v.Values
	case *pbm.PbmCapabilityDiscreteSet:
		values = v.Values
	default:
		values = []types.AnyType{v}
	}
	texts := make([]string, len(values))
	for i := range values {
		texts[i] = fmt.Sprint(values[i])
	}
	return texts
}

// typeOf gives a datastore's summary.type, such as VMFS, NFS or vsan.
func (vc *VCenter) typeOf(ref types.ManagedObjectReference) (kind string) {
	ds, ok := vc.registry.Get(ref).(*simulator.Datastore)
	if !ok {
		return ""
	}
	ctx := vc.newContext()
	ctx.WithLock(ds, func() { kind = ds.Summary.Type })
	return kind
}

// check gives a result for each hub: a datastore, or a pod, which suits if all of its datastores do. Without hubs it is
// asked about all datastores.
func (p *policies) check(hubs []pbm.PbmPlacementHub, wanted []pbm.BasePbmCapabilityConstraints) []pbm.PbmPlacementCompatibilityResult {
	if len(hubs) == 0 {
		for _, ds := range p.vc.registry.All("Datastore") {
			hubs = append(hubs, pbm.PbmPlacementHub{HubType: ds.Reference().Type, HubId: ds.Reference().Value})
		}
		slices.SortFunc(hubs, func(a, b pbm.PbmPlacementHub) int { return strings.Compare(a.HubId, b.HubId) })
	}
	results := make([]pbm.PbmPlacementCompatibilityResult, len(hubs))
	for i, hub := range hubs {
		results[i].Hub = hub
		for _, ds := range p.datastoresOf(hub) {
			for _, constraints := range wanted {
				if mismatch := p.suits(ds, constraints); mismatch != nil {
					results[i].Error = append(results[i].Error, types.LocalizedMethodFault{
						Fault:            mismatch,
						LocalizedMessage: fmt.Sprintf("The datastore does not satisfy %s of the policy.", mismatch.CapabilityInstanceId.Id),
					})
				}
			}
		}
	}
	return results
}

func (p *policies) datastoresOf(hub pbm.PbmPlacementHub) []types.ManagedObjectReference {
	ref := types.ManagedObjectReference{Type: hub.HubType, Value: hub.HubId}
	pod, ok := p.vc.registry.Get(ref).(*simulator.StoragePod)
	if !ok {
		return []types.ManagedObjectReference{ref}
	}
	var children []types.ManagedObjectReference
	ctx := p.vc.newContext()
	ctx.WithLock(pod, func() { children = append(children, pod.ChildEntity...) })
	return children
}
