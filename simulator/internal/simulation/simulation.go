// Package simulation puts a simulated vCenter together: an inventory, a behaviour, a server.
package simulation

import (
	"cmp"
	"context"
	"fmt"
	"net/url"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/faultplan"
	"vrelocate/simulator/internal/inventory"
	"vrelocate/simulator/internal/scenario"
	"vrelocate/simulator/internal/server"
	"vrelocate/simulator/internal/vcenter"
)

// Config says what to simulate.
type Config struct {
	Model    *simulator.Model   // the inventory, unless there is a scenario
	Scenario *scenario.Scenario // nil: the model
	Plain    bool               // vcsim as govmomi ships it
	Speed    float64            // how many times faster than the clock copying goes; 0: as the scenario says, or 1
	Server   server.Options
}

// Simulation is a vCenter that answers.
type Simulation struct {
	model  *simulator.Model
	server *server.Server
	vc     *vcenter.VCenter // nil if plain
}

// Start makes the inventory and serves it. It returns when everything answers.
func Start(ctx context.Context, config Config) (*Simulation, error) {
	described := config.Scenario
	if described == nil {
		described = new(scenario.Scenario)
	}
	faults, err := faultplan.New(described.Faults)
	if err != nil {
		return nil, err
	}
	sim := &Simulation{model: config.Model}
	if config.Scenario != nil {
		sim.model = inventory.EmptyModel()
	}
	if err := sim.model.Create(); err != nil {
		return nil, fmt.Errorf("making the inventory: %w", err)
	}
	if err := sim.start(ctx, config, described, faults); err != nil {
		sim.Stop()
		return nil, err
	}
	return sim, nil
}

func (sim *Simulation) start(ctx context.Context, config Config, described *scenario.Scenario, faults *faultplan.Plan) error {
	built, err := inventory.Build(ctx, sim.model, described)
	if err != nil {
		return fmt.Errorf("making the scenario's inventory: %w", err)
	}
	if !config.Plain {
		vc, err := vcenter.TakeOver(sim.model, vcenter.Options{
			Datastores: behaviour(built),
			Speed:      cmp.Or(config.Speed, described.Speed, 1),
			Faults:     faults,
			Tasks:      tasks(described.Tasks),
			Limits:     capacity(described.Limits),
			Relocation: vcenter.RelocationOptions{SwitchEachDisk: described.Relocation.Switch == scenario.SwitchEachDisk},

			CopyDestSpec: described.CopyDestSpec,
		})
		if err != nil {
			return fmt.Errorf("taking over the inventory: %w", err)
		}
		sim.vc = vc
		config.Server.Routes = vc.FolderRoutes(url.UserPassword(config.Server.Username, config.Server.Password))
		config.Server.Extend = vc.ServePolicies
		operate(&config.Server, vc, faults, described)
	}
	if sim.server, err = server.Start(sim.model, config.Server); err != nil {
		return err
	}
	if err := built.Tag(ctx, sim.URL(), described.Tags); err != nil {
		return fmt.Errorf("making the scenario's tags: %w", err)
	}
	if err := inventory.MakePolicies(ctx, sim.URL(), described.Policies); err != nil {
		return fmt.Errorf("making the scenario's storage policies: %w", err)
	}
	return nil
}

// behaviour gives what a scenario says of its datastores to the vCenter that has them.
func behaviour(built *inventory.Built) map[types.ManagedObjectReference]vcenter.DatastoreOptions {
	datastores := make(map[types.ManagedObjectReference]vcenter.DatastoreOptions)
	for ref, ds := range built.Datastores {
		datastores[ref] = vcenter.DatastoreOptions{
			CapacityBytes:      int64(ds.Capacity),
			UsedElsewhereBytes: int64(ds.UsedElsewhere),
			BytesPerSecond:     int64(ds.Rate),
		}
	}
	return datastores
}

// Ready is what a parent needs to know to use the vCenter.
func (sim *Simulation) Ready() server.Ready { return sim.server.Ready() }

// URL gives where the vCenter answers, with the credentials in it. It is never printed.
func (sim *Simulation) URL() *url.URL { return sim.server.URL() }

// Stop ends it and removes what it put on disk.
func (sim *Simulation) Stop() {
	if sim.server != nil {
		sim.server.Stop()
	}
	if sim.vc != nil {
		sim.vc.Close()
	}
	sim.model.Remove()
}
