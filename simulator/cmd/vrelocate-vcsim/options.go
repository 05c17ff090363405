package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/vmware/govmomi/simulator"

	"vrelocate/simulator/internal/scenario"
	"vrelocate/simulator/internal/simulation"
)

// Environment names of the credentials. They are read from nowhere else: a command line is visible to every user of
// the machine and ends up in logs.
const (
	envUsername = "VCSIM_USERNAME"
	envPassword = "VCSIM_PASSWORD"
)

type options struct {
	simulation.Config
	readyFile     string
	dieWithParent bool
}

// parseOptions reads the command line; getenv is os.Getenv in the program.
func parseOptions(args []string, getenv func(string) string, stdout io.Writer) (*options, error) {
	opts := &options{Config: simulation.Config{Model: simulator.VPX()}}
	flags := flag.NewFlagSet("vrelocate-vcsim", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // main prints the error; the whole list of flags would bury it

	flags.StringVar(&opts.Server.Listen, "listen", "127.0.0.1:8989", "`host:port` to answer on; port 0 is a free one")
	flags.StringVar(&opts.Server.Listen, "l", "127.0.0.1:8989", "vcsim's name for -listen")
	flags.BoolVar(&opts.Plain, "plain", false, "serve vcsim as govmomi ships it, with none of vrelocate's behaviour")
	scenarioFile := flags.String("scenario", "", "YAML `file` that describes the inventory, see docs/simulator.md")
	flags.Float64Var(&opts.Speed, "speed", 0, "copy this many times faster than the clock (default: the scenario's speed, or 1)")
	flags.StringVar(&opts.Server.Admin, "admin", "", "loopback `host:port` of the admin port (plain HTTP); port 0 is a free one")
	flags.StringVar(&opts.readyFile, "ready-file", "", "write `file` (JSON, mode 0600) when everything answers")
	flags.BoolVar(&opts.dieWithParent, "die-with-parent", false,
		"stop when the process that started this one is gone, or closes our stdin if that is a pipe")
	flags.StringVar(&opts.Server.CertFile, "tlscert", "", "PEM `file` of the TLS certificate; made when it does not exist")
	flags.StringVar(&opts.Server.KeyFile, "tlskey", "", "PEM `file` of the TLS key; made when it does not exist")
	flags.Func("password", "not supported: set "+envPassword, func(string) error {
		return fmt.Errorf("passwords are not read from the command line, set %s in the environment", envPassword)
	})
	modelFlags(flags, opts.Model)

	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			flags.SetOutput(stdout)
			flags.PrintDefaults()
		}
		return nil, err
	}
	if extra := flags.Args(); len(extra) != 0 {
		return nil, fmt.Errorf("unexpected argument %q: everything is a flag, see -help", strings.Join(extra, " "))
	}
	if (opts.Server.CertFile == "") != (opts.Server.KeyFile == "") {
		return nil, errors.New("-tlscert and -tlskey go together: give both or neither")
	}

	if err := opts.load(*scenarioFile, flags); err != nil {
		return nil, err
	}

	opts.Server.Username, opts.Server.Password = "user", "pass" // vcsim's own defaults
	if name := getenv(envUsername); name != "" {
		opts.Server.Username = name
	}
	if password := getenv(envPassword); password != "" {
		opts.Server.Password = password
	}
	return opts, nil
}

// load reads the scenario, if there is one, and checks that what it and the flags say goes together.
func (o *options) load(file string, flags *flag.FlagSet) error {
	if o.Speed < 0 {
		return fmt.Errorf("-speed is %g; it is how many times faster than the clock, such as 1 or 60", o.Speed)
	}
	if file != "" {
		if clash := modelFlagsSet(flags); len(clash) != 0 {
			return fmt.Errorf("-scenario describes the whole inventory: leave out -%s", strings.Join(clash, " -"))
		}
		var err error
		if o.Scenario, err = scenario.Load(file); err != nil {
			return err
		}
	}
	if !o.Plain {
		return nil
	}
	if o.Speed != 0 || o.Server.Admin != "" || o.Scenario != nil && behaves(o.Scenario) {
		return errors.New("-plain is vcsim as it is: leave out -speed, -admin and the scenario's faults, sessions and clock")
	}
	return nil
}

// behaves tells whether a scenario asks for more than an inventory.
func behaves(s *scenario.Scenario) bool {
	return len(s.Faults) > 0 || s.Sessions != scenario.Sessions{} || s.Clock != scenario.Clock{}
}

// modelNames are the flags that size vcsim's own model.
var modelNames = []string{"dc", "cluster", "host", "standalone-host", "ds", "vm", "pool", "app", "pod", "pg", "pg-nsx",
	"nsx", "folder", "autostart"}

// modelFlagsSet gives those of modelNames that were set.
func modelFlagsSet(flags *flag.FlagSet) []string {
	var set []string
	flags.Visit(func(f *flag.Flag) {
		if slices.Contains(modelNames, f.Name) {
			set = append(set, f.Name)
		}
	})
	return set
}

// modelFlags are vcsim's flags with vcsim's names and meaning (govmomi's vcsim/main.go), so that whoever knows vcsim
// knows this program.
func modelFlags(flags *flag.FlagSet, model *simulator.Model) {
	flags.IntVar(&model.Datacenter, "dc", model.Datacenter, "number of datacenters")
	flags.IntVar(&model.Cluster, "cluster", model.Cluster, "number of clusters")
	flags.IntVar(&model.ClusterHost, "host", model.ClusterHost, "number of hosts per cluster")
	flags.IntVar(&model.Host, "standalone-host", model.Host, "number of standalone hosts")
	flags.IntVar(&model.Datastore, "ds", model.Datastore, "number of local datastores")
	flags.IntVar(&model.Machine, "vm", model.Machine, "number of virtual machines per resource pool")
	flags.IntVar(&model.Pool, "pool", model.Pool, "number of resource pools per compute resource")
	flags.IntVar(&model.App, "app", model.App, "number of virtual apps per compute resource")
	flags.IntVar(&model.Pod, "pod", model.Pod, "number of storage pods per datacenter")
	flags.IntVar(&model.Portgroup, "pg", model.Portgroup, "number of port groups")
	flags.IntVar(&model.PortgroupNSX, "pg-nsx", model.PortgroupNSX, "number of NSX backed port groups")
	flags.IntVar(&model.OpaqueNetwork, "nsx", model.OpaqueNetwork, "number of NSX backed opaque networks")
	flags.IntVar(&model.Folder, "folder", model.Folder, "number of folders")
	flags.BoolVar(&model.Autostart, "autostart", model.Autostart, "power the virtual machines on")
	version := &model.ServiceContent.About.ApiVersion
	flags.StringVar(version, "api-version", *version, "API version")
}
