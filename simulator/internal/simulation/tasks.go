package simulation

import (
	"math"
	"time"

	"vrelocate/simulator/internal/limits"
	"vrelocate/simulator/internal/scenario"
	"vrelocate/simulator/internal/vcenter"
)

// capacity gives a scenario's limits, a vCenter's own where it says nothing.
func capacity(described scenario.Limits) limits.Capacity {
	return limits.Capacity{
		Tasks:        described.Tasks.Or(limits.Default.Tasks),
		Host:         described.Host.Or(limits.Default.Host),
		Datastore:    described.Datastore.Or(limits.Default.Datastore),
		FCDHost:      described.FCDHost.Or(limits.Default.FCDHost),
		FCDDatastore: described.FCDDatastore.Or(limits.Default.FCDDatastore),
	}
}

// tasks gives how a scenario's vCenter treats its tasks.
func tasks(described scenario.Tasks) vcenter.TaskOptions {
	options := vcenter.DefaultTasks
	set := func(option *time.Duration, span *scenario.Span) {
		if span != nil {
			*option = time.Duration(*span)
		}
	}
	limit := func(option *int, limit *scenario.Limit) {
		if *option = limit.Or(*option); *option == 0 {
			*option = math.MaxInt32
		}
	}
	set(&options.RecentAge, described.RecentAge)
	limit(&options.RecentMax, described.RecentMax)
	set(&options.Retention, described.Retention)
	set(&options.HistoryAge, described.HistoryAge)
	limit(&options.HistoryMax, described.HistoryMax)
	limit(&options.MaxCollectors, described.MaxCollectors)
	set(&options.CancelLatency, described.CancelLatency)
	set(&options.SwitchTime, described.SwitchTime)
	return options
}
