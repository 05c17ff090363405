package bandwidth

import (
	"context"
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

const mb = 1_000_000

// planned is a copy that starts after a while, and how long it should take.
type planned struct {
	after time.Duration
	links []string
	bytes int64
	takes time.Duration
}

func TestCopiesShareRates(t *testing.T) {
	cases := map[string]struct {
		speed  float64
		copies []planned
	}{
		"alone, at the slower end's rate": {1, []planned{
			{0, []string{"fast", "slow"}, 100 * mb, time.Second},
		}},
		"time runs faster": {10, []planned{
			{0, []string{"fast", "slow"}, 1000 * mb, time.Second},
		}},
		"two halve the link": {1, []planned{
			{0, []string{"slow"}, 100 * mb, 2 * time.Second},
			{0, []string{"slow"}, 100 * mb, 2 * time.Second},
		}},
		"what one can't use goes to the other": {1, []planned{
			{0, []string{"fast", "slow"}, 100 * mb, time.Second},
			{0, []string{"fast"}, 300 * mb, time.Second},
		}},
		"within one datastore it is read and written": {1, []planned{
			{0, []string{"slow", "slow"}, 100 * mb, 2 * time.Second},
		}},
		"a late one slows the first": {1, []planned{
			{0, []string{"slow"}, 100 * mb, 1500 * time.Millisecond},
			{500 * time.Millisecond, []string{"slow"}, 100 * mb, 1500 * time.Millisecond},
		}},
		"nothing to copy": {1, []planned{{0, []string{"slow"}, 0, 0}}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				network := New(c.speed)
				network.AddLink("fast", 400*mb)
				network.AddLink("slow", 100*mb)
				var all sync.WaitGroup
				for i, p := range c.copies {
					all.Go(func() {
						time.Sleep(p.after)
						start := time.Now()
						err := network.Copy(t.Context(), p.links, p.bytes, func(int64) error { return nil })
						if err != nil {
							t.Errorf("copy %d: %v", i, err)
						}
						// The rate may rise between two ticks; the copy learns of it at the next.
						if took := time.Since(start); took < p.takes || took > p.takes+Tick {
							t.Errorf("copy %d took %v, want %v", i, took, p.takes)
						}
					})
				}
				all.Wait()
			})
		})
	}
}

func TestCopySaysHowFarItIs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := New(1)
		network.AddLink("ds", 100*mb)
		var seen []int64
		err := network.Copy(t.Context(), []string{"ds"}, 100*mb, func(done int64) error {
			seen = append(seen, done)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		want := []int64{0, 25 * mb, 50 * mb, 75 * mb, 100 * mb}
		if len(seen) != len(want) {
			t.Fatalf("steps %v, want %v", seen, want)
		}
		for i := range want {
			if d := seen[i] - want[i]; d < -1 || d > 1 {
				t.Errorf("steps %v, want %v", seen, want)
			}
		}
	})
}

func TestCopyEndsEarly(t *testing.T) {
	t.Run("cancelled", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			network := New(1)
			network.AddLink("ds", mb)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			defer cancel()
			err := network.Copy(ctx, []string{"ds"}, 1000*mb, func(int64) error { return nil })
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("got %v", err)
			}
			if len(network.copies) != 0 {
				t.Error("the copy still has its share")
			}
		})
	})
	t.Run("stopped", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			network := New(1)
			network.AddLink("ds", mb)
			full := errors.New("full")
			err := network.Copy(t.Context(), []string{"ds"}, 1000*mb, func(done int64) error {
				if done >= mb {
					return full
				}
				return nil
			})
			if !errors.Is(err, full) {
				t.Errorf("got %v", err)
			}
		})
	})
}

func TestRateThatChanges(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := New(1)
		network.AddLink("ds", 100*mb)
		start := time.Now()
		for at, rate := range map[time.Duration]int64{time.Second: 0, 3 * time.Second: 200 * mb} {
			time.AfterFunc(at, func() { network.SetRate("ds", rate) })
		}
		// 100 MB in the first second, then 2 s of nothing, then 200 MB in one.
		if err := network.Copy(t.Context(), []string{"ds"}, 300*mb, func(int64) error { return nil }); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(start); took < 4*time.Second || took > 4*time.Second+2*Tick {
			t.Errorf("took %s", took)
		}
	})
}
