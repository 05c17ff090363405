package scenario

import (
	"strings"
	"testing"
)

func TestMistakesInTraitsAreNamed(t *testing.T) {
	for wanted, change := range map[string][2]string{
		`"lun" is not a raw device mapping`:        {"{size: 2GiB}", "{size: 2GiB, rdm: lun}"},
		`sharing "both" is not known`:              {"{size: 2GiB}", "{size: 2GiB, sharing: both}"},
		"a raw device mapping has no content":      {"{size: 2GiB}", "{size: 2GiB, rdm: true, content: x}"},
		`shared_bus "all" is not known`:            {"cluster: a\n", "cluster: a\n        shared_bus: all\n"},
		"an image has the form":                    {"cluster: a\n", "cluster: a\n        cdrom: x.iso\n"},
		`there is no datastore "nowhere"`:          {"cluster: a\n", "cluster: a\n        floppy: \"[nowhere] x.flp\"\n"},
		"no host of its cluster mounts all":        {"cluster: a\n", "cluster: a\n        cdrom: \"[far] x.iso\"\n"},
		"a template neither runs nor is suspended": {"cluster: a\n", "cluster: a\n        template: true\n        running: true\n"},
		"running and suspended at once":            {"cluster: a\n", "cluster: a\n        suspended: true\n        running: true\n"},
		`unknown field "encripted"`:                {"cluster: a\n", "cluster: a\n        encripted: true\n"},
	} {
		text := strings.Replace(small, change[0], change[1], 1)
		if _, err := Parse([]byte(text)); err == nil || !strings.Contains(err.Error(), wanted) {
			t.Errorf("%v, want %q", err, wanted)
		}
	}
}

func TestTraitsAreRead(t *testing.T) {
	text := strings.Replace(small, "disks: [{size: 2GiB}", "cdrom: \"[ds{1..2}] x.iso\"\n        disks: [{size: 2GiB, rdm: physical}", 1)
	s, err := Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	vms := s.Datacenters[0].VMs
	if vms[0].Disks[0].RDM != PhysicalRDM || vms[0].CDROM != "[ds1] x.iso" || vms[1].CDROM != "[ds2] x.iso" {
		t.Errorf("%+v, %+v", vms[0], vms[1])
	}
}
