package server

import (
	"context"
	"io"
	"os"
	"time"
)

// parentPoll is how often we look whether the parent is still there.
const parentPoll = 200 * time.Millisecond

// WithParent gives a context that ends when the process that started this one is gone.
//
// Two signs are watched. The parent's process id changes when it dies; Linux's PR_SET_PDEATHSIG would tell sooner, but
// it fires when the *thread* that started us ends, which in a parent with a thread pool is any moment. And when stdin
// is a pipe its end comes with the parent's death even if that happened before we first looked.
func WithParent(ctx context.Context, stdin *os.File) context.Context {
	ctx, cancel := context.WithCancel(ctx)

	if info, err := stdin.Stat(); err == nil && info.Mode()&os.ModeNamedPipe != 0 {
		go func() {
			_, _ = io.Copy(io.Discard, stdin)
			cancel()
		}()
	}

	parent := os.Getppid()
	go func() {
		ticker := time.NewTicker(parentPoll)
		defer ticker.Stop()
		for os.Getppid() == parent {
			select {
			case <-ctx.Done():
				return
			case <-ticker.C:
			}
		}
		cancel()
	}()
	return ctx
}
