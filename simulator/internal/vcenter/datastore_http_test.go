package vcenter_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// address gives where a file is to be had, without credentials.
func (l *lab) address(datastore, name string) *url.URL {
	base := l.sim.URL()
	base = &url.URL{Scheme: base.Scheme, Host: base.Host}
	return object.NewDatastoreURL(*base, "/dc1", datastore, name)
}

// ask makes a request, with the session's cookie, and gives the answer with its body read.
func (l *lab) ask(method, datastore, name string, body io.Reader, headers ...string) (*http.Response, []byte) {
	l.Helper()
	req, err := http.NewRequestWithContext(l.Context(), method, l.address(datastore, name).String(), body)
	l.must(err)
	for i := 0; i < len(headers); i += 2 {
		req.Header.Set(headers[i], headers[i+1])
	}
	return l.do(l.client.Client.Client.Client, req)
}

func (l *lab) do(client http.Client, req *http.Request) (*http.Response, []byte) {
	l.Helper()
	res, err := client.Do(req)
	l.must(err)
	defer func() { _ = res.Body.Close() }()
	content, err := io.ReadAll(res.Body)
	l.must(err)
	return res, content
}

func wantStatus(t *testing.T, res *http.Response, status int) {
	t.Helper()
	if res.StatusCode != status {
		t.Errorf("%s %s: %s, want %d", res.Request.Method, res.Request.URL.Path, res.Status, status)
	}
}

// noise gives reproducible bytes.
func noise(length int) []byte {
	content := make([]byte, length)
	_, _ = rand.NewChaCha8([32]byte{}).Read(content)
	return content
}

func TestFolderIsRead(t *testing.T) {
	l := start(t, inventory, fast)
	content := noise(1 << 20)
	res, _ := l.ask("PUT", "new", "made/of/noise.bin", bytes.NewReader(content))
	wantStatus(t, res, http.StatusCreated)

	res, got := l.ask("GET", "new", "made/of/noise.bin", nil)
	wantStatus(t, res, http.StatusOK)
	if !bytes.Equal(got, content) {
		t.Error("not what was put")
	}
	tag := res.Header.Get("ETag")
	res, got = l.ask("HEAD", "new", "made/of/noise.bin", nil)
	wantStatus(t, res, http.StatusOK)
	if res.ContentLength != 1<<20 || res.Header.Get("Accept-Ranges") != "bytes" || len(got) != 0 {
		t.Errorf("HEAD: %d bytes, %v", res.ContentLength, res.Header)
	}
	res, got = l.ask("GET", "new", "made/of/noise.bin", nil, "Range", "bytes=1000000-", "If-Range", tag)
	wantStatus(t, res, http.StatusPartialContent)
	if !bytes.Equal(got, content[1000000:]) || res.Header.Get("Content-Range") != "bytes 1000000-1048575/1048576" {
		t.Errorf("%d bytes, %v", len(got), res.Header)
	}
	res, _ = l.ask("GET", "new", "made/of/noise.bin", nil, "Range", "bytes=2000000-")
	wantStatus(t, res, http.StatusRequestedRangeNotSatisfiable)
	res, got = l.ask("GET", "new", "made/of/noise.bin", nil, "Range", "bytes=1000000-", "If-Range", `"another"`)
	wantStatus(t, res, http.StatusOK)
	if len(got) != 1<<20 {
		t.Errorf("%d bytes of another version", len(got))
	}
	if traffic := l.ledger().Datastores["new"]; traffic.ReceivedBytes != 1<<20 || traffic.SentBytes < 2<<20 {
		t.Errorf("ledger: %+v", traffic)
	}

	for where, wanted := range map[string]string{
		"/folder":                                  "dc1",
		"/folder?dcPath=dc1":                       "third",
		"/folder?dcPath=%2Fdc1&dsName=new":         "made/",
		"/folder/made/of?dcPath=dc1&dsName=new":    "noise.bin",
		"/folder/loose/?dcPath=dc1&dsName=old":     "thin-flat.vmdk",
		"/folder/made/of/noise.bin/../?dsName=new": "noise.bin",
		"/folder/made/%2e%2e/?dsName=new":          "made/",
	} {
		res, page := l.do(l.client.Client.Client.Client, l.request("GET", where))
		wantStatus(t, res, http.StatusOK)
		if !strings.Contains(string(page), wanted+"</a>") {
			t.Errorf("%s lists no %s:\n%s", where, wanted, page)
		}
	}
}

func (l *lab) request(method, where string) *http.Request {
	l.Helper()
	req, err := http.NewRequestWithContext(l.Context(), method, "https://"+l.sim.URL().Host+where, nil)
	l.must(err)
	return req
}

func TestFolderRangeOfHugeExtentIsCheap(t *testing.T) {
	l := start(t, inventory, fast)
	spec := &types.FileBackedVirtualDiskSpec{
		VirtualDiskSpec: types.VirtualDiskSpec{DiskType: "thin", AdapterType: "lsiLogic"}, CapacityKb: 8 << 30}
	task, err := l.disks().CreateVirtualDisk(t.Context(), "[new] huge.vmdk", l.dc, spec)
	l.done(task, err)
	res, got := l.ask("GET", "new", "huge-flat.vmdk", nil, "Range", fmt.Sprintf("bytes=%d-%d", int64(7)<<40, int64(7)<<40+99))
	wantStatus(t, res, http.StatusPartialContent)
	if !bytes.Equal(got, make([]byte, 100)) {
		t.Errorf("%d bytes", len(got))
	}
}

