package scenario

import (
	"strings"
	"testing"
	"time"
)

const somewhere = "datacenters: [{name: dc1}]\n"

func TestLimitsAndTasks(t *testing.T) {
	s, err := Parse([]byte(somewhere + `
limits: {tasks: 100, host: unlimited, datastore: 0}
tasks: {recent_age: 50ms, recent_max: 7, cancel_latency: 1m30s}
`))
	if err != nil {
		t.Fatal(err)
	}
	for what, c := range map[string]struct {
		limit *Limit
		want  int
	}{
		"tasks":          {s.Limits.Tasks, 100},
		"unlimited":      {s.Limits.Host, 0},
		"0":              {s.Limits.Datastore, 0},
		"not given":      {s.Limits.FCDHost, 42},
		"recent_max":     {s.Tasks.RecentMax, 7},
		"max_collectors": {s.Tasks.MaxCollectors, 42},
	} {
		if got := c.limit.Or(42); got != c.want {
			t.Errorf("%s: %d, want %d", what, got, c.want)
		}
	}
	if age := s.Tasks.RecentAge; age == nil || time.Duration(*age) != 50*time.Millisecond {
		t.Errorf("recent_age: %v", age)
	}
	if latency := s.Tasks.CancelLatency; latency == nil || time.Duration(*latency) != 90*time.Second {
		t.Errorf("cancel_latency: %v", latency)
	}
	if s.Tasks.Retention != nil {
		t.Errorf("retention: %v", *s.Tasks.Retention)
	}
}

func TestLimitsThatAreNone(t *testing.T) {
	for _, c := range []struct{ text, says string }{
		{"limits: {host: -1}", `"-1" is not a limit; write a number, or unlimited`},
		{"limits: {host: many}", `"many" is not a limit`},
		{"limits: {network: 4}", "unknown field"},
		{"tasks: {retention: 10}", `"10" is not an amount of time`},
	} {
		_, err := Parse([]byte(somewhere + c.text))
		if err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", c.text, err)
		}
	}
}
