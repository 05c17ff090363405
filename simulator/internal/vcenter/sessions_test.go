package vcenter_test

import (
	"context"
	"strings"
	"testing"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/property"
	"github.com/vmware/govmomi/session"
	"github.com/vmware/govmomi/vapi/rest"
	"github.com/vmware/govmomi/view"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

func TestDroppedSession(t *testing.T) {
	l := start(t, inventory, stuck)
	other := login(t, l.sim)
	task := l.relocate(l.vm("vm-1"), to(l.datastore("new")))
	waits := make(chan error)
	go func() { // on a collector, as everybody waits
		waits <- property.Wait(context.Background(), property.DefaultCollector(other.Client), task.Reference(), []string{"info.state"},
			func([]types.PropertyChange) bool { return false })
	}()
	l.eventually("the wait", func() bool { return l.ledger().Polls > 0 })

	dropped := l.admin("DELETE", "/sessions?user=nobody", "")["dropped"]
	if dropped != 0.0 {
		t.Errorf("%v sessions of nobody", dropped)
	}
	if dropped = l.admin("DELETE", "/sessions?user=user", "")["dropped"]; dropped != 2.0 {
		t.Errorf("%v sessions dropped", dropped)
	}
	if err := <-waits; err == nil {
		t.Error("the wait for updates outlives its session")
	}
	_, err := methods.GetCurrentTime(t.Context(), l.client)
	wantFault[*types.NotAuthenticated](t, callFault(t, err))
	l.must(session.NewManager(l.client.Client).Login(t.Context(), l.sim.URL().User))
	l.until(task, isRunning) // it goes on by itself
	if logins := l.ledger().Logins; logins.Dropped != 2 || logins.Now != 1 || logins.Most != 2 || logins.Accepted != 3 {
		t.Errorf("%+v", logins)
	}
}

func TestCallsOnTheirWayBringNoSessionBack(t *testing.T) {
	l := start(t, inventory, fast)
	for round := 1; round <= 20; round++ {
		session := login(t, l.sim)
		begun, over := make(chan struct{}, 8), make(chan error)
		for range cap(begun) {
			go func() {
				_, err := methods.GetCurrentTime(context.Background(), session)
				for begun <- struct{}{}; err == nil; {
					_, err = methods.GetCurrentTime(context.Background(), session)
				}
				over <- err
			}()
		}
		for range cap(begun) {
			<-begun
		}
		l.admin("DELETE", "/sessions", "")
		for range cap(begun) {
			wantFault[*types.NotAuthenticated](t, callFault(t, <-over))
		}
		if logins := l.ledger().Logins; logins.Now != 0 || logins.Accepted != round+1 || logins.Dropped != round+1 {
			t.Fatalf("round %d: %+v", round, logins)
		}
	}
}

func TestViewsDieWithTheirSession(t *testing.T) {
	l := start(t, inventory, fast)
	other := login(t, l.sim)
	views, err := view.NewManager(other.Client).CreateListView(t.Context(), nil)
	l.must(err)
	l.admin("DELETE", "/sessions", "")
	l.must(session.NewManager(other.Client).Login(t.Context(), l.sim.URL().User))
	if _, err = views.Add(t.Context(), nil); err == nil {
		t.Fatal("the view is still there")
	}
	wantFault[*types.ManagedObjectNotFound](t, callFault(t, err))
}

func TestIdleSessionExpires(t *testing.T) {
	l := start(t, inventory, fast)
	rests := rest.NewClient(l.client.Client)
	l.must(rests.Login(t.Context(), l.sim.URL().User))
	l.admin("POST", "/sessions", `{"idle": "1ns"}`) // three calls in a row can take less than a millisecond
	l.eventually("the end of the session", func() bool {
		_, err := methods.GetCurrentTime(t.Context(), l.client)
		return err != nil
	})
	if now, err := rests.Session(t.Context()); err == nil && now != nil {
		t.Errorf("REST: %v", now)
	}
	if logins := l.ledger().Logins; logins.Expired != 2 || logins.Now != 0 {
		t.Errorf("%+v", logins)
	}
}

func TestSessionThatWaitsIsNotIdle(t *testing.T) {
	l := start(t, inventory, fast)
	rule := l.plant(`{"do": "hang", "method": "CurrentTime", "at": "after"}`)
	answered := make(chan error)
	go func() {
		_, err := methods.GetCurrentTime(context.Background(), l.client)
		answered <- err
	}()
	l.eventually("the call", func() bool { return l.ledger().Faults["CurrentTime"]["hang"] == 1 })
	other := login(t, l.sim) // which says nothing from now on
	l.admin("POST", "/sessions", `{"idle": "1ns"}`)
	l.eventually("the end of the other session", func() bool {
		_, err := methods.GetCurrentTime(t.Context(), other)
		return err != nil
	})
	if logins := l.ledger().Logins; logins.Expired != 1 || logins.Now != 1 {
		t.Errorf("%+v", logins)
	}
	l.admin("POST", "/sessions", `{"idle": "0s"}`)
	l.admin("DELETE", rule, "")
	l.must(<-answered)
}

func TestTooManySessions(t *testing.T) {
	l := start(t, inventory+"sessions: {max: 3, idle: 1h}\n", fast)
	second := login(t, l.sim)
	l.must(rest.NewClient(second.Client).Login(t.Context(), l.sim.URL().User))
	_, err := govmomi.NewClient(t.Context(), l.sim.URL(), true)
	if err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("a fourth: %v", err)
	}
	if err := rest.NewClient(second.Client).Login(t.Context(), l.sim.URL().User); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("a fourth over REST: %v", err)
	}
	l.must(second.Logout(t.Context()))
	login(t, l.sim)
	if logins := l.ledger().Logins; logins.OverMany != 2 || logins.Most != 3 || logins.Left != 1 {
		t.Errorf("%+v", logins)
	}
}

// TestTimeoutThatAClientSets: vcsim itself ends the session then.
func TestTimeoutThatAClientSets(t *testing.T) {
	l := start(t, inventory, fast)
	options := object.NewOptionManager(l.client.Client, *l.client.ServiceContent.Setting)
	l.must(options.Update(t.Context(), []types.BaseOptionValue{
		&types.OptionValue{Key: "config.vmacore.soap.sessionTimeout", Value: "10ms"},
	}))
	short := login(t, l.sim)
	l.eventually("the end of the session", func() bool {
		_, err := methods.GetCurrentTime(t.Context(), l.client) // ours began before
		l.must(err)
		return l.ledger().Logins.Expired == 1
	})
	_, err := methods.GetCurrentTime(t.Context(), short)
	wantFault[*types.NotAuthenticated](t, callFault(t, err))
}
