package vcenter

import (
	"context"
	"errors"
	"slices"

	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/faultplan"
)

// stoppable makes the operation one that can be cancelled by a user and aborted by what befalls the vCenter.
func (op *operation) stoppable() {
	copying, stop := context.WithCancelCause(context.Background())
	op.copying = copying
	op.cancel = func() { stop(nil) }
	op.abort = func(fault types.BaseMethodFault) { stop(&faultError{fault}) }
}

// stopped says why the work has been stopped before its end.
func (op *operation) stopped() types.BaseMethodFault {
	var aborted *faultError
	if errors.As(context.Cause(op.copying), &aborted) {
		return aborted.fault
	}
	return new(types.RequestCanceled)
}

// asPlanned does the work, and fails it where that is planned: before it for what takes no time (what takes time fails
// in the midst of its copying), or after it, when all is done and yet the task ends in error.
func (op *operation) asPlanned(run work) (types.AnyType, types.BaseMethodFault) {
	defer op.vc.ledger.Work(op.claim, op.name)()
	if !slices.Contains(faultplan.TimedMethods, op.method) {
		if fault := op.planned.Strike(op.name); fault != nil {
			return nil, fault
		}
	}
	result, fault := run(op)
	if fault != nil {
		return nil, fault
	}
	if fault := op.planned.Done(op.name); fault != nil {
		return nil, fault
	}
	return result, nil
}
