// Package bandwidth shares the rates of datastores among the copies that use them, and makes copies take their time.
package bandwidth

import (
	"context"
	"math"
	"sync"
	"time"
)

// Tick is how often, on the wall's clock, a copy says how far it is.
const Tick = 250 * time.Millisecond

// Network is a set of links, the datastores, each with a rate that the copies across it share.
type Network struct {
	speed float64

	mu     sync.Mutex
	links  map[string]float64 // bytes a second
	copies map[*transfer]struct{}
}

// transfer is one copy under way. Its fields belong to the network's lock.
type transfer struct {
	links []string // one that is read from and written to at once is there twice
	left  float64  // bytes
	rate  float64  // bytes a second, of the wall's clock
	since time.Time
}

// New gives a network in which time runs speed times as fast as on the wall.
func New(speed float64) *Network {
	return &Network{speed: speed, links: make(map[string]float64), copies: make(map[*transfer]struct{})}
}

// AddLink sets the rate of a link in bytes a second of its own time.
func (n *Network) AddLink(name string, bytesPerSecond int64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.links[name] = float64(bytesPerSecond)
}

// SetRate changes the rate of a link, also for the copies that cross it; at 0 they stand still.
func (n *Network) SetRate(name string, bytesPerSecond int64) {
	n.change(func() { n.links[name] = float64(bytesPerSecond) })
}

// Copy takes as long as so many bytes take across links, given what else crosses them meanwhile. It calls moved with the
// bytes done so far at the start, at every Tick and at the end, and ends early with ctx or with moved's error.
func (n *Network) Copy(ctx context.Context, links []string, bytes int64, moved func(done int64) error) error {
	t := &transfer{links: links, left: float64(bytes)}
	n.change(func() { n.copies[t] = struct{}{} })
	defer n.change(func() { delete(n.copies, t) })

	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-timer.C:
		}
		left, rate := n.settle(t)
		if err := moved(bytes - int64(math.Ceil(left))); err != nil {
			return err
		}
		if left == 0 {
			return nil
		}
		wait := Tick
		if seconds := left / rate; seconds < Tick.Seconds() { // else it is long, or at no rate for ever
			// One nanosecond more: rounded down, a copy could find a fraction of a byte left over for ever.
			wait = time.Duration(seconds*float64(time.Second)) + 1
		}
		timer.Reset(wait)
	}
}

// settle brings a copy up to date and gives what is left of it and its rate.
func (n *Network) settle(t *transfer) (left, rate float64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	t.advance(time.Now())
	return t.left, t.rate
}

// advance takes what was moved since the last time off what is left.
func (t *transfer) advance(now time.Time) {
	t.left = max(0, t.left-t.rate*now.Sub(t.since).Seconds())
	t.since = now
}

// change lets a copy come or go: all are brought up to date at their old rates and get new ones.
func (n *Network) change(apply func()) {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := time.Now()
	for t := range n.copies {
		t.advance(now)
	}
	apply()
	for t := range n.copies {
		t.since = now
	}
	n.share()
}

// share gives every copy its rate: max-min fair, by progressive filling (Bertsekas and Gallager, Data Networks, 6.5.2).
// The fullest link's capacity is split evenly among its copies; what they leave of other links goes to the others.
func (n *Network) share() {
	left := make(map[string]float64)
	uses := make(map[string]int)
	unset := make(map[*transfer]struct{})
	for t := range n.copies {
		unset[t] = struct{}{}
		for _, link := range t.links {
			left[link] = n.links[link]
			uses[link]++
		}
	}
	for len(unset) > 0 {
		fullest, fair := "", math.Inf(1)
		for link, count := range uses {
			if count > 0 && left[link]/float64(count) < fair {
				fullest, fair = link, left[link]/float64(count)
			}
		}
		for t := range unset {
			if !crosses(t, fullest) {
				continue
			}
			t.rate = fair * n.speed
			delete(unset, t)
			for _, link := range t.links {
				left[link] = max(0, left[link]-fair)
				uses[link]--
			}
		}
	}
}

func crosses(t *transfer, link string) bool {
	for _, name := range t.links {
		if name == link {
			return true
		}
	}
	return false
}
