package vcenter

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// ServiceInstance differs from vcsim's in that its clock may be wrong.
type ServiceInstance struct {
	*simulator.ServiceInstance
	vc *VCenter
}

// CurrentTime tells the vCenter's clock.
func (s *ServiceInstance) CurrentTime(*types.CurrentTime) soap.HasFault {
	return &methods.CurrentTimeBody{Res: &types.CurrentTimeResponse{Returnval: s.vc.now()}}
}
