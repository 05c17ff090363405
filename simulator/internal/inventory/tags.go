package inventory

import (
	"context"
	"fmt"
	"net/url"

	"github.com/vmware/govmomi/vapi/rest"
	"github.com/vmware/govmomi/vapi/tags"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/scenario"
)

func (b *Built) wantTags(ref types.ManagedObjectReference, names []string) {
	if len(names) == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.tagged[ref] = names
}

// Tag makes the scenario's tags and gives them to their objects, over the REST API of the running vCenter at address:
// it is the only place where tags exist.
func (b *Built) Tag(ctx context.Context, address *url.URL, categories []scenario.TagCategory) error {
	if len(categories) == 0 {
		return nil
	}
	// Insecure: we are asking ourselves, in the same process.
	client, err := vim25.NewClient(ctx, soap.NewClient(address, true))
	if err != nil {
		return err
	}
	session := rest.NewClient(client)
	if err := session.Login(ctx, address.User); err != nil {
		return err
	}
	defer func() { _ = session.Logout(ctx) }()
	manager := tags.NewManager(session)

	ids := make(map[string]string)
	for _, category := range categories {
		id, err := manager.CreateCategory(ctx, &tags.Category{Name: category.Category, Cardinality: "MULTIPLE"})
		if err != nil {
			return fmt.Errorf("tag category %q: %w", category.Category, err)
		}
		for _, name := range category.Names {
			tag, err := manager.CreateTag(ctx, &tags.Tag{Name: name, CategoryID: id})
			if err != nil {
				return fmt.Errorf("tag %q: %w", name, err)
			}
			ids[category.Category+"/"+name] = tag
		}
	}
	for ref, names := range b.tagged {
		for _, name := range names {
			if err := manager.AttachTag(ctx, ids[name], ref); err != nil {
				return fmt.Errorf("tag %q on %s: %w", name, ref.Value, err)
			}
		}
	}
	return nil
}
