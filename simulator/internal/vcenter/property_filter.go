package vcenter

import (
	"reflect"
	"slices"
	"strings"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// PropertyFilter knows which of its objects changed since the last answer, and in what. It hears of every change in the
// vCenter (simulator.RegisterObject), often while the changed object's lock is held: so it takes no lock but its own.
type PropertyFilter struct {
	mo.PropertyFilter

	collector *PropertyCollector

	mu      sync.Mutex
	started bool
	stale   bool                                   // the set of objects may have changed
	unasked bool                                   // which of the objects that the spec names are missing
	known   map[types.ManagedObjectReference]bool  // what the client was told of, or is about to be
	news    map[types.ManagedObjectReference]*news // what it is to be told
	queue   []types.ManagedObjectReference         // the order in which
	missing []types.ManagedObjectReference         // what the spec names and is found to be no more, to be told too
}

// news is what is to be told of one object.
type news struct {
	kind  types.ObjectUpdateKind
	paths map[string]bool // of a modification: which paths of the filter's spec
	left  bool            // the client knows it, and it left, though it may have come back
}

func newFilter(pc *PropertyCollector, spec types.PropertyFilterSpec, partial bool) *PropertyFilter {
	f := &PropertyFilter{collector: pc, known: make(map[types.ManagedObjectReference]bool),
		news: make(map[types.ManagedObjectReference]*news)}
	f.Spec = spec
	f.PartialUpdates = partial
	return f
}

// Lock and Unlock keep vcsim from locking the filter for the time of a call: it has a lock of its own.
func (f *PropertyFilter) Lock() {}

// Unlock is the other half of Lock.
func (f *PropertyFilter) Unlock() {}

// DestroyPropertyFilter ends the filter.
func (f *PropertyFilter) DestroyPropertyFilter(ctx *simulator.Context, _ *types.DestroyPropertyFilter) soap.HasFault {
	f.destroy(ctx)
	return &methods.DestroyPropertyFilterBody{Res: new(types.DestroyPropertyFilterResponse)}
}

func (f *PropertyFilter) destroy(ctx *simulator.Context) {
	pc := f.collector
	pc.mu.Lock()
	pc.filters = slices.DeleteFunc(pc.filters, func(other *PropertyFilter) bool { return other == f })
	simulator.RemoveReference(&pc.Filter, f.Self)
	pc.mu.Unlock()
	ctx.Map.RemoveHandler(f)
	ctx.Session.Remove(ctx, f.Self)
}

// restart forgets what the client was told.
func (f *PropertyFilter) restart() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.started, f.stale, f.unasked = true, true, true
	clear(f.known)
	clear(f.news)
	f.queue, f.missing = nil, nil
}

// UpdateObject hears of changed properties.
func (f *PropertyFilter) UpdateObject(_ *simulator.Context, obj mo.Reference, changes []types.PropertyChange) {
	ref := obj.Reference()
	f.mu.Lock()
	heard := false
	if f.started {
		if !f.stale && f.leadsElsewhere(obj, ref, changes) {
			f.stale, heard = true, true
		}
		if f.known[ref] {
			for _, path := range f.pathsOf(obj, ref, changes) {
				heard = true
				f.note(ref, types.ObjectUpdateKindModify)
				if n := f.news[ref]; n.kind == types.ObjectUpdateKindModify {
					n.paths[path] = true
				}
			}
		}
	}
	f.mu.Unlock()
	if heard {
		f.collector.wake()
	}
}

// PutObject hears of a new object. Entities are reached through folders, hosts and pools, whose lists vcsim changes
// without a word, so a new one of a wanted type means to look again.
func (f *PropertyFilter) PutObject(_ *simulator.Context, obj mo.Reference) {
	if _, entity := obj.(mo.Entity); !entity {
		return
	}
	f.mu.Lock()
	heard := f.started && !f.stale && f.traverses() && f.wants(obj, obj.Reference())
	f.stale = f.stale || heard
	f.mu.Unlock()
	if heard {
		f.collector.wake()
	}
}

// RemoveObject hears of an object's end.
func (f *PropertyFilter) RemoveObject(_ *simulator.Context, ref types.ManagedObjectReference) {
	f.mu.Lock()
	heard := f.known[ref]
	if heard {
		f.note(ref, types.ObjectUpdateKindLeave)
	}
	if f.started && f.names(ref) {
		f.missing = append(f.missing, ref)
		heard = true
	}
	f.mu.Unlock()
	if heard {
		f.collector.wake()
	}
}

