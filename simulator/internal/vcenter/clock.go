package vcenter

import (
	"sync/atomic"
	"time"
)

// clock is the vCenter's clock, which may be wrong: a machine without NTP is off by minutes, and a client that compares
// a task's times with its own clock finds out too late.
type clock struct {
	offset atomic.Int64 // nanoseconds
}

// now gives the time as the vCenter believes it.
func (vc *VCenter) now() time.Time { return time.Now().Add(vc.ClockOffset()) }

// ClockOffset gives by how much the vCenter's clock is ahead.
func (vc *VCenter) ClockOffset() time.Duration { return time.Duration(vc.clock.offset.Load()) }

// SetClockOffset sets the vCenter's clock ahead, or back. Times that were told before stay as they are.
func (vc *VCenter) SetClockOffset(ahead time.Duration) { vc.clock.offset.Store(int64(ahead)) }
