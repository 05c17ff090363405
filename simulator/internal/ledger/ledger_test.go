package ledger

import (
	"encoding/json"
	"net/http/httptest"
	"testing"
)

func read(t *testing.T, l *Ledger) (page Page) {
	t.Helper()
	answer := httptest.NewRecorder()
	l.ServeHTTP(answer, nil)
	if err := json.Unmarshal(answer.Body.Bytes(), &page); err != nil {
		t.Fatal(err)
	}
	return page
}

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

	page := read(t, l)
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
	if old, fresh := *page.Datastores["old"], *page.Datastores["new"]; old != (Traffic{ReadBytes: 7, WrittenBytes: 2}) || fresh != (Traffic{WrittenBytes: 5}) {
		t.Errorf("old %+v, new %+v", old, fresh)
	}
}

func TestWorkThatOverlaps(t *testing.T) {
	l := New()
	first := l.Work("vm-1", "app")
	l.Work("vm-2", "app")() // another VM of the same name
	l.Work("", "app")()     // harmless beside anything
	if page := read(t, l); len(page.Overlaps) != 0 || page.Working != 1 || page.MostWorking != 2 {
		t.Errorf("%+v", page)
	}
	second := l.Work("vm-1", "app")
	if page := read(t, l); page.Overlaps["app"] != 1 {
		t.Errorf("%v", page.Overlaps)
	}
	first()
	second()
	l.Work("vm-1", "app")()
	if page := read(t, l); page.Overlaps["app"] != 1 || page.Working != 0 {
		t.Errorf("%+v", page)
	}
}

func TestNewPageKeepsWhatIsNow(t *testing.T) {
	l := New()
	before := read(t, l).Since
	for range 3 {
		l.Start("RelocateVM_Task", "vm")
		l.Login(func(of *Logins) { of.Accepted++; of.Now++ })
	}
	l.End("RelocateVM_Task", "vm", Succeeded)
	l.Login(func(of *Logins) { of.Left++; of.Now-- })
	l.Call("user#1", "WaitForUpdatesEx")
	l.Request("GET /folder", true, 1, 2)
	l.Struck("RelocateVM_Task", "FileLocked")
	l.Sent("ds", 3)
	l.Received("ds", 4)
	l.Queue("RelocateVM_Task", "vm")
	page := read(t, l)
	if page.Polls != 1 || *page.Requests["GET /folder"] != (Requests{1, 1, 1, 2}) || page.Faults["RelocateVM_Task"]["FileLocked"] != 1 ||
		*page.Datastores["ds"] != (Traffic{SentBytes: 3, ReceivedBytes: 4}) || page.Operations["RelocateVM_Task"]["vm"].Queued != 1 {
		t.Errorf("%+v", page)
	}
	if page.Logins != (Logins{Accepted: 3, Left: 1, Now: 2, Most: 3}) {
		t.Errorf("%+v", page.Logins)
	}
	l.Reset()
	page = read(t, l)
	if page.Running != 2 || page.MostRunning != 2 || page.Logins != (Logins{Now: 2, Most: 2}) || !page.Since.After(before) {
		t.Errorf("%+v", page)
	}
	if len(page.Calls)+len(page.Sessions)+len(page.Operations)+len(page.Requests)+len(page.Faults)+len(page.Datastores)+page.Polls != 0 {
		t.Errorf("%+v", page)
	}
}
