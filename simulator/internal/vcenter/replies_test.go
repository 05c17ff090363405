package vcenter_test

import (
	"context"
	"net/http"
	"testing"
	"time"

	"github.com/vmware/govmomi/vapi/rest"
	"github.com/vmware/govmomi/vapi/tags"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

func TestReplyGetsLost(t *testing.T) {
	l := start(t, inventory, fast)
	l.plant(`{"do": "lose", "method": "RelocateVM_Task", "entity": "vm-1"}`)
	relocate := func(name string) error {
		_, err := l.vm(name).Relocate(t.Context(), to(l.datastore("new")), types.VirtualMachineMovePriorityDefaultPriority)
		return err
	}
	l.must(relocate("vm-2")) // no other VM's
	if err := relocate("vm-1"); err == nil || soap.IsSoapFault(err) {
		t.Fatalf("the reply came: %v", err)
	}
	l.eventually("the relocation that nobody was told of", func() bool {
		counts := l.ledger().Operations["RelocateVM_Task"]["vm-1"]
		return counts != nil && counts.Started == 1 && counts.Succeeded == 1
	})
	if home := l.whereIs(l.vm("vm-1")).vmx; home != "[new] vm-1/vm-1.vmx" {
		t.Errorf("home is %s", home)
	}
}

func TestCallGetsLost(t *testing.T) {
	l := start(t, inventory, fast)
	l.plant(`{"do": "lose", "method": "RelocateVM_Task", "at": "before"}`)
	_, err := l.vm("vm-1").Relocate(t.Context(), to(l.datastore("new")), types.VirtualMachineMovePriorityDefaultPriority)
	if err == nil || soap.IsSoapFault(err) {
		t.Fatalf("the reply came: %v", err)
	}
	if calls := l.ledger().Calls["RelocateVM_Task"]; calls != 0 {
		t.Errorf("%d calls arrived", calls)
	}
}

func TestCallHangs(t *testing.T) {
	for at, arrives := range map[string]int{"before": 0, "after": 1} {
		t.Run(at, func(t *testing.T) {
			l := start(t, inventory, fast)
			rule := l.plant(`{"do": "hang", "method": "CurrentTime", "at": "` + at + `"}`)
			answered := make(chan error)
			go func() {
				_, err := methods.GetCurrentTime(context.Background(), l.client)
				answered <- err
			}()
			l.eventually("the hang", func() bool { return l.ledger().Faults["CurrentTime"]["hang"] == 1 })
			l.eventually("the call", func() bool { return l.ledger().Calls["CurrentTime"] == arrives })
			select {
			case err := <-answered:
				t.Fatalf("it is answered: %v", err)
			default:
			}
			l.admin("DELETE", rule, "")
			if err := <-answered; (err == nil) != (at == "after") {
				t.Errorf("released: %v", err)
			}
		})
	}
}

func TestClientGivesUpOnACallThatHangs(t *testing.T) {
	l := start(t, inventory, fast)
	l.plant(`{"do": "hang", "method": "CurrentTime", "times": "always"}`)
	patience, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := methods.GetCurrentTime(patience, l.client); err == nil {
		t.Error("it is answered")
	}
}

func TestCallIsLate(t *testing.T) {
	l := start(t, inventory, fast)
	l.plant(`[{"do": "delay", "for": "30ms"}, {"do": "delay", "method": "CurrentTime", "for": "20ms", "jitter": "5ms", "at": "after"}]`)
	begin := time.Now()
	_, err := methods.GetCurrentTime(t.Context(), l.client)
	l.must(err)
	if took := time.Since(begin); took < 50*time.Millisecond {
		t.Errorf("it took %s", took)
	}
}

func TestOtherPathsFail(t *testing.T) {
	l := start(t, inventory, fast)
	session := rest.NewClient(l.client.Client)
	l.must(session.Login(t.Context(), l.sim.URL().User))
	l.plant(`[{"do": "status", "path": "/rest/com/vmware/cis/tagging", "status": 503}, {"do": "status", "path": "/folder/", "status": 507}]`)
	if _, err := tags.NewManager(session).ListCategories(t.Context()); err == nil {
		t.Error("tags are listed")
	}
	_, err := tags.NewManager(session).ListCategories(t.Context())
	l.must(err)
	if res, _ := l.ask(http.MethodGet, "old", "vm-1/vm-1.vmx", nil); res.StatusCode != 507 {
		t.Errorf("/folder: %d", res.StatusCode)
	}
	page := l.ledger()
	if of := page.Requests["GET /rest"]; of == nil || of.Failed != 1 || of.Count != 2 {
		t.Errorf("%+v", of)
	}
	if of := page.Requests["GET /folder"]; of == nil || of.Failed != 1 {
		t.Errorf("%+v", of)
	}
}
