package bandwidth

import (
	"context"
	"errors"
	"testing"
	"time"
)

func TestStreamTakesItsTime(t *testing.T) {
	network := New(1)
	network.AddLink("a", 1e6)
	stream := network.Open("a")
	defer stream.Close()
	start := time.Now()
	for range 20 {
		if err := stream.Take(t.Context(), 10_000); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(start); took < 190*time.Millisecond { // 200 KB at 1 MB/s
		t.Errorf("took %s", took)
	}
}

func TestStreamSharesItsLinkAndGivesItBack(t *testing.T) {
	network := New(1)
	network.AddLink("a", 1000)
	first, second := network.Open("a"), network.Open("a")
	defer first.Close()
	if rate := first.settle(); rate != 500 {
		t.Errorf("rate beside another is %g", rate)
	}
	second.Close()
	if rate := first.settle(); rate != 1000 {
		t.Errorf("rate alone is %g", rate)
	}
}

func TestStreamIsStopped(t *testing.T) {
	network := New(1e-6)
	network.AddLink("a", 1)
	stream := network.Open("a")
	defer stream.Close()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- stream.Take(ctx, 1<<30) }()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}
