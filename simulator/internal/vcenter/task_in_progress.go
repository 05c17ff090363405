package vcenter

import (
	"slices"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"
)

// changesVM are the methods of VirtualMachine and VirtualMachineSnapshot that make no task and still list TaskInProgress
// among their faults: "if the virtual machine is busy" (vSphere Web Services API). MarkAsTemplate and
// MarkAsVirtualMachine do not list it, and change a VM all the same. Of the methods that make a task all are refused.
var changesVM = []string{
	"DefragmentAllDisks", "ExportVm", "ExportSnapshot", "MarkAsTemplate", "MarkAsVirtualMachine", "RebootGuest",
	"RenameSnapshot", "ShutdownGuest", "StandbyGuest", "TerminateVM", "UnregisterVM",
}

// refuseWhileBusy keeps a VM that a task works on from other tasks, also by way of its snapshots. A task of vcsim's own
// counts as one of ours does.
func (vc *VCenter) refuseWhileBusy(object mo.Reference, method string) types.BaseMethodFault {
	var ref types.ManagedObjectReference
	switch o := object.(type) {
	case *simulator.VirtualMachine:
		ref = o.Self
	case *simulator.VirtualMachineSnapshot:
		ref = o.Vm
	default:
		return nil
	}
	if !strings.HasSuffix(method, "_Task") && !slices.Contains(changesVM, method) {
		return nil
	}
	running, busy := vc.busy(ref)
	if !busy {
		return nil
	}
	vc.ledger.Refuse(method, vc.records.entityName(running)) // the VM itself may be locked for as long as vcsim's task runs
	return &types.TaskInProgress{Task: running}
}

// busy gives the task that works on an object.
func (vc *VCenter) busy(ref types.ManagedObjectReference) (running types.ManagedObjectReference, busy bool) {
	vc.mu.Lock()
	defer vc.mu.Unlock()
	running, busy = vc.claims[ref.String()]
	return running, busy
}

// claimFor takes a VM for a task of vcsim's own that begins. vcsim makes it with the VM's lock held, after the call has
// passed refuseWhileBusy without it: if a task of ours was made meanwhile, it is vcsim's that fails.
func (vc *VCenter) claimFor(task *simulator.Task) {
	if task.Execute == nil || task.Info.Entity == nil || task.Info.Entity.Type != "VirtualMachine" {
		return
	}
	what := task.Info.Entity.String()
	vc.mu.Lock()
	defer vc.mu.Unlock()
	running, taken := vc.claims[what]
	if !taken {
		vc.claims[what] = task.Self
		return
	}
	// One of vcsim's that has the VM can only have begun this one itself, for it holds the VM's lock. So may one of ours
	// that does its work through vcsim: it waits for nothing else then, and has nothing to copy.
	if op := vc.operations[running]; op != nil && op.copies() {
		task.Execute = func(*simulator.Task) (types.AnyType, types.BaseMethodFault) {
			return nil, &types.TaskInProgress{Task: running}
		}
	}
}

// disclaim gives back what claimFor took.
func (vc *VCenter) disclaim(task *types.TaskInfo) {
	what := task.Entity.String()
	vc.mu.Lock()
	defer vc.mu.Unlock()
	if vc.claims[what] == task.Task {
		delete(vc.claims, what)
	}
}
