package scenario

import (
	"slices"
	"strings"
	"testing"
)

const chained = `
datacenters:
  - name: dc1
    clusters: [{name: a, hosts: [a1, a2]}]
    datastores:
      - {name: one, capacity: 20GiB, hosts: [a]}
      - {name: two, capacity: 10GiB, hosts: [a2]}
    vms:
      - name: base-{1..2}
        cluster: a
        datastore: one
        disks: [{size: 4GiB, used: 1GiB}]
        snapshots: [{name: clean, used: 2GiB}, {name: later}]
      - name: clone-{1..3}
        cluster: a
        datastore: two
        linked_from: {vm: "base-{1..2}", snapshot: clean, used: 1GiB}
`

func TestLinkedClonesHaveTheDisksOfTheirSource(t *testing.T) {
	s, err := Parse([]byte(chained))
	if err != nil {
		t.Fatal(err)
	}
	dc := &s.Datacenters[0]
	for n, want := range []string{"base-1", "base-2", "base-1"} { // they take turns
		clone := &dc.VMs[2+n]
		if clone.LinkedFrom.VM != want {
			t.Errorf("%s is linked from %s, want %s", clone.Name, clone.LinkedFrom.VM, want)
		}
		if d := clone.Disks; len(d) != 1 || d[0].Size != 4<<30 || d[0].Used != 1<<30 || d[0].Datastore != "two" {
			t.Errorf("%+v", d)
		}
		if hosts := dc.Runners(clone); !slices.Equal(hosts, []string{"a2"}) { // it needs both datastores
			t.Errorf("runs on %v", hosts)
		}
	}
}

func TestChainsThatCannotBe(t *testing.T) {
	for name, c := range map[string]struct{ old, new, want string }{
		"a source that is not there":   {`vm: "base-{1..2}"`, "vm: none", `no vm "none" before it`},
		"a source that is itself":      {`vm: "base-{1..2}"`, "vm: clone-1", `no vm "clone-1" before it`},
		"a snapshot that is not there": {"snapshot: clean", "snapshot: none", `has no snapshot "none"`},
		"disks of its own":             {"linked_from:", "disks: [{size: 1GiB}]\n        linked_from:", "disks go without linked_from"},
		"a snapshot without a name":    {"name: later", "used: 1GiB", "a snapshot has no name"},
		"a snapshot that is there twice": {"name: later", "name: clean",
			`snapshot "clean" is there twice`},
		"a delta larger than its disk":   {"used: 2GiB", "used: 5GiB", "is more than the size of disk 1"},
		"a clone larger than its disk":   {"clean, used: 1GiB", "clean, used: 5GiB", "is more than size"},
		"deltas that do not fit":         {"capacity: 20GiB", "capacity: 5GiB", "lie on it"},
		"a host without the parents":     {"datastore: two\n", "datastore: two\n        host: a1\n", "no host of its cluster mounts all"},
		"a key that linked_from has not": {"used: 1GiB}\n", "size: 1GiB}\n", "unknown field"},
	} {
		t.Run(name, func(t *testing.T) {
			at := strings.LastIndex(chained, c.old)
			if at < 0 {
				t.Fatalf("the scenario has no %q", c.old)
			}
			_, err := Parse([]byte(chained[:at] + c.new + chained[at+len(c.old):]))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}
