package scenario

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

func TestNames(t *testing.T) {
	cases := map[string][]string{
		"app":                  {"app"},
		"app-{01..03}":         {"app-01", "app-02", "app-03"},
		"app-{8..11}":          {"app-8", "app-9", "app-10", "app-11"},
		"{1..2}-x":             {"1-x", "2-x"},
		"[ds{1..2}] d{0..1}/a": {"[ds1] d0/a", "[ds1] d1/a", "[ds2] d0/a", "[ds2] d1/a"},
	}
	for pattern, want := range cases {
		got, err := names(pattern)
		if err != nil || !slices.Equal(got, want) {
			t.Errorf("%s: %v, %v; want %v", pattern, got, err, want)
		}
	}
	for _, pattern := range []string{"", " ", "a{", "a{x..y}", "a{3..1}", "a{1..100001}", "{1..1000}{1..1000}"} {
		if got, err := names(pattern); err == nil {
			t.Errorf("%q: %d names, want an error", pattern, len(got))
		}
	}
}

func TestSizes(t *testing.T) {
	cases := map[string]int64{
		"40GiB": 40 << 30, "1.5 GiB": 3 << 29, "2TB": 2e12, "500MB": 5e8, "7KiB": 7 << 10, "12B": 12, "1024": 1024, "0": 0,
	}
	for text, want := range cases {
		if got, ok := parseBytes(text); !ok || got != want {
			t.Errorf("%s: %d, %v; want %d", text, got, ok, want)
		}
	}
	for _, text := range []string{"", "GiB", "-1GiB", "4 gigabytes", "NaN", "1e30", "2EiB"} {
		if got, ok := parseBytes(text); ok {
			t.Errorf("%q is taken for %d bytes", text, got)
		}
	}
}

// small is a scenario to put a mistake into.
const small = `
datacenters:
  - name: dc1
    clusters:
      - {name: a, hosts: ["a{1..2}"]}
      - {name: b, hosts: [b1]}
    datastores:
      - {name: "ds{1..2}", capacity: 10GiB, hosts: [a]}
      - {name: far, capacity: 10GiB, hosts: [b1]}
    vms:
      - name: vm-{1..3}
        cluster: a
        datastore: ds{1..2}
        disks: [{size: 2GiB}, {size: 1GiB, kind: eager}]
    disks:
      - {path: "[far] loose/a.vmdk", size: 4GiB, used: 1GiB}
`

func TestExpansion(t *testing.T) {
	s, err := Parse([]byte(small))
	if err != nil {
		t.Fatal(err)
	}
	dc := s.Datacenters[0]
	if len(dc.Datastores) != 3 || dc.Datastores[0].Rate != DefaultRate || dc.Datastores[1].Type != "VMFS" {
		t.Errorf("datastores: %+v", dc.Datastores)
	}
	var placed []string
	for _, vm := range dc.VMs {
		placed = append(placed, fmt.Sprintf("%s on %s, %v", vm.Name, vm.Disks[1].Datastore, dc.Runners(&vm)))
	}
	want := []string{"vm-1 on ds1, [a1 a2]", "vm-2 on ds2, [a1 a2]", "vm-3 on ds1, [a1 a2]"}
	if !slices.Equal(placed, want) {
		t.Errorf("%v, want %v", placed, want)
	}
	vm := dc.VMs[0]
	if vm.CPUs != 1 || vm.Memory != 1<<30 || vm.Disks[0].Kind != Thin || vm.Disks[0].Used != 1<<30 {
		t.Errorf("defaults: %+v", vm)
	}
	if mounts := dc.Mounts(&dc.Datastores[0]); !slices.Equal(mounts, []string{"a1", "a2"}) {
		t.Errorf("mounts: %v", mounts)
	}
}

