package vcenter_test

import (
	"testing"

	"github.com/vmware/govmomi/vim25/types"
)

const devices = `
datacenters:
  - name: dc1
    clusters: [{name: a, hosts: [a1]}, {name: b, hosts: [b1]}]
    datastores:
      - {name: old, capacity: 100GiB, hosts: [a, b]}
      - {name: new, capacity: 100GiB, hosts: [a, b]}
      - {name: images, capacity: 100GiB, hosts: [a]}
    vms:
      - {name: bus, cluster: a, datastore: old, running: true, shared_bus: physical, disks: [{size: 1GiB, kind: eager}]}
      - {name: writers, cluster: a, datastore: old, running: true, disks: [{size: 1GiB}, {size: 1GiB, kind: eager, sharing: multi-writer}]}
      - {name: image, cluster: a, datastore: old, cdrom: "[images] os.iso", disks: [{size: 1GiB}]}
`

func TestDevicesKeepRunningVMs(t *testing.T) {
	l := start(t, devices, fast)
	for _, name := range []string{"bus", "writers"} {
		vm := l.vm(name)
		wantFault[*types.DisallowedMigrationDeviceAttached](t, l.ends(l.relocate(vm, to(l.datastore("new")))))
		l.done(vm.PowerOff(t.Context()))
		l.moves(vm, to(l.datastore("new")))
	}

	writers := l.vm("writers") // the disk that others write to stays
	l.done(writers.PowerOn(t.Context()))
	spec := to(l.datastore("old"))
	spec.Disk = []types.VirtualMachineRelocateSpecDiskLocator{{DiskId: 2001, Datastore: l.datastore("new")}}
	l.moves(writers, spec)
}

func TestImagesThatTheTargetDoesNotSee(t *testing.T) {
	l := start(t, devices, fast)
	vm := l.vm("image")
	spec := types.VirtualMachineRelocateSpec{Pool: l.poolAt("b/Resources")}
	results := l.check(vm, spec)
	if len(results) != 1 || kinds(results[0]) != "CannotAccessVmDevice?" {
		t.Fatalf("%+v", results)
	}
	l.moves(vm, spec) // a warning, as long as the drive is not connected
	if host, _, _ := l.runsOn(vm); host != "b1" {
		t.Errorf("it runs on %s", host)
	}
}
