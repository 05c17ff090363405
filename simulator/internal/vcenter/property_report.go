package vcenter

import (
	"maps"
	"slices"
	"strings"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"
)

// report gives what a filter has to tell, of limit objects at most, and whether there is more. What it tells is read
// now: a property that changed five times is told once, as it is.
func (f *PropertyFilter) report(ctx *simulator.Context, reader *simulator.PropertyCollector, limit int) (updates []types.ObjectUpdate, more bool, fault types.BaseMethodFault) {
	if fault := f.look(ctx, reader); fault != nil {
		return nil, false, fault
	}
	refs, told, more := f.take(limit)

	// Objects of which the same is asked are read together.
	type group struct {
		paths string
		enter bool
	}
	groups := make(map[group][]types.ManagedObjectReference)
	for i, n := range told {
		if n.kind != types.ObjectUpdateKindLeave {
			key := group{strings.Join(slices.Sorted(maps.Keys(n.paths)), " "), n.kind == types.ObjectUpdateKindEnter}
			groups[key] = append(groups[key], refs[i])
		}
	}
	read := make(map[types.ManagedObjectReference]types.ObjectContent)
	for key, some := range groups {
		props := f.Spec.PropSet
		if !key.enter {
			props = only(props, strings.Split(key.paths, " "))
		}
		contents, fault := retrieve(ctx, reader, props, some)
		if fault != nil {
			return nil, false, fault
		}
		for _, content := range contents {
			read[content.Obj] = content
		}
	}

	for i, n := range told {
		update := types.ObjectUpdate{Kind: n.kind, Obj: refs[i]}
		if n.kind != types.ObjectUpdateKindLeave {
			content, there := read[refs[i]]
			if !there && !f.lost(refs[i], n) {
				continue // gone since; its leaving is told next
			}
			if there {
				update.MissingSet = content.MissingSet
				update.ChangeSet = changesOf(content, n)
			} else {
				update.Kind = types.ObjectUpdateKindLeave
			}
		}
		updates = append(updates, update)
	}
	return updates, more, nil
}

// changesOf gives an object's properties as changes. A path that changed and has no value now is told without one.
func changesOf(content types.ObjectContent, n *news) []types.PropertyChange {
	var changes []types.PropertyChange
	unset := maps.Clone(n.paths)
	for _, p := range content.PropSet {
		delete(unset, p.Name)
		changes = append(changes, types.PropertyChange{Name: p.Name, Op: types.PropertyChangeOpAssign, Val: p.Val})
	}
	for _, m := range content.MissingSet {
		delete(unset, m.Path)
	}
	for _, path := range slices.Sorted(maps.Keys(unset)) {
		changes = append(changes, types.PropertyChange{Name: path, Op: types.PropertyChangeOpAssign})
	}
	return changes
}

// take takes the first of the news off the queue.
func (f *PropertyFilter) take(limit int) (refs []types.ManagedObjectReference, told []*news, more bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.queue) > 0 && len(refs) < limit {
		ref := f.queue[0]
		f.queue = f.queue[1:]
		if n := f.news[ref]; n != nil {
			delete(f.news, ref)
			refs = append(refs, ref)
			told = append(told, n)
		}
	}
	return refs, told, len(f.queue) > 0
}

// lost is asked of an object that was to be told of and is gone. One that went while the filter looked may have been
// found all the same, after its end had been heard of: no leaving is going to be told of that one. It tells whether to do
// it now, for the client knows the object.
func (f *PropertyFilter) lost(ref types.ManagedObjectReference, n *news) (leaves bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if n.kind != types.ObjectUpdateKindEnter || !f.known[ref] {
		return false
	}
	delete(f.known, ref)
	return n.left
}