func TestMistakesAreNamed(t *testing.T) {
	cases := map[string]struct {
		old, new string // what is replaced in the scenario
		want     string // what the error says
	}{
		"an unknown key, with its line":      {"capacity: 10GiB, hosts: [b1]", "capacity: 10GiB, hostz: [b1]", `[9:38] unknown field "hostz"`},
		"a size, with its line":              {"4GiB", "four", `[16:44] "four" is not a size`},
		"a kind of disk":                     {"eager", "lazy", `"lazy" is not a kind of disk`},
		"a capacity that is missing":         {"{name: far, capacity: 10GiB,", "{name: far,", `datastore "far": capacity is missing`},
		"a size that is missing":             {"size: 4GiB, ", "", "size is missing"},
		"more used than there is":            {"used: 1GiB", "used: 5GiB", "is more than size"},
		"a cluster without hosts":            {"hosts: [b1]}\n    d", "hosts: []}\n    d", `cluster "b" has no hosts`},
		"a mount by nobody":                  {"hosts: [b1]}\n    v", "hosts: [c]}\n    v", `no cluster or host "c"`},
		"a cluster that is not there":        {"cluster: a", "cluster: c", `no cluster "c"`},
		"a datastore that is not there":      {"datastore: ds{1..2}", "datastore: nowhere", `vm "vm-1": there is no datastore "nowhere"`},
		"a datastore of the other cluster":   {"datastore: ds{1..2}", "datastore: far", "no host of its cluster mounts all of its datastores (far)"},
		"two of a name":                      {"{name: b, hosts: [b1]}", "{name: a, hosts: [b1]}", `cluster "a" is there twice`},
		"a name that is missing":             {"name: vm-{1..3}", "name: ''", "a name is missing"},
		"a path that is none":                {`"[far] loose/a.vmdk"`, "loose/a.vmdk", `"[datastore] folder/name.vmdk"`},
		"a path that climbs":                 {"loose/a.vmdk", "../../a.vmdk", `"[datastore] folder/name.vmdk"`},
		"a disk on no datastore":             {"[far] loose", "[gone] loose", `no datastore "gone"`},
		"a tag that is not declared":         {"cluster: a\n", "cluster: a\n        tags: [x/y]\n", `tag "x/y" is not declared`},
		"more on a datastore than it holds":  {"size: 2GiB}", "size: 20GiB, kind: thick}", `datastore "ds1": `},
		"a type of datastore":                {"{name: far,", "{name: far, type: FAT,", `type "FAT" is not known`},
		"a rate":                             {"{name: far,", "{name: far, rate: 5MB,", `"5MB" is not a rate; write 200MB/s`},
		"a host of another cluster":          {"cluster: a\n", "cluster: a\n        host: b1\n", `no host "b1" in cluster "a"`},
		"no datacenter":                      {small, "speed: 2", "there is no datacenter"},
		"an empty file":                      {small, "", "the file is empty"},
		"a speed backwards":                  {small, "speed: -1\n" + small, "speed is -1"},
		"a fault's moment":                   {small, small + "faults: [{method: RelocateVM_Task, fault: FileLocked, at: 140%}]", `"140%" is not a moment`},
		"how often a fault strikes":          {small, small + "faults: [{method: RelocateVM_Task, fault: FileLocked, times: 0}]", `"0" is not a number of times`},
		"a pattern for too much":             {"vm-{1..3}", "vm-{1..900000}", "more than 100000 names"},
		"a value of another type":            {"name: dc1", "name: [dc1]", "cannot unmarshal"},
		"a key that is there twice":          {"name: dc1", "name: dc1\n    name: dc2", "already defined"},
		"a tag category that is there twice": {small, "tags: [{category: c}, {category: c}]\n" + small, `tag category "c" is there twice`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(small, c.old) {
				t.Fatalf("the scenario has no %q", c.old)
			}
			_, err := Parse([]byte(strings.Replace(small, c.old, c.new, 1)))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}

func TestDemo(t *testing.T) {
	if _, err := Load(filepath.Join("..", "..", "scenarios", "demo.yaml")); err != nil {
		t.Error(err)
	}
}

// TestManual loads the example of the manual.
func TestManual(t *testing.T) {
	manual, err := os.ReadFile(filepath.Join("..", "..", "..", "docs", "simulator.md"))
	if err != nil {
		t.Fatal(err)
	}
	examples := 0
	for _, block := range strings.Split(string(manual), "```yaml\n")[1:] {
		text, _, _ := strings.Cut(block, "```")
		if _, err := Parse([]byte(text)); err != nil {
			t.Errorf("%v\n%s", err, text)
		}
		examples++
	}
	if examples == 0 {
		t.Error("the manual has no example")
	}
}

func TestLoadNamesTheFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "broken.yaml")
	if err := os.WriteFile(file, []byte("dc: 1"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{file, file + ".none"} {
		if _, err := Load(name); err == nil || !strings.Contains(err.Error(), name) {
			t.Errorf("%v", err)
		}
	}
}
