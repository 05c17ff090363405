package ledger

import (
	"encoding/json"
	"net/http/httptest"
	"testing"
)

func TestLedgerIsReadAsJSON(t *testing.T) {
	l := New()
	l.Call("user#1", "RelocateVM_Task")
	l.Call("user#2", "RelocateVM_Task")
	l.Start("RelocateVM_Task", "vm-1")
	l.Start("RelocateVM_Task", "vm-2")
	l.Refuse("RelocateVM_Task", "vm-1")
	l.End("RelocateVM_Task", "vm-1", Succeeded)
	l.Start("RelocateVM_Task", "vm-1")
	l.End("RelocateVM_Task", "vm-1", Failed)
	l.End("RelocateVM_Task", "vm-2", Cancelled)
	l.Start("MoveVirtualDisk_Task", "[ds] a.vmdk")
	l.Moved("old", "new", 5)
	l.Moved("old", "old", 2)

	answer := httptest.NewRecorder()
	l.ServeHTTP(answer, nil)
	var page Page
	if err := json.Unmarshal(answer.Body.Bytes(), &page); err != nil {
		t.Fatal(err)
	}
	if page.Calls["RelocateVM_Task"] != 2 || page.Sessions["user#1"]["RelocateVM_Task"] != 1 {
		t.Errorf("calls: %+v", page)
	}
	relocations := page.Operations["RelocateVM_Task"]
	if got, want := *relocations["vm-1"], (Operations{Started: 2, Succeeded: 1, Failed: 1, Overlapping: 1}); got != want {
		t.Errorf("vm-1: %+v, want %+v", got, want)
	}
	if got, want := *relocations["vm-2"], (Operations{Started: 1, Cancelled: 1}); got != want {
		t.Errorf("vm-2: %+v, want %+v", got, want)
	}
	if page.Running != 1 || page.MostRunning != 2 {
		t.Errorf("%d running, %d at most", page.Running, page.MostRunning)
	}
	if old, fresh := *page.Datastores["old"], *page.Datastores["new"]; old != (Traffic{7, 2}) || fresh != (Traffic{0, 5}) {
		t.Errorf("old %+v, new %+v", old, fresh)
	}
}
