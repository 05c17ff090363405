package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/vim25/soap"

	"vrelocate/simulator/internal/server"
)

// beProgram makes the test's own binary be the program, so that the tests run it as a process.
const beProgram = "VRELOCATE_VCSIM_TEST_BE_PROGRAM"

func TestMain(m *testing.M) {
	if os.Getenv(beProgram) != "" {
		main()
	}
	os.Exit(m.Run())
}

// program gives the command, with credentials and a folder of its own for what it puts on disk.
func program(t *testing.T, args ...string) (cmd *exec.Cmd, temp string) {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	temp = t.TempDir()
	cmd = exec.Command(self, args...)
	cmd.Env = append(os.Environ(), beProgram+"=1", "TMPDIR="+temp, envUsername+"=user", envPassword+"=secret")
	return cmd, temp
}

// start starts the program, which ends with the test at the latest, and gives the line that it prints.
func (r *running) start(t *testing.T) {
	t.Helper()
	out, err := r.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	r.Stderr = &stderr
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("it printed nothing: %v\n%s", err, stderr.String())
	}
	r.url = strings.TrimSpace(line)
}

type running struct {
	*exec.Cmd
	url string
}

func TestProgramServesAndStops(t *testing.T) {
	ready := filepath.Join(t.TempDir(), "ready.json")
	cmd, temp := program(t, "--scenario", filepath.Join("..", "..", "scenarios", "demo.yaml"),
		"--listen", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--ready-file", ready, "--speed", "1000")
	p := &running{Cmd: cmd}
	p.start(t)

	content, err := os.ReadFile(ready)
	if err != nil {
		t.Fatal(err)
	}
	var told server.Ready
	if err := json.Unmarshal(content, &told); err != nil || told.URL != p.url || told.PID != p.Process.Pid || told.Admin == "" {
		t.Errorf("ready file: %s\nprinted: %s", content, p.url)
	}
	if strings.Contains(p.url, "@") {
		t.Errorf("credentials in %s", p.url)
	}
	address, err := soap.ParseURL("https://user:secret@" + strings.TrimPrefix(told.URL, "https://"))
	if err != nil {
		t.Fatal(err)
	}
	client, err := govmomi.NewClient(t.Context(), address, true)
	if err != nil {
		t.Fatal(err)
	}
	vms, err := find.NewFinder(client.Client).VirtualMachineList(t.Context(), "/dc1/vm/app-*")
	if err != nil || len(vms) != 10 {
		t.Errorf("%d VMs, %v", len(vms), err)
	}

	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Errorf("it ended with %v", err)
	}
	if left, _ := os.ReadDir(temp); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestProgramRefuses(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	demo := filepath.Join("..", "..", "scenarios", "demo.yaml")
	cases := map[string]struct {
		args []string
		code int
		want string
	}{
		"a port in use":          {[]string{"--listen", taken.Addr().String()}, exitFailed, "is another program using the port?"},
		"a password in the open": {[]string{"-password", "x"}, exitUsage, "set VCSIM_PASSWORD"},
		"an unknown flag":        {[]string{"--scenaro", demo}, exitUsage, "-scenaro"},
		"an argument":            {[]string{demo}, exitUsage, "everything is a flag"},
		"half a certificate":     {[]string{"-tlscert", "x"}, exitUsage, "give both or neither"},
		"two inventories":        {[]string{"--scenario", demo, "-vm", "5", "-ds", "2"}, exitUsage, "leave out -ds -vm"},
		"faults on plain":        {[]string{"--plain", "--scenario", demo}, exitUsage, "leave out"},
		"a speed backwards":      {[]string{"--speed", "-2"}, exitUsage, "how many times faster"},
		"no scenario":            {[]string{"--scenario", "none.yaml"}, exitUsage, "none.yaml"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			cmd, temp := program(t, c.args...)
			output, _ := cmd.CombinedOutput()
			if code := cmd.ProcessState.ExitCode(); code != c.code || !strings.Contains(string(output), c.want) {
				t.Errorf("exit %d: %s; want exit %d, %q", code, output, c.code, c.want)
			}
			if left, _ := os.ReadDir(temp); len(left) != 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

func TestProgramDiesWithItsParent(t *testing.T) {
	t.Run("that closes its stdin", func(t *testing.T) {
		cmd, _ := program(t, "--plain", "--listen", "127.0.0.1:0", "--die-with-parent")
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		p := &running{Cmd: cmd}
		p.start(t)
		if err := stdin.Close(); err != nil {
			t.Fatal(err)
		}
		if err := p.Wait(); err != nil {
			t.Error(err)
		}
	})
	t.Run("that is killed", func(t *testing.T) {
		ready := filepath.Join(t.TempDir(), "ready.json")
		child, _ := program(t, "--plain", "--listen", "127.0.0.1:0", "--die-with-parent", "--ready-file", ready)
		// A shell between us and the program; it prints nothing of its own and waits.
		parent := exec.Command("sh", append([]string{"-c", `"$0" "$@" </dev/null & wait`}, child.Args...)...)
		parent.Env = child.Env
		p := &running{Cmd: parent}
		p.start(t)
		if err := p.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		host := strings.TrimSuffix(strings.TrimPrefix(p.url, "https://"), "/sdk")
		for deadline := time.Now().Add(10 * time.Second); ; {
			conn, err := net.DialTimeout("tcp", host, time.Second)
			if err != nil {
				return
			}
			_ = conn.Close()
			if time.Now().After(deadline) {
				t.Fatal("it still answers")
			}
			<-time.After(50 * time.Millisecond)
		}
	})
}

func TestProgramExplainsItself(t *testing.T) {
	cmd, _ := program(t, "-help")
	output, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, flag := range []string{"-scenario", "-plain", "-listen", "-ready-file", "-speed", "-admin", "-dc", "-pod"} {
		if !strings.Contains(string(output), flag) {
			t.Errorf("-help says nothing of %s", flag)
		}
	}
}
