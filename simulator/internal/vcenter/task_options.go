package vcenter

import "time"

// TaskOptions say how long tasks are known, and how slowly they are cancelled.
type TaskOptions struct {
	// RecentAge and RecentMax limit recentTask: "the completed Task objects by default include only Task objects that
	// completed within the past 10 minutes. When connected to vCenter Server, there is an additional default limitation
	// that each of the completed Task objects in this list is one of the last 200 completed Task objects" (TaskManager).
	RecentAge time.Duration
	RecentMax int
	// Retention is how long after its end a task can be read; then its reference gives ManagedObjectNotFound.
	Retention time.Duration
	// HistoryAge and HistoryMax limit what TaskHistoryCollectors find. A vCenter keeps tasks for 30 days (task.maxAge).
	HistoryAge time.Duration
	HistoryMax int
	// MaxCollectors is how many TaskHistoryCollectors a session may have (TaskManager.maxCollector).
	MaxCollectors int
	// CancelLatency is the time from the answer to CancelTask to when the work hears of it.
	CancelLatency time.Duration
	// SwitchTime is how long what has been copied takes to replace its source. From its beginning on a task can't be
	// cancelled any more.
	SwitchTime time.Duration
}

// DefaultTasks is a vCenter's, but for the size of its history, which is a database there.
var DefaultTasks = TaskOptions{
	RecentAge:     10 * time.Minute,
	RecentMax:     200,
	Retention:     10 * time.Minute,
	HistoryAge:    30 * 24 * time.Hour,
	HistoryMax:    10_000,
	MaxCollectors: 32,
}
