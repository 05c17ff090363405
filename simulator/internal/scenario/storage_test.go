package scenario

import (
	"reflect"
	"strings"
	"testing"
)

// storage is a scenario with everything unusual about its datastores and hosts.
const storage = `
tags: [{category: tier, names: [gold, fast]}]
policies: [{name: best, tags: [tier/gold, tier/fast]}]
datacenters:
  - name: dc1
    clusters:
      - {name: a, hosts: ["a{1..3}"]}
      - {name: b, hosts: [b1]}
    hosts:
      - {name: "a{2..3}", state: not-responding}
      - {name: b1, maintenance: true}
    datastores:
      - {name: "ds{1..3}", capacity: 10GiB, hosts: [a], mounts: [{host: a1, access: read-only}, {host: "a{2..3}", mounted: false}]}
      - {name: far, capacity: 10GiB, hosts: [b1]}
    storage_pods:
      - {name: pod, datastores: ["ds{1..2}"], automation: automated}
      - {name: pod2, datastores: [far]}
`

func TestStorageIsSpelledOut(t *testing.T) {
	s, err := Parse([]byte(storage))
	if err != nil {
		t.Fatal(err)
	}
	dc := s.Datacenters[0]
	pods := []StoragePod{
		{Name: "pod", Datastores: []string{"ds1", "ds2"}, Automation: DRSAutomated},
		{Name: "pod2", Datastores: []string{"far"}, Automation: DRSManual},
	}
	if !reflect.DeepEqual(dc.StoragePods, pods) {
		t.Errorf("pods: %+v", dc.StoragePods)
	}
	hosts := []Host{{Name: "a2", State: NotResponding}, {Name: "a3", State: NotResponding}, {Name: "b1", Maintenance: true}}
	if !reflect.DeepEqual(dc.Hosts, hosts) {
		t.Errorf("hosts: %+v", dc.Hosts)
	}
	mounts := dc.Datastores[2].Mounts
	if len(mounts) != 3 || mounts[0].Access != ReadOnly || mounts[2].Host != "a3" || *mounts[2].Mounted || mounts[2].Accessible != nil {
		t.Errorf("mounts: %+v", mounts)
	}
	if len(s.Policies) != 1 || s.Policies[0].Name != "best" || len(s.Policies[0].Tags) != 2 {
		t.Errorf("policies: %+v", s.Policies)
	}
}

func TestMistakesOfStorageAreNamed(t *testing.T) {
	cases := map[string]struct{ old, new, want string }{
		"a pod without datastores":      {"datastores: [far]}", "datastores: []}", `storage pod "pod2" has no datastores`},
		"a pod of what is not there":    {"datastores: [far]}", "datastores: [near]}", `there is no datastore "near"`},
		"a datastore of two pods":       {"datastores: [far]}", "datastores: [ds2]}", `datastore "ds2" is there twice`},
		"a pod with a datastore's name": {"name: pod2", "name: ds3", `storage pod "ds3" has the name of a datastore`},
		"two pods of a name":            {"name: pod2", "name: pod", `storage pod "pod" is there twice`},
		"an automation":                 {"automation: automated", "automation: full", `"full" is not an automation`},
		"a mount of a host without":     {"{host: a1,", "{host: b1,", `"b1" is no cluster or host that mounts it`},
		"an access":                     {"access: read-only", "access: none", `"none" is not an access`},
		"a host's state":                {"state: not-responding", "state: asleep", `"asleep" is not a state of a host`},
		"a host that is not there":      {"{name: b1, m", "{name: b2, m", `there is no host "b2"`},
		"a policy without tags":         {"tags: [tier/gold, tier/fast]", "tags: []", `policy "best" asks for no tags`},
		"a policy's tag not declared":   {"[tier/gold, ", "[tier/lead, ", `tag "tier/lead" is not declared`},
		"a policy that is there twice":  {"policies: [", "policies: [{name: best, tags: [tier/gold]}, ", `policy "best" is there twice`},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if !strings.Contains(storage, c.old) {
				t.Fatalf("the scenario has no %q", c.old)
			}
			_, err := Parse([]byte(strings.Replace(storage, c.old, c.new, 1)))
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error %v, want %q", err, c.want)
			}
		})
	}
}
