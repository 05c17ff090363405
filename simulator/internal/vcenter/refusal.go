package vcenter

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// refusedCall answers a call with a fault in the place of the object that it was for. vcsim answers with the fault of a
// Registry.Handler too, but without the text that a vCenter has in <faultstring>, which is all that pyVmomi shows.
type refusedCall struct {
	self  types.ManagedObjectReference
	fault types.BaseMethodFault
}

// refuse makes a call one for a refusedCall.
func refuse(method *simulator.Method, fault types.BaseMethodFault) mo.Reference {
	call := &refusedCall{self: method.This, fault: fault}
	method.Name = "Refuse"
	method.This = types.ManagedObjectReference{Type: answered, Value: answered}
	return call
}

// Reference implements mo.Reference.
func (c *refusedCall) Reference() types.ManagedObjectReference { return c.self }

// Lock and Unlock keep vcsim from locking the object that the call was for: a fault takes no time.
func (c *refusedCall) Lock() {}

// Unlock is the other half of Lock.
func (c *refusedCall) Unlock() {}

// Refuse gives the fault.
func (c *refusedCall) Refuse(any) soap.HasFault { return &refusedBody{refusal(c.fault)} }

type refusedBody struct{ fault *soap.Fault }

func (b *refusedBody) Fault() *soap.Fault { return b.fault }
