package vcenter

import (
	"github.com/vmware/govmomi/vim25/types"
)

// RestartOptions say what a restart of vCenter leaves.
type RestartOptions struct {
	ForgetTasks bool // no task that there was can be read any more, nor its history
	// FailRunning ends the work under way. A vCenter is in the middle of it: "clone [...] can interfere with or be
	// interrupted by server reboot" (vSphere Web Services SDK Programming Guide, on clones before 8.0 U3). Else it goes on
	// as if the host alone did it.
	FailRunning bool
}

// Restart is what a restart does to all that vCenter has in its memory: sessions with their views, collectors and
// filters are gone in any case.
func (vc *VCenter) Restart(options RestartOptions) {
	if options.FailRunning {
		for _, op := range vc.underWay() {
			op.abort(&types.SystemError{Reason: "vCenter Server was restarted"})
		}
	}
	if options.ForgetTasks {
		vc.forgetTasks()
	}
	vc.DropSessions("")
}

func (vc *VCenter) underWay() []*operation {
	vc.mu.Lock()
	defer vc.mu.Unlock()
	all := make([]*operation, 0, len(vc.operations))
	for _, op := range vc.operations {
		all = append(all, op)
	}
	return all
}
