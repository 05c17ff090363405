package vcenter_test

import (
	"runtime"
	"testing"
	"time"
	"weak"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/faultplan"
	"vrelocate/simulator/internal/vcenter"
)

// TestSessionLeavesNothingBehind: neither the objects of a session that ends stay in memory, nor do their ears, by which
// each would cost something at every change.
func TestSessionLeavesNothingBehind(t *testing.T) {
	model := simulator.VPX()
	if err := model.Create(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(model.Remove)
	vc, err := vcenter.TakeOver(model, vcenter.Options{Speed: 1, Faults: new(faultplan.Plan)})
	if err != nil {
		t.Fatal(err)
	}
	server := model.Service.NewServer()
	t.Cleanup(server.Close)
	client, err := govmomi.NewClient(t.Context(), server.URL, true)
	if err != nil {
		t.Fatal(err)
	}
	container, err := view.NewManager(client.Client).CreateContainerView(t.Context(), client.ServiceContent.RootFolder, nil, true)
	if err != nil {
		t.Fatal(err)
	}
	collector, err := property.DefaultCollector(client.Client).Create(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := collector.CreateFilter(t.Context(), types.CreateFilter{Spec: types.PropertyFilterSpec{
		ObjectSet: []types.ObjectSpec{{Obj: container.Reference(), SelectSet: []types.BaseSelectionSpec{
			&types.TraversalSpec{Type: "ContainerView", Path: "view"},
		}}},
		PropSet: []types.PropertySpec{{Type: "VirtualMachine", PathSet: []string{"name"}}},
	}}); err != nil {
		t.Fatal(err)
	}

	filters, views := watched(vc)
	if len(filters) != 1 || len(views) != 1 {
		t.Fatalf("%d filters, %d views", len(filters), len(views))
	}
	if dropped := vc.DropSessions(""); dropped != 1 {
		t.Errorf("%d sessions dropped", dropped)
	}
	for deadline := time.Now().Add(10 * time.Second); filters[0].Value() != nil || views[0].Value() != nil; runtime.GC() {
		if time.Now().After(deadline) {
			t.Fatal("the session's objects are still in memory")
		}
	}
}

// watched gives the filters and container views of all sessions, without keeping them.
func watched(vc *vcenter.VCenter) (filters []weak.Pointer[vcenter.PropertyFilter], views []weak.Pointer[simulator.ContainerView]) {
	for _, object := range vc.SessionObjects() {
		switch o := object.(type) {
		case *vcenter.PropertyFilter:
			filters = append(filters, weak.Make(o))
		case *simulator.ContainerView:
			views = append(views, weak.Make(o))
		}
	}
	return filters, views
}
