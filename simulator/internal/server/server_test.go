package server_test

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vapi/rest"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/server"
)

func start(t *testing.T, opts server.Options) (*server.Server, error) {
	t.Helper()
	model := simulator.VPX()
	model.Machine, model.Host, model.ClusterHost = 0, 0, 1
	if err := model.Create(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(model.Remove)
	srv, err := server.Start(model, opts)
	if err == nil {
		t.Cleanup(srv.Stop)
	}
	return srv, err
}

func TestOnlyTheRightPasswordIsLetIn(t *testing.T) {
	for _, name := range []string{"user", "administrator@vsphere.local"} {
		srv, err := start(t, server.Options{Listen: "127.0.0.1:0", Username: name, Password: "secret"})
		if err != nil {
			t.Fatal(err)
		}
		address := *srv.URL()
		client, err := govmomi.NewClient(t.Context(), &address, true)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		if err := rest.NewClient(client.Client).Login(t.Context(), address.User); err != nil {
			t.Errorf("%s over REST: %v", name, err)
		}
		for _, wrong := range []*url.Userinfo{url.UserPassword(name, "pass"), url.UserPassword("other", "secret"), url.User(name)} {
			address.User = wrong
			_, err := govmomi.NewClient(t.Context(), &address, true)
			if !soap.IsSoapFault(err) {
				t.Fatalf("%s was let in", wrong.Username())
			}
			if _, ok := soap.ToSoapFault(err).VimFault().(types.InvalidLogin); !ok {
				t.Errorf("%v", err)
			}
			if err := rest.NewClient(client.Client).Login(t.Context(), wrong); err == nil {
				t.Errorf("%s was let in over REST", wrong.Username())
			}
		}
	}
}

func TestThumbprintIsTheCertificates(t *testing.T) {
	srv, err := start(t, server.Options{Listen: "127.0.0.1:0", Username: "u", Password: "p"})
	if err != nil {
		t.Fatal(err)
	}
	if seen := thumbprint(t, srv.URL().Host); seen != srv.Ready().Thumbprint {
		t.Errorf("%s is shown, %s is told", seen, srv.Ready().Thumbprint)
	}
}

func thumbprint(t *testing.T, host string) string {
	t.Helper()
	conn, err := tls.Dial("tcp", host, &tls.Config{InsecureSkipVerify: true})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	sum := sha256.Sum256(conn.ConnectionState().PeerCertificates[0].Raw)
	return hex.EncodeToString(sum[:])
}

func TestKeptCertificateStaysTheSame(t *testing.T) {
	dir := t.TempDir()
	opts := server.Options{Listen: "127.0.0.1:0", Username: "u", Password: "p",
		CertFile: filepath.Join(dir, "cert.pem"), KeyFile: filepath.Join(dir, "key.pem")}
	first, err := start(t, opts)
	if err != nil {
		t.Fatal(err)
	}
	second, err := start(t, opts)
	if err != nil {
		t.Fatal(err)
	}
	if first.Ready().Thumbprint != second.Ready().Thumbprint {
		t.Error("another certificate")
	}
	if info, err := os.Stat(opts.KeyFile); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key: %v, %v", info.Mode(), err)
	}
	// With the certificate as CA, a client verifies the server as it should.
	pem, err := os.ReadFile(opts.CertFile)
	if err != nil {
		t.Fatal(err)
	}
	client := soap.NewClient(second.URL(), false)
	if err := client.SetRootCAs(opts.CertFile); err != nil {
		t.Fatalf("%v\n%s", err, pem)
	}
	if res, err := client.Get(second.URL().JoinPath("..", "about").String()); err != nil {
		t.Error(err)
	} else {
		_ = res.Body.Close()
	}

	if err := os.WriteFile(opts.KeyFile, []byte("broken"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := start(t, opts); err == nil || !strings.Contains(err.Error(), opts.KeyFile) {
		t.Errorf("a broken key: %v", err)
	}
}

func TestStartSaysWhatIsWrong(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	cases := map[string]struct {
		opts server.Options
		want string
	}{
		"a port in use":                   {server.Options{Listen: taken.Addr().String()}, "is another program using the port?"},
		"no port":                         {server.Options{Listen: "localhost"}, "is not host:port"},
		"an admin port in use":            {server.Options{Listen: "127.0.0.1:0", Admin: taken.Addr().String()}, "in use"},
		"an admin port open to the world": {server.Options{Listen: "127.0.0.1:0", Admin: "0.0.0.0:0"}, "on loopback alone"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := start(t, c.opts); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func TestAdminPortShowsItsPages(t *testing.T) {
	hello := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("hello")) })
	srv, err := start(t, server.Options{Listen: "127.0.0.1:0", Admin: "127.0.0.1:0",
		Pages: func(*server.Server) map[string]http.Handler { return map[string]http.Handler{"GET /hello": hello} }})
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.Get(srv.Ready().Admin + "/hello")
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("%v, %v", res, err)
	}
	_ = res.Body.Close()
}

func TestReadyFile(t *testing.T) {
	srv, err := start(t, server.Options{Listen: "127.0.0.1:0", Username: "u", Password: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "ready.json")
	if err := srv.Ready().Write(file); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var ready server.Ready
	if err := json.Unmarshal(content, &ready); err != nil || ready != srv.Ready() {
		t.Errorf("%+v, %v", ready, err)
	}
	if strings.Contains(string(content), "secret") {
		t.Error("the password is in it")
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
	if err := srv.Ready().Write(filepath.Join(file, "below")); err == nil || !strings.Contains(err.Error(), "ready file") {
		t.Errorf("%v", err)
	}
}
