// Command vrelocate-vcsim is the simulated vCenter of vrelocate: govmomi's vcsim with time, truth and faults put on
// top. With --plain it is vcsim exactly as govmomi ships it.
//
// docs/simulator.md is its manual.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/inventory"
	"vrelocate/simulator/internal/server"
	"vrelocate/simulator/internal/vcenter"
)

// Exit codes. A parent tells a mistake of its own (2) from a port in use or a broken scenario (1).
const (
	exitStopped = 0
	exitFailed  = 1
	exitUsage   = 2
)

func main() {
	log.SetOutput(server.QuietLog{Out: os.Stderr}) // the simulator and net/http log there
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	opts, err := parseOptions(args, os.Getenv, stdout)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return exitStopped
	case err != nil:
		fmt.Fprintf(stderr, "vrelocate-vcsim: %s\n", err)
		return exitUsage
	}

	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if opts.dieWithParent {
		// Before the inventory is made: a parent that dies meanwhile must not leave us behind either.
		ctx = server.WithParent(ctx, os.Stdin)
	}

	if err := serve(ctx, opts, stdout); err != nil {
		fmt.Fprintf(stderr, "vrelocate-vcsim: %s\n", err)
		return exitFailed
	}
	return exitStopped
}

// serve makes the inventory, answers until ctx ends, and removes what it put on disk.
func serve(ctx context.Context, opts *options, stdout io.Writer) error {
	if err := opts.model.Create(); err != nil {
		return fmt.Errorf("making the inventory: %w", err)
	}
	defer opts.model.Remove()

	described := new(inventory.Built) // of a scenario; without one it describes nothing
	if opts.scenario != nil {
		var err error
		if described, err = inventory.Build(ctx, opts.model, opts.scenario); err != nil {
			return fmt.Errorf("making the scenario's inventory: %w", err)
		}
	}
	if !opts.plain {
		vc, err := vcenter.TakeOver(opts.model, behaviour(described, opts))
		if err != nil {
			return fmt.Errorf("taking over the inventory: %w", err)
		}
		opts.server.Pages = map[string]http.Handler{"GET /vrelocate/ledger": vc.Ledger()}
	}

	srv, err := server.Start(opts.model, opts.server)
	if err != nil {
		return err
	}
	defer srv.Stop()

	if opts.scenario != nil {
		if err := described.Tag(ctx, srv.URL(), opts.scenario.Tags); err != nil {
			return fmt.Errorf("making the scenario's tags: %w", err)
		}
	}
	if opts.readyFile != "" {
		if err := srv.Ready().Write(opts.readyFile); err != nil {
			return err
		}
	}
	fmt.Fprintln(stdout, srv.Ready().URL)

	<-ctx.Done()
	return nil
}

// behaviour says how the vCenter behaves: its datastores as the scenario has them, its speed, its planned faults.
func behaviour(described *inventory.Built, opts *options) vcenter.Options {
	datastores := make(map[types.ManagedObjectReference]vcenter.DatastoreOptions)
	for ref, ds := range described.Datastores {
		datastores[ref] = vcenter.DatastoreOptions{
			CapacityBytes:      int64(ds.Capacity),
			UsedElsewhereBytes: int64(ds.UsedElsewhere),
			BytesPerSecond:     int64(ds.Rate),
		}
	}
	return vcenter.Options{Datastores: datastores, Speed: opts.speed, Faults: opts.faults}
}