func TestFolderAsksWhoItIs(t *testing.T) {
	l := start(t, inventory, fast)
	nobody := http.Client{Transport: l.client.Client.Client.Client.Transport}
	const file = "/folder/loose/thin.vmdk?dcPath=dc1&dsName=old"
	try := func(want int, change func(*http.Request)) {
		t.Helper()
		req := l.request("GET", file)
		change(req)
		res, _ := l.do(nobody, req)
		wantStatus(t, res, want)
	}
	cookie := func(name, value string) func(*http.Request) {
		return func(r *http.Request) { r.AddCookie(&http.Cookie{Name: name, Value: value}) }
	}
	try(http.StatusUnauthorized, func(*http.Request) {})
	try(http.StatusUnauthorized, func(r *http.Request) { r.SetBasicAuth("user", "wrong") })
	try(http.StatusUnauthorized, cookie("vmware_soap_session", "made-up"))
	try(http.StatusUnauthorized, cookie("vmware_cgi_ticket", "made-up"))
	try(http.StatusOK, func(r *http.Request) { r.SetBasicAuth("user", "pass") })

	var manager mo.SessionManager
	l.read(*l.client.ServiceContent.SessionManager, &manager, "currentSession")
	try(http.StatusOK, cookie("vmware_soap_session", manager.CurrentSession.Key))

	ticket := func(method, where string) string {
		granted, err := l.client.SessionManager.AcquireGenericServiceTicket(t.Context(), &types.SessionManagerHttpServiceRequestSpec{
			Method: method, Url: "https://" + l.sim.URL().Host + where})
		l.must(err)
		return granted.Id
	}
	good := ticket("httpGet", file)
	try(http.StatusOK, cookie("vmware_cgi_ticket", good))
	try(http.StatusUnauthorized, cookie("vmware_cgi_ticket", good)) // it is a one-time credential
	try(http.StatusUnauthorized, cookie("vmware_cgi_ticket", ticket("httpPut", file)))
	try(http.StatusUnauthorized, cookie("vmware_cgi_ticket", ticket("httpGet", "/folder/other?dcPath=dc1&dsName=old")))

	l.must(l.client.Logout(t.Context()))
	try(http.StatusUnauthorized, cookie("vmware_soap_session", manager.CurrentSession.Key))
}

func TestFolderRefuses(t *testing.T) {
	l := start(t, inventory, fast)
	ask := func(status int, method, datastore, name string, headers ...string) {
		t.Helper()
		res, _ := l.ask(method, datastore, name, strings.NewReader("hello"), headers...)
		wantStatus(t, res, status)
	}
	ask(http.StatusNotFound, "GET", "old", "nothing")
	ask(http.StatusNotFound, "GET", "nowhere", "loose/thin.vmdk")
	ask(http.StatusNotFound, "DELETE", "old", "nothing")
	ask(http.StatusMethodNotAllowed, "DELETE", "old", "loose")
	ask(http.StatusConflict, "PUT", "old", "loose")
	ask(http.StatusConflict, "POST", "old", "loose/thin.vmdk")
	ask(http.StatusBadRequest, "PUT", "old", "x", "Content-Range", "bytes 5-1/9")
	ask(http.StatusBadRequest, "PUT", "old", "x", "Content-Range", "bytes 0-5/9")
	ask(http.StatusConflict, "PUT", "old", "x", "Content-Range", "bytes 1-5/9")
	// What a running VM has open.
	ask(http.StatusConflict, "GET", "old", "running/running-flat.vmdk")
	ask(http.StatusConflict, "PUT", "old", "running/running-flat.vmdk")
	ask(http.StatusConflict, "DELETE", "old", "running/running.vmdk")
	ask(http.StatusOK, "GET", "old", "running/running.vmdk")
	ask(http.StatusOK, "GET", "old", "vm-1/vm-1.vmx")
	ask(http.StatusCreated, "POST", "old", "y")
	ask(http.StatusNoContent, "DELETE", "old", "y")
	ask(http.StatusNotFound, "GET", "old", "y")
}

func TestDownloadTakesItsTime(t *testing.T) {
	l := start(t, strings.Replace(inventory, "{name: new, capacity: 100GiB,", "{name: new, capacity: 100GiB, rate: 1MB/s,", 1), 1)
	content := noise(200_000)
	started := time.Now()
	res, _ := l.ask("PUT", "new", "a", bytes.NewReader(content))
	wantStatus(t, res, http.StatusCreated)
	_, got := l.ask("GET", "new", "a", nil)
	if took := time.Since(started); took.Seconds() < 0.39 { // 400 KB at 1 MB/s
		t.Errorf("took %s", took)
	}
	if sha256.Sum256(got) != sha256.Sum256(content) {
		t.Error("not what was put")
	}
}
