package faultplan

import (
	"context"
	"testing"
	"time"

	"vrelocate/simulator/internal/scenario"
)

func TestTroublesOfACall(t *testing.T) {
	p := plan(t, `[{do: delay, for: 1ms}, {do: lose, method: RelocateVM_Task, entity: vm}, {do: status, path: /rest/, status: 503}]`)
	call := Call{Path: "/sdk", Method: relocate, Entity: func() string { return "vm" }}
	if before := p.Before(call); len(before) != 1 || before[0].Do() != scenario.Delay {
		t.Errorf("before: %v", before)
	}
	if after := p.After(call); len(after) != 1 || after[0].Do() != scenario.LoseReply {
		t.Errorf("after: %v", after)
	}
	if after := p.After(call); len(after) != 0 {
		t.Errorf("after, once more: %v", after)
	}
	rest := p.Before(Call{Path: "/rest/com/vmware/cis/tagging/tag"})
	if len(rest) != 2 || rest[1].Status() != 503 {
		t.Errorf("rest: %v", rest)
	}
}

func TestEntityIsAskedOnlyWhenARuleNamesOne(t *testing.T) {
	p := plan(t, `[{do: lose, method: RelocateVM_Task, entity: vm}, {do: lose, method: CurrentTime}]`)
	p.After(Call{Path: "/sdk", Method: "CurrentTime", Entity: func() string { t.Error("asked"); return "" }})
}

func TestHangEndsWithItsRule(t *testing.T) {
	p := plan(t, `{do: hang, method: CurrentTime, times: always}`)
	troubles := p.Before(Call{Path: "/sdk", Method: "CurrentTime"})
	ended := make(chan struct{})
	go func() {
		troubles[0].Wait(context.Background())
		close(ended)
	}()
	p.LiftAll()
	<-ended

	short := plan(t, `{do: hang, method: CurrentTime, for: 1ms}`)
	start := time.Now()
	short.Before(Call{Path: "/sdk", Method: "CurrentTime"})[0].Wait(context.Background())
	if time.Since(start) < time.Millisecond {
		t.Error("it did not hang")
	}

	gone, cancel := context.WithCancel(context.Background())
	cancel()
	plan(t, `{do: hang}`).Before(Call{Path: "/sdk"})[0].Wait(gone)
}
