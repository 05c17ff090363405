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
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"

	"vrelocate/simulator/internal/server"
	"vrelocate/simulator/internal/simulation"
)

// Exit codes. A parent tells a mistake of its own (2) from a port in use or a broken scenario (1).
const (
	exitStopped = 0
	exitFailed  = 1
	exitUsage   = 2
)

// garbagePercent is Go's GOGC unless the environment sets another. With Go's own 100 the 10,000 VMs of bench/simulator.py
// would take twice what they need, more than 600 MB.
const garbagePercent = 60

func main() {
	log.SetOutput(server.QuietLog{Out: os.Stderr}) // the simulator and net/http log there
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(garbagePercent)
	}
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

// serve answers until ctx ends.
func serve(ctx context.Context, opts *options, stdout io.Writer) error {
	sim, err := simulation.Start(ctx, opts.Config)
	if err != nil {
		return err
	}
	defer sim.Stop()

	if opts.readyFile != "" {
		if err := sim.Ready().Write(opts.readyFile); err != nil {
			return err
		}
	}
	fmt.Fprintln(stdout, sim.Ready().URL)

	<-ctx.Done()
	return nil
}
