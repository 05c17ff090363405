package simulation_test

import (
	"os"
	"slices"
	"testing"

	"github.com/vmware/govmomi"
	"github.com/vmware/govmomi/find"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vapi/rest"
	"github.com/vmware/govmomi/vapi/tags"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/scenario"
	"vrelocate/simulator/internal/server"
	"vrelocate/simulator/internal/simulation"
)

const described = `
tags:
  - {category: tier, names: [gold, silver]}
datacenters:
  - name: dc1
    clusters:
      - {name: a, hosts: ["a{1..2}"]}
    datastores:
      - {name: block, capacity: 3TiB, used_elsewhere: 1TiB, hosts: [a], tags: [tier/gold, tier/silver]}
      - {name: files, type: NFS, capacity: 2TiB, hosts: [a1]}
    vms:
      - {name: vm, cluster: a, datastore: files, cpus: 2, memory: 4GiB, tags: [tier/silver], disks: [{size: 10GiB, used: 1GiB}]}
      - {name: other, cluster: a, host: a2, datastore: block, running: true}
`

var login = server.Options{Listen: "127.0.0.1:0", Username: "user", Password: "pass"}

func parse(t *testing.T, text string) *scenario.Scenario {
	t.Helper()
	s, err := scenario.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// serve starts a simulation and logs in to it.
func serve(t *testing.T, config simulation.Config) (*simulation.Simulation, *govmomi.Client, *find.Finder) {
	t.Helper()
	config.Server = login
	sim, err := simulation.Start(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(sim.Stop)
	client, err := govmomi.NewClient(t.Context(), sim.URL(), true)
	if err != nil {
		t.Fatal(err)
	}
	return sim, client, find.NewFinder(client.Client)
}

func TestScenarioIsThere(t *testing.T) {
	for name, plain := range map[string]bool{"ours": false, "plain": true} {
		t.Run(name, func(t *testing.T) {
			sim, client, finder := serve(t, simulation.Config{Scenario: parse(t, described), Plain: plain})

			var vm mo.VirtualMachine
			found, err := finder.VirtualMachine(t.Context(), "/dc1/vm/vm")
			if err != nil {
				t.Fatal(err)
			}
			if err := client.RetrieveOne(t.Context(), found.Reference(), []string{"config", "runtime"}, &vm); err != nil {
				t.Fatal(err)
			}
			host, err := finder.HostSystem(t.Context(), "/dc1/host/a/a1") // the only one that mounts its datastore
			if err != nil {
				t.Fatal(err)
			}
			hardware := vm.Config.Hardware
			if *vm.Runtime.Host != host.Reference() || hardware.NumCPU != 2 || hardware.MemoryMB != 4096 {
				t.Errorf("on %s, %d CPUs, %d MB", vm.Runtime.Host, hardware.NumCPU, hardware.MemoryMB)
			}
			other, err := finder.VirtualMachine(t.Context(), "/dc1/vm/other")
			if err != nil {
				t.Fatal(err)
			}
			if state, err := other.PowerState(t.Context()); err != nil || state != types.VirtualMachinePowerStatePoweredOn {
				t.Errorf("%s, %v", state, err)
			}
			block, err := finder.Datastore(t.Context(), "/dc1/datastore/block")
			if err != nil {
				t.Fatal(err)
			}
			wantTags(t, client, sim, block.Reference(), "gold", "silver")
			wantTags(t, client, sim, found.Reference(), "silver")
			if !plain {
				wantDatastores(t, client, finder)
			}
		})
	}
}

func wantTags(t *testing.T, client *govmomi.Client, sim *simulation.Simulation, of types.ManagedObjectReference, want ...string) {
	t.Helper()
	session := rest.NewClient(client.Client)
	if err := session.Login(t.Context(), sim.URL().User); err != nil {
		t.Fatal(err)
	}
	attached, err := tags.NewManager(session).GetAttachedTags(t.Context(), of)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, tag := range attached {
		names = append(names, tag.Name)
	}
	slices.Sort(names)
	if !slices.Equal(names, want) {
		t.Errorf("%s has tags %v, want %v", of, names, want)
	}
}

func wantDatastores(t *testing.T, client *govmomi.Client, finder *find.Finder) {
	t.Helper()
	cases := map[string]struct {
		kind           string
		capacity, free int64
		shared         bool
		hosts          int
	}{
		"block": {"VMFS", 3 << 40, 2 << 40, true, 2},
		"files": {"NFS", 2 << 40, 2<<40 - 1<<30, false, 1},
	}
	for name, want := range cases {
		ref, err := finder.Datastore(t.Context(), "/dc1/datastore/"+name)
		if err != nil {
			t.Fatal(err)
		}
		var ds mo.Datastore
		if err := client.RetrieveOne(t.Context(), ref.Reference(), []string{"summary", "host", "info"}, &ds); err != nil {
			t.Fatal(err)
		}
		s := ds.Summary
		const homes = 1 << 20
		if s.Type != want.kind || s.Capacity != want.capacity || want.free-s.FreeSpace > homes || s.FreeSpace > want.free {
			t.Errorf("%s: %s, %d of %d bytes free", name, s.Type, s.FreeSpace, s.Capacity)
		}
		if *s.MultipleHostAccess != want.shared || len(ds.Host) != want.hosts || ds.Info.GetDatastoreInfo().FreeSpace != s.FreeSpace {
			t.Errorf("%s: %d hosts, %+v", name, len(ds.Host), ds.Info.GetDatastoreInfo())
		}
	}
}

func TestModelOfVcsimIsTakenOver(t *testing.T) {
	model := simulator.VPX()
	model.Datacenter, model.Machine = 2, 1
	_, client, finder := serve(t, simulation.Config{Model: model})
	ref, err := finder.Datastore(t.Context(), "/DC1/datastore/LocalDS_0")
	if err != nil {
		t.Fatal(err)
	}
	var ds mo.Datastore
	if err := client.RetrieveOne(t.Context(), ref.Reference(), []string{"summary", "vm"}, &ds); err != nil {
		t.Fatal(err)
	}
	// vcsim's disks are thin, of 10 GiB; half of that is taken to be written.
	used := ds.Summary.Capacity - ds.Summary.FreeSpace
	if want := int64(len(ds.Vm)) * 5 << 30; used < want || used > want+1<<20 {
		t.Errorf("%d bytes used by %d VMs", used, len(ds.Vm))
	}
}

func TestFailedStartLeavesNothing(t *testing.T) {
	temp := t.TempDir()
	t.Setenv("TMPDIR", temp)
	broken := login
	broken.Listen = "nowhere"
	if _, err := simulation.Start(t.Context(), simulation.Config{Scenario: parse(t, described), Server: broken}); err == nil {
		t.Error("it started")
	}
	unknown := parse(t, described+"\nfaults: [{method: RelocateVM_Task, fault: Nonsense}]")
	if _, err := simulation.Start(t.Context(), simulation.Config{Scenario: unknown, Server: login}); err == nil {
		t.Error("it started")
	}
	if left, err := os.ReadDir(temp); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}
