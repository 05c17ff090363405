package server

// The endpoints that govmomi's vcsim registers beside the SOAP API, each by its import (govmomi's vcsim/main.go):
// tags, content library and the other REST services, storage policies, first class disks, and so on.
import (
	"github.com/vmware/govmomi/simulator"

	_ "github.com/vmware/govmomi/cns/simulator"
	_ "github.com/vmware/govmomi/eam/simulator"
	_ "github.com/vmware/govmomi/lookup/simulator"
	_ "github.com/vmware/govmomi/pbm/simulator"
	_ "github.com/vmware/govmomi/ssoadmin/simulator"
	_ "github.com/vmware/govmomi/sts/simulator"
	_ "github.com/vmware/govmomi/vapi/appliance/simulator"
	_ "github.com/vmware/govmomi/vapi/cis/tasks/simulator"
	_ "github.com/vmware/govmomi/vapi/cluster/simulator"
	_ "github.com/vmware/govmomi/vapi/crypto/simulator"
	_ "github.com/vmware/govmomi/vapi/esx/settings/simulator"
	_ "github.com/vmware/govmomi/vapi/namespace/simulator"
	_ "github.com/vmware/govmomi/vapi/simulator"
	_ "github.com/vmware/govmomi/vapi/vcenter/consumptiondomains/simulator"
	_ "github.com/vmware/govmomi/vapi/vm/simulator"
	_ "github.com/vmware/govmomi/vsan/simulator"
	_ "github.com/vmware/govmomi/vslm/simulator"
)

// The SSO simulator would only let in the users of its own directory whose names have an @ in them. Ours has one user,
// whatever its name. Endpoints are registered in the order of their packages' imports: this one is the last.
func init() {
	simulator.RegisterEndpoint(func(_ *simulator.Service, registry *simulator.Registry) {
		registry.SessionManager().ValidLogin = nil
	})
}
