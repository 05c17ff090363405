package inventory

import (
	"context"
	"fmt"
	"net/url"
	"strings"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/pbm"
	"github.com/vmware/govmomi/pbm/types"

	"vrelocate/simulator/internal/scenario"
)

// MakePolicies makes the scenario's storage policies in the running vCenter at address: a rule for each tag, and a
// datastore has to meet them all.
func MakePolicies(ctx context.Context, address *url.URL, policies []scenario.Policy) error {
	if len(policies) == 0 {
		return nil
	}
	// Insecure: we are asking ourselves, in the same process.
	client, err := govmomi.NewClient(ctx, address, true)
	if err != nil {
		return err
	}
	defer func() { _ = client.Logout(ctx) }()
	service, err := pbm.NewClient(ctx, client.Client)
	if err != nil {
		return err
	}
	for _, policy := range policies {
		spec := pbm.CapabilityProfileCreateSpec{
			Name: policy.Name, SubProfileName: "Rule-Set 1", Category: string(types.PbmProfileCategoryEnumREQUIREMENT),
		}
		for _, tag := range policy.Tags {
			category, name, _ := strings.Cut(tag, "/")
			spec.CapabilityList = append(spec.CapabilityList, tagRule(category, name))
		}
		made, err := pbm.CreateCapabilityProfileSpec(spec)
		if err == nil {
			_, err = service.CreateProfile(ctx, *made)
		}
		if err != nil {
			return fmt.Errorf("policy %q: %w", policy.Name, err)
		}
	}
	return nil
}

// tagRule asks for a tag, in the form that the vSphere client gives a rule of tag based placement.
func tagRule(category, name string) pbm.Capability {
	return pbm.Capability{
		Namespace: "http://www.vmware.com/storage/tag",
		ID:        category,
		PropertyList: []pbm.Property{{
			ID:       fmt.Sprintf("com.vmware.storage.tag.%s.property", category),
			Value:    name,
			DataType: "set",
		}},
	}
}
