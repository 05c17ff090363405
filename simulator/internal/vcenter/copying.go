package vcenter

import (
	"errors"
	"time"

	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/space"
)

// transfer is one disk's way from a datastore to a datastore.
type transfer struct {
	from, to         *store
	fromName, toName string // paths of the disk's descriptors
	bytes            int64
	thin             bool // the target grows with the copy; else all of it is taken at the start
}

// copy takes the time that a transfer takes, and the target's space as it goes. A planned fault strikes at its moment.
func (op *operation) copy(t transfer) types.BaseMethodFault {
	op.change(t.to, t.toName)
	if !t.thin {
		if fault := op.occupy(t, t.bytes); fault != nil {
			return fault
		}
	}
	var counted int64
	links := []string{t.from.ref.Value, t.to.ref.Value}
	return op.pass(links, t.bytes, t.from.url(t.fromName), func(done int64) types.BaseMethodFault {
		op.vc.ledger.Moved(t.from.name, t.to.name, done-counted)
		counted = done
		for _, s := range []*store{t.from, t.to} { // it may be lost in mid-copy
			if fault := s.readable(); fault != nil {
				return fault
			}
		}
		if t.thin {
			return op.occupy(t, done)
		}
		return nil
	})
}

// pass takes the time that bytes take across links, shows how far they are, and calls moved with the bytes done so far.
// It ends early with moved's fault, with a planned one, which may name the file, or when the task is cancelled.
func (op *operation) pass(links []string, bytes int64, file string, moved func(done int64) types.BaseMethodFault) types.BaseMethodFault {
	percent, strikes := op.planned.AtPercent()
	if strikes {
		left := (op.total*int64(percent)+99)/100 - op.done // rounded up: the percent is reached
		if strikes = left < bytes || op.total == 0; strikes {
			bytes = max(0, left)
		}
	}
	err := op.vc.network.Copy(op.copying, links, bytes, func(done int64) error {
		if fault := moved(done); fault != nil {
			return &faultError{fault}
		}
		op.show(op.done + done)
		return nil
	})
	var stopped *faultError
	switch {
	case errors.As(err, &stopped):
		return stopped.fault
	case err != nil:
		return op.stopped()
	}
	op.done += bytes
	op.show(op.done)
	if strikes {
		return op.planned.Strike(file)
	}
	return nil
}

// nothingToCopy lets a cancel or a planned fault have its say when there is no disk to copy.
func (op *operation) nothingToCopy(file string) types.BaseMethodFault {
	if op.copying.Err() != nil {
		return op.stopped()
	}
	return op.planned.Strike(file)
}

// change keeps a file's space from being counted by what lies there: until the operation has ended, or changed is
// called, the file takes what the operation says, for not all that it takes may have been written yet.
func (op *operation) change(s *store, name string) {
	op.changing = append(op.changing, s.account.Change(name))
}

// changed ends what change began.
func (op *operation) changed() {
	for _, done := range op.changing {
		done()
	}
	op.changing = nil
}

// occupy takes space of the target.
func (op *operation) occupy(t transfer, bytes int64) types.BaseMethodFault {
	err := t.to.account.Set(t.toName, bytes)
	op.vc.publish(op.ctx, t.to)
	var full *space.NoSpaceError
	if errors.As(err, &full) {
		return noSpace(t.to, t.toName)
	}
	return nil
}

// show makes the progress known, not more often than every showEvery.
func (op *operation) show(done int64) {
	if op.total == 0 {
		return
	}
	percent := int32(min(99, done*100/op.total)) // the last percent is the switch to the new place
	news := percent != op.percent || op.shownAt.IsZero()
	op.percent = percent
	if news && time.Since(op.shownAt) >= showEvery {
		op.shownAt = time.Now()
		op.update(types.PropertyChange{Name: "info.progress", Val: percent})
	}
}

// faultError carries a fault through code that knows errors.
type faultError struct{ fault types.BaseMethodFault }

func (e *faultError) Error() string { return localized(e.fault).LocalizedMessage }

func noSpace(s *store, name string) types.BaseMethodFault {
	return &types.NoDiskSpace{FileFault: types.FileFault{File: s.url(name)}, Datastore: s.name}
}
