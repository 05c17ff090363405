package bandwidth

import (
	"context"
	"time"
)

// Stream is a way across links for bytes that come one after another, such as an upload's. As long as it is open it has
// its share of the links.
type Stream struct {
	network  *Network
	transfer *transfer
	debt     float64 // bytes that were taken and have not crossed yet; below 0 what may cross at once
}

const (
	// endless is more than any stream takes between two looks at it, and small enough to be exact to the byte.
	endless = 1 << 50
	// burst is how long a stream may rest and still catch up: its client's pauses are not the links'.
	burst = 100 * time.Millisecond
	// tooShort is not worth a timer.
	tooShort = time.Millisecond
)

// Open opens a stream across links. One that is read from and written to at once is there twice.
func (n *Network) Open(links ...string) *Stream {
	s := &Stream{network: n, transfer: &transfer{links: links, left: endless}}
	n.change(func() { n.copies[s.transfer] = struct{}{} })
	return s
}

// Take returns when so many bytes more have crossed the links, or with ctx's error.
func (s *Stream) Take(ctx context.Context, bytes int) error {
	rate := s.settle()
	s.debt += float64(bytes)
	for {
		wait := time.Duration(min(s.debt/rate, 1e6) * float64(time.Second))
		if wait < tooShort {
			return ctx.Err()
		}
		timer := time.NewTimer(min(Tick, wait))
		select {
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		case <-timer.C:
		}
		rate = s.settle()
	}
}

// settle takes off the debt what has crossed since the last time, and gives the rate.
func (s *Stream) settle() float64 {
	n := s.network
	n.mu.Lock()
	defer n.mu.Unlock()
	t := s.transfer
	t.advance(time.Now())
	s.debt = max(s.debt-(endless-t.left), -t.rate*burst.Seconds())
	t.left = endless
	return t.rate
}

// Close gives the stream's share back.
func (s *Stream) Close() { s.network.change(func() { delete(s.network.copies, s.transfer) }) }
