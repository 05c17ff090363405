package scenario

import (
	"strings"
	"testing"
)

const oneDatacenter = "datacenters: [{name: dc1, clusters: [{name: a, hosts: [a1]}]}]\n"

func TestRelocationSwitch(t *testing.T) {
	for text, want := range map[string]Switch{
		"": "", "relocation: {switch: at-end}": SwitchAtEnd, "relocation: {switch: each-disk}": SwitchEachDisk,
	} {
		s, err := Parse([]byte(oneDatacenter + text))
		if err != nil || s.Relocation.Switch != want {
			t.Errorf("%q: %v, %v", text, s, err)
		}
	}
	_, err := Parse([]byte(oneDatacenter + "relocation: {switch: never}"))
	if err == nil || !strings.Contains(err.Error(), "write at-end or each-disk") {
		t.Errorf("%v", err)
	}
}
