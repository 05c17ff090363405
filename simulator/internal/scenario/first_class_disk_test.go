package scenario

import (
	"strings"
	"testing"
)

const withFCDs = `
datacenters:
  - name: dc
    clusters: [{name: c, hosts: [h]}]
    datastores: [{name: "ds-{1..2}", capacity: 10GiB, hosts: [c]}]
    fcds:
      - `

func TestFirstClassDisksTakeTurns(t *testing.T) {
	s, err := Parse([]byte(withFCDs + `{name: "vol-{1..3}", datastore: "ds-{1..2}", path: "mine/{1..3}.vmdk", size: 2GiB, kind: thick}`))
	if err != nil {
		t.Fatal(err)
	}
	disks := s.Datacenters[0].FCDs
	if len(disks) != 3 {
		t.Fatalf("%+v", disks)
	}
	last := FirstClassDisk{Name: "vol-3", Datastore: "ds-1", Path: "mine/3.vmdk", Size: 2 << 30, Kind: Thick, Used: 1 << 30}
	if disks[2] != last {
		t.Errorf("%+v, want %+v", disks[2], last)
	}
}

func TestWrongFirstClassDisks(t *testing.T) {
	for disk, says := range map[string]string{
		`{name: a, datastore: none, size: 1GiB}`:                                                 `no datastore "none"`,
		`{name: a, datastore: ds-1}`:                                                             "size is missing",
		`{name: a, datastore: ds-1, size: 1GiB, path: "[ds-1] x.vmdk"}`:                          "without the datastore",
		`{name: a, datastore: ds-1, size: 11GiB, kind: thick}`:                                   "enlarge capacity",
		`{name: "a{1..2}", datastore: ds-1, size: 1GiB, path: "same.vmdk"}`:                      "there twice",
		"{name: a, datastore: ds-1, size: 1GiB}\n      - {name: a, size: 1GiB, datastore: ds-2}": `fcd "a" is there twice`,
	} {
		if _, err := Parse([]byte(withFCDs + disk)); err == nil || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: %v, want %q", disk, err, says)
		}
	}
}
