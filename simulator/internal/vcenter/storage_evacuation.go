package vcenter

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// evacuation gives what Storage DRS does about a datastore that enters maintenance mode.
func (vc *VCenter) evacuation(*simulator.Context, *store) types.StoragePlacementResult {
	return types.StoragePlacementResult{}
}
