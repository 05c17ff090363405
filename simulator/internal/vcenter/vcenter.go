// Package vcenter puts time and truth on govmomi's simulator. What govmomi does rightly stays govmomi's; each managed
// object that behaves differently here has one file, which says what was changed and from which document we know it.
package vcenter

import (
	"sync"
	"sync/atomic"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/bandwidth"
	"vrelocate/simulator/internal/faultplan"
	"vrelocate/simulator/internal/ledger"
	"vrelocate/simulator/internal/limits"
)

// DatastoreOptions say what vcsim does not know of a datastore.
type DatastoreOptions struct {
	CapacityBytes      int64
	UsedElsewhereBytes int64 // taken by what is no file of the simulator
	BytesPerSecond     int64 // shared by all that read from it or write to it
}

// Options say how a vCenter behaves.
type Options struct {
	// Datastores holds those that a scenario describes. Any other keeps the capacity that vcsim gives it.
	Datastores map[types.ManagedObjectReference]DatastoreOptions
	Speed      float64 // how many times faster than the clock copying goes
	Faults     *faultplan.Plan
	Tasks      TaskOptions
	Limits     limits.Capacity
	Relocation RelocationOptions
	// CopyDestSpec honours CopyVirtualDisk_Task's destSpec, which a vCenter answers with NotImplemented.
	CopyDestSpec bool
}

// VCenter is a simulated vCenter with vrelocate's behaviour.
type VCenter struct {
	registry *simulator.Registry
	network  *bandwidth.Network
	faults   *faultplan.Plan
	ledger   *ledger.Ledger
	tasks    atomic.Int64 // the number of the last task
	limits   *limits.Gate
	records  *taskRecords
	clock    clock
	sessions sessions
	planned  *plannedTasks
	tickets  ticketOffice
	shares   *diskShares
	powered  powered

	copyDestSpec bool // see Options

	taskOptions TaskOptions
	relocation  RelocationOptions
	consumers   map[types.ID]types.ManagedObjectReference // which VM has a first class disk; locked with the catalog

	mu          sync.Mutex
	stores      map[types.ManagedObjectReference]*store
	named       map[placeName]*store
	operations  map[types.ManagedObjectReference]*operation // by task
	claims      map[string]types.ManagedObjectReference     // what a running task has for itself
	held        map[string]struct{}                         // files that uploads write to, see hold
	leaving     map[types.ManagedObjectReference][]place    // files to delete with a VM's devices, see willDelete
	registering map[string]*vmxFile                         // by path: VMs to be restored from them

	away    awayHosts
	storage bell // rings when a datastore may have become empty, or a task has ended

	recommended recommendations // of Storage DRS
	policies    *policies
}

// firstTask keeps the numbers of our tasks apart from vcsim's, which count all objects from 1.
const firstTask = 1_000_000

// TakeOver gives a model that was made, and does not answer yet, its behaviour: every disk gets a true descriptor, every
// datastore a true account of its space.
func TakeOver(model *simulator.Model, opts Options) (*VCenter, error) {
	vc := &VCenter{
		registry:    model.Map(),
		network:     bandwidth.New(opts.Speed),
		faults:      opts.Faults,
		ledger:      ledger.New(),
		shares:      newDiskShares(),
		stores:      make(map[types.ManagedObjectReference]*store),
		named:       make(map[placeName]*store),
		operations:  make(map[types.ManagedObjectReference]*operation),
		claims:      make(map[string]types.ManagedObjectReference),
		held:        make(map[string]struct{}),
		leaving:     make(map[types.ManagedObjectReference][]place),
		registering: make(map[string]*vmxFile),
	}
	vc.tasks.Store(firstTask)
	vc.limits, vc.taskOptions = limits.New(opts.Limits), opts.Tasks
	vc.manageTasks(opts.Tasks)
	vc.copyDestSpec, vc.relocation = opts.CopyDestSpec, opts.Relocation
	vc.faults.Struck = vc.ledger.Struck
	vc.consumers = make(map[types.ID]types.ManagedObjectReference)
	vc.openGlobalCatalog(model.Service)
	ctx := vc.newContext()
	for _, entity := range vc.registry.All("Datastore") {
		vc.open(entity.(*simulator.Datastore), opts.Datastores[entity.Reference()])
	}
	growing := newUncommitted(vc)
	if err := vc.adoptAll(growing); err != nil {
		return nil, err
	}
	vc.planned = &plannedTasks{vc: vc, coming: make(map[types.ManagedObjectReference]comingTask)}
	vc.registry.AddHandler(vc.planned)
	vc.adoptHosts(ctx)
	vc.registry.AddHandler(vcsimTasks{vc})
	vc.registry.AddHandler(&vc.powered)
	vc.registry.AddHandler(vc.shares)
	vc.registry.AddHandler(growing)
	vc.registry.AddHandler(&vc.storage)
	vc.policies = newPolicies(vc)
	vc.registry.AddHandler(vc.policies)
	vc.collectCheaply()
	vc.registry.Handler = vc.override
	return vc, nil
}

// Ledger gives the count of all that was asked since the start.
func (vc *VCenter) Ledger() *ledger.Ledger { return vc.ledger }

// Limits gives what there is room for, and who waits.
func (vc *VCenter) Limits() *limits.Gate { return vc.limits }

// newContext gives a context of its own: an object's lock is held on behalf of a context, so two that work at the same
// time need one each.
func (vc *VCenter) newContext() *simulator.Context {
	ctx := simulator.NewContext()
	ctx.Map = vc.registry
	ctx.Session.Map = vc.registry
	return ctx
}
