package vcenter_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/vmware/govmomi/vapi/rest"
	"github.com/vmware/govmomi/vapi/tags"
	"github.com/vmware/govmomi/vim25/mo"
)

func (l *lab) tags() *tags.Manager {
	l.Helper()
	session := rest.NewClient(l.client.Client)
	l.must(session.Login(l.Context(), l.sim.URL().User))
	return tags.NewManager(session)
}

func tagNames(l *lab, manager *tags.Manager, of mo.Reference) []string {
	l.Helper()
	attached, err := manager.GetAttachedTags(l.Context(), of)
	l.must(err)
	var names []string
	for _, tag := range attached {
		names = append(names, tag.Name)
	}
	slices.Sort(names)
	return names
}

func TestCategoryThatAllowsOneTag(t *testing.T) {
	l := start(t, inventory, fast)
	manager := l.tags()
	category, err := manager.CreateCategory(t.Context(), &tags.Category{Name: "only", Cardinality: "SINGLE", AssociableTypes: []string{"Datastore"}})
	l.must(err)
	var ids []string
	for _, name := range []string{"a", "b"} {
		id, err := manager.CreateTag(t.Context(), &tags.Tag{Name: name, CategoryID: category})
		l.must(err)
		ids = append(ids, id)
	}
	old := l.datastore("old")
	l.must(manager.AttachTag(t.Context(), ids[0], old))
	l.must(manager.AttachTag(t.Context(), ids[0], old)) // it is there: no matter
	if err := manager.AttachTag(t.Context(), ids[1], old); err == nil || !strings.Contains(err.Error(), "400") {
		t.Errorf("a second tag: %v", err)
	}
	if err := manager.AttachMultipleTagsToObject(t.Context(), ids, l.datastore("new")); err == nil {
		t.Error("both at once were attached")
	}
	if err := manager.AttachTag(t.Context(), ids[0], l.vm("vm-1").Reference()); err == nil {
		t.Error("a VM has a tag for datastores")
	}
	if names := tagNames(l, manager, old); !slices.Equal(names, []string{"a"}) {
		t.Errorf("tags %v", names)
	}
	l.must(manager.DetachTag(t.Context(), ids[0], old))
	l.must(manager.AttachTag(t.Context(), ids[1], old))
	if names := tagNames(l, manager, old); !slices.Equal(names, []string{"b"}) {
		t.Errorf("tags %v", names)
	}
}

func TestTagsOfAScenarioAreListedFromBothSides(t *testing.T) {
	l := start(t, clustered, fast)
	manager := l.tags()
	if names := tagNames(l, manager, l.datastore("ds2")); !slices.Equal(names, []string{"fast", "gold"}) {
		t.Errorf("tags of ds2: %v", names)
	}
	objects := func(tag string) int {
		found, err := manager.GetTagForCategory(t.Context(), tag, "tier")
		l.must(err)
		attached, err := manager.ListAttachedObjects(t.Context(), found.ID)
		l.must(err)
		return len(attached)
	}
	if objects("gold") != 2 || objects("fast") != 2 {
		t.Errorf("gold is on %d, fast on %d", objects("gold"), objects("fast"))
	}
	var ids []string
	for _, name := range []string{"gold", "fast"} {
		found, err := manager.GetTagForCategory(t.Context(), name, "tier")
		l.must(err)
		ids = append(ids, found.ID)
	}
	l.must(manager.DetachMultipleTagsFromObject(t.Context(), ids, l.datastore("ds2")))
	if objects("gold") != 1 || objects("fast") != 1 {
		t.Errorf("gold is on %d, fast on %d", objects("gold"), objects("fast"))
	}
	vm := l.vm("vm-1")
	l.must(manager.AttachTag(t.Context(), ids[0], vm.Reference()))
	l.does(vm.Relocate(t.Context(), to(l.datastore("ds2")), ""))
	if names := tagNames(l, manager, vm.Reference()); !slices.Equal(names, []string{"gold"}) {
		t.Errorf("a relocated VM's tags: %v", names)
	}
}