// takeMissing gives the objects that the spec names and that were found to be missing since the last answer
// (PropertyFilterUpdate.missingSet).
func (f *PropertyFilter) takeMissing() (set []types.MissingObject) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, ref := range f.missing {
		set = append(set, types.MissingObject{Obj: ref, Fault: localized(&types.ManagedObjectNotFound{Obj: ref})})
	}
	f.missing = nil
	return set
}

// look finds the filter's objects anew if their set may have changed.
func (f *PropertyFilter) look(ctx *simulator.Context, reader *simulator.PropertyCollector) types.BaseMethodFault {
	f.mu.Lock()
	if !f.started { // the filter is younger than the client's version
		f.started, f.stale, f.unasked = true, true, true
	}
	stale, first := f.stale, f.unasked
	f.unasked = false
	f.stale = false // what changes from here on makes it stale again
	f.mu.Unlock()
	if !stale {
		return nil
	}

	// The objects alone, without a property: the news say what to read of them.
	bare := make([]types.PropertySpec, len(f.Spec.PropSet))
	for i, set := range f.Spec.PropSet {
		bare[i] = types.PropertySpec{Type: set.Type}
	}
	spec := f.Spec
	spec.PropSet = bare
	spec.ReportMissingObjectsInResults = types.NewBool(true) // that they were there was asked when the filter was made
	contents, fault := retrieveSpec(ctx, reader, spec)
	if fault != nil {
		return fault
	}

	f.mu.Lock()
	defer f.mu.Unlock()
	if first {
		f.missing = missingOf(ctx, f.Spec)
	}
	found := make(map[types.ManagedObjectReference]bool, len(contents))
	for _, content := range contents {
		found[content.Obj] = true
		if !f.known[content.Obj] {
			f.note(content.Obj, types.ObjectUpdateKindEnter)
		}
	}
	for ref := range f.known {
		if !found[ref] {
			f.note(ref, types.ObjectUpdateKindLeave)
		}
	}
	return nil
}

// missingOf gives what a spec names and is not there.
func missingOf(ctx *simulator.Context, spec types.PropertyFilterSpec) (missing []types.ManagedObjectReference) {
	for _, set := range spec.ObjectSet {
		if ctx.Session.Get(set.Obj) == nil {
			missing = append(missing, set.Obj)
		}
	}
	return missing
}

// only gives those paths of property specs that are asked for.
func only(specs []types.PropertySpec, paths []string) []types.PropertySpec {
	some := make([]types.PropertySpec, 0, len(specs))
	for _, spec := range specs {
		wanted := paths
		if !isTrue(spec.All) {
			wanted = slices.DeleteFunc(slices.Clone(spec.PathSet), func(p string) bool { return !slices.Contains(paths, p) })
		}
		some = append(some, types.PropertySpec{Type: spec.Type, PathSet: wanted})
	}
	return some
}

func retrieve(ctx *simulator.Context, reader *simulator.PropertyCollector, props []types.PropertySpec, refs []types.ManagedObjectReference) ([]types.ObjectContent, types.BaseMethodFault) {
	spec := types.PropertyFilterSpec{PropSet: props, ReportMissingObjectsInResults: types.NewBool(true)}
	for _, ref := range refs {
		spec.ObjectSet = append(spec.ObjectSet, types.ObjectSpec{Obj: ref})
	}
	return retrieveSpec(ctx, reader, spec)
}

// retrieveSpec reads what a spec selects.
func retrieveSpec(ctx *simulator.Context, reader *simulator.PropertyCollector, spec types.PropertyFilterSpec) ([]types.ObjectContent, types.BaseMethodFault) {
	res := readThrough(ctx, reader, types.RetrievePropertiesEx{SpecSet: []types.PropertyFilterSpec{spec}})
	if fault := res.Fault(); fault != nil {
		if typed, ok := fault.VimFault().(types.BaseMethodFault); ok {
			return nil, typed
		}
		return nil, new(types.MethodFault)
	}
	return res.(*methods.RetrievePropertiesExBody).Res.Returnval.Objects, nil
}
