package vcenter

import (
	"cmp"
	"slices"
	"strconv"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

// placementNeed is what Storage DRS is to find room for.
type placementNeed struct {
	bytes int64
	hosts []types.ManagedObjectReference // one of them must be able to write there; none: whichever
}

// candidates gives a pod's datastores that have room for something, the one with the most free space first. What is
// planned for a datastore already counts as taken.
//
// A real Storage DRS weighs the load of the devices too.
func (vc *VCenter) candidates(ctx *simulator.Context, pod *simulator.StoragePod, need placementNeed, planned map[*store]int64) []*store {
	var children []types.ManagedObjectReference
	ctx.WithLock(pod, func() { children = append(children, pod.ChildEntity...) })
	free := func(s *store) int64 { return s.account.Free() - planned[s] }
	var fit []*store
	for _, ref := range children {
		s := vc.store(ref)
		if s == nil || s.usable() != nil || free(s) < need.bytes || !vc.writable(ctx, s, need.hosts) {
			continue
		}
		fit = append(fit, s)
	}
	slices.SortFunc(fit, func(a, b *store) int {
		return cmp.Or(cmp.Compare(free(b), free(a)), cmp.Compare(a.name, b.name))
	})
	return fit
}

// writable tells whether one of some hosts can write to a datastore.
func (vc *VCenter) writable(ctx *simulator.Context, s *store, hosts []types.ManagedObjectReference) bool {
	return len(hosts) == 0 || slices.ContainsFunc(hosts, func(host types.ManagedObjectReference) bool {
		return vc.takesVMs(ctx, host) == nil && vc.reach(ctx, host, s, true) == nil
	})
}

// drsPod gives a pod that Storage DRS looks after; nil if it is none.
func (vc *VCenter) drsPod(ctx *simulator.Context, ref *types.ManagedObjectReference) (pod *simulator.StoragePod, automated bool) {
	if ref == nil {
		return nil, false
	}
	found, ok := vc.registry.Get(*ref).(*simulator.StoragePod)
	if !ok {
		return nil, false
	}
	ctx.WithLock(found, func() {
		if entry := found.PodStorageDrsEntry; entry != nil && entry.StorageDrsConfig.PodConfig.Enabled {
			pod = found
			automated = entry.StorageDrsConfig.PodConfig.DefaultVmBehavior == string(types.StorageDrsPodConfigInfoBehaviorAutomated)
		}
	})
	return pod, automated
}

// usedPercent gives how full a datastore is, with so much more on it (StoragePlacementAction.spaceUtilBefore).
func usedPercent(s *store, more int64) float32 {
	capacity := s.account.Capacity()
	if capacity == 0 {
		return 0
	}
	return float32(100 * float64(capacity-s.account.Free()+more) / float64(capacity))
}

// recommendations are what Storage DRS proposed and nobody applied yet.
type recommendations struct {
	mu    sync.Mutex
	last  int
	open  map[string]func(*operation) (types.ManagedObjectReference, types.BaseMethodFault) // each starts a task
	order []string
}

// mostRecommendations bounds what is kept: nobody is obliged to apply anything.
const mostRecommendations = 1000

// add keeps what applying a recommendation does, and gives its key.
func (r *recommendations) add(apply func(*operation) (types.ManagedObjectReference, types.BaseMethodFault)) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.open == nil {
		r.open = make(map[string]func(*operation) (types.ManagedObjectReference, types.BaseMethodFault))
	}
	r.last++
	key := strconv.Itoa(r.last)
	r.open[key] = apply
	r.order = append(r.order, key)
	if len(r.order) > mostRecommendations {
		delete(r.open, r.order[0])
		r.order = r.order[1:]
	}
	return key
}

// take gives what a recommendation does, once.
func (r *recommendations) take(key string) func(*operation) (types.ManagedObjectReference, types.BaseMethodFault) {
	r.mu.Lock()
	defer r.mu.Unlock()
	apply := r.open[key]
	delete(r.open, key)
	return apply
}

// ended waits for the end of a task that another one started, and gives its result. A cancel of the one is passed on to
// the other.
func (op *operation) ended(ref types.ManagedObjectReference) (result types.AnyType, fault types.BaseMethodFault) {
	task, ok := op.vc.registry.Get(ref).(*simulator.Task)
	if !ok {
		return nil, nil
	}
	cancelled := op.copying.Done()
	for {
		rung := op.vc.storage.rung()
		var over bool
		op.ctx.WithLock(task, func() {
			switch task.Info.State {
			case types.TaskInfoStateSuccess:
				over, result = true, task.Info.Result
			case types.TaskInfoStateError:
				over, fault = true, task.Info.Error.Fault
			}
		})
		if over {
			return result, fault
		}
		select {
		case <-rung:
		case <-cancelled:
			cancelled = nil
			if other := op.vc.operation(ref); other != nil {
				other.cancel()
			}
		}
	}
}