// note puts an object on the list of what is to be told. The filter's lock is held.
func (f *PropertyFilter) note(ref types.ManagedObjectReference, kind types.ObjectUpdateKind) {
	n := f.news[ref]
	switch {
	case n == nil:
		f.news[ref] = &news{kind: kind, paths: make(map[string]bool), left: kind == types.ObjectUpdateKindLeave}
		f.queue = append(f.queue, ref)
	case kind == types.ObjectUpdateKindLeave && n.kind == types.ObjectUpdateKindEnter && !n.left:
		delete(f.news, ref) // came and went unseen
	case kind == types.ObjectUpdateKindLeave:
		n.kind, n.left = kind, true
	case kind == types.ObjectUpdateKindEnter && n.kind == types.ObjectUpdateKindLeave:
		n.kind = kind // went and came back
	}
	switch kind {
	case types.ObjectUpdateKindLeave:
		delete(f.known, ref)
	case types.ObjectUpdateKindEnter:
		f.known[ref] = true
	}
}

// leadsElsewhere tells whether a change is one of a property by which the filter finds its objects, such as a list
// view's view.
func (f *PropertyFilter) leadsElsewhere(obj mo.Reference, ref types.ManagedObjectReference, changes []types.PropertyChange) bool {
	for _, set := range f.Spec.ObjectSet {
		for _, selection := range set.SelectSet {
			step, ok := selection.(*types.TraversalSpec)
			if ok && f.stepChanged(step, obj, ref, changes) {
				return true
			}
		}
	}
	return false
}

func (f *PropertyFilter) stepChanged(step *types.TraversalSpec, obj mo.Reference, ref types.ManagedObjectReference, changes []types.PropertyChange) bool {
	if isA(obj, ref, step.Type) && slices.ContainsFunc(changes, func(c types.PropertyChange) bool { return c.Name == step.Path }) {
		return true
	}
	for _, selection := range step.SelectSet {
		if next, ok := selection.(*types.TraversalSpec); ok && f.stepChanged(next, obj, ref, changes) {
			return true
		}
	}
	return false
}

// pathsOf gives the paths of the spec that changes touch: the same, one above, or one below.
func (f *PropertyFilter) pathsOf(obj mo.Reference, ref types.ManagedObjectReference, changes []types.PropertyChange) []string {
	var paths []string
	for _, set := range f.Spec.PropSet {
		if !isA(obj, ref, set.Type) {
			continue
		}
		for _, change := range changes {
			if isTrue(set.All) {
				top, _, _ := strings.Cut(change.Name, ".")
				top, _, _ = strings.Cut(top, "[")
				paths = append(paths, top)
				continue
			}
			for _, path := range set.PathSet {
				if within(path, change.Name) || within(change.Name, path) {
					paths = append(paths, path)
				}
			}
		}
	}
	return paths
}

// within tells whether a path is another one or lies below it.
func within(path, above string) bool {
	rest, ok := strings.CutPrefix(path, above)
	return ok && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// names tells whether the spec itself names an object, rather than what leads to it.
func (f *PropertyFilter) names(ref types.ManagedObjectReference) bool {
	return slices.ContainsFunc(f.Spec.ObjectSet, func(s types.ObjectSpec) bool { return s.Obj == ref })
}

func (f *PropertyFilter) traverses() bool {
	return slices.ContainsFunc(f.Spec.ObjectSet, func(s types.ObjectSpec) bool { return len(s.SelectSet) > 0 })
}

func (f *PropertyFilter) wants(obj mo.Reference, ref types.ManagedObjectReference) bool {
	return slices.ContainsFunc(f.Spec.PropSet, func(s types.PropertySpec) bool { return isA(obj, ref, s.Type) })
}

// isA tells whether an object is of a type or of one that extends it, such as ManagedEntity.
func isA(obj mo.Reference, ref types.ManagedObjectReference, kind string) bool {
	if ref.Type == kind {
		return true
	}
	field, ok := reflect.TypeOf(obj).Elem().FieldByName(kind)
	return ok && field.Anonymous
}
