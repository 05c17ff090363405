package vcenter

import (
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// RetrievePropertiesEx differs from vcsim's in how it finds the objects that a TraversalSpec leads to, see traversal.
// Reading their properties is vcsim's.
func (pc *PropertyCollector) RetrievePropertiesEx(ctx *simulator.Context, req *types.RetrievePropertiesEx) soap.HasFault {
	return readThrough(ctx, &pc.PropertyCollector, *req)
}

// RetrieveProperties is RetrievePropertiesEx as it was before vSphere 4.1.
func (pc *PropertyCollector) RetrieveProperties(ctx *simulator.Context, req *types.RetrieveProperties) soap.HasFault {
	body := new(methods.RetrievePropertiesBody)
	res := pc.RetrievePropertiesEx(ctx, &types.RetrievePropertiesEx{This: req.This, SpecSet: req.SpecSet})
	if body.Fault_ = res.Fault(); body.Fault_ != nil {
		return body
	}
	body.Res = &types.RetrievePropertiesResponse{
		Returnval: res.(*methods.RetrievePropertiesExBody).Res.Returnval.Objects,
	}
	return body
}

// CancelRetrievePropertiesEx gives up the pages of an answer that were not fetched yet. vcsim does not have it; it keeps a
// page until it is fetched, so all that are left are.
func (pc *PropertyCollector) CancelRetrievePropertiesEx(ctx *simulator.Context, req *types.CancelRetrievePropertiesEx) soap.HasFault {
	for token := req.Token; ; {
		res := pc.ContinueRetrievePropertiesEx(ctx, &types.ContinueRetrievePropertiesEx{This: req.This, Token: token})
		if fault := res.Fault(); fault != nil {
			return &methods.CancelRetrievePropertiesExBody{Fault_: fault}
		}
		if token = res.(*methods.ContinueRetrievePropertiesExBody).Res.Returnval.Token; token == "" {
			return &methods.CancelRetrievePropertiesExBody{Res: new(types.CancelRetrievePropertiesExResponse)}
		}
	}
}

// readThrough lets vcsim's collector read what specs select.
func readThrough(ctx *simulator.Context, reader *simulator.PropertyCollector, req types.RetrievePropertiesEx) soap.HasFault {
	specs, fault := spelledOut(ctx, reader, req.SpecSet)
	if fault != nil {
		return &methods.RetrievePropertiesExBody{Fault_: refusal(fault)}
	}
	req.SpecSet = specs
	return reader.RetrievePropertiesEx(ctx, &req)
}

// spelledOut gives specs that name every object that the given ones lead to, and traverse nothing.
func spelledOut(ctx *simulator.Context, reader *simulator.PropertyCollector, specs []types.PropertyFilterSpec) ([]types.PropertyFilterSpec, types.BaseMethodFault) {
	t := &traversal{ctx: ctx, reader: reader, found: make(map[types.ManagedObjectReference]bool)}
	named := slices.Clone(specs)
	for i := range named {
		named[i].ObjectSet = nil
		for _, start := range specs[i].ObjectSet {
			if len(start.SelectSet) == 0 || objectOf(ctx, start.Obj) == nil {
				start.SelectSet = nil // of what is not there vcsim says so
				named[i].ObjectSet = append(named[i].ObjectSet, start)
				continue
			}
			if !isTrue(start.Skip) {
				named[i].ObjectSet = append(named[i].ObjectSet, types.ObjectSpec{Obj: start.Obj})
			}
			if fault := t.from(start); fault != nil {
				return nil, fault
			}
		}
	}
	if len(t.objects) > 0 {
		// Without properties of their own: vcsim reads those of all specs of every object. What is gone by now is left out.
		found := types.PropertyFilterSpec{ReportMissingObjectsInResults: types.NewBool(true), ObjectSet: t.objects}
		named = append(named, found)
	}
	return named, nil
}

// objectOf gives what a caller has by a reference: a session's own objects, or the vCenter's; nil if there is none.
func objectOf(ctx *simulator.Context, ref types.ManagedObjectReference) mo.Reference {
	if ctx.Session == nil {
		return ctx.Map.Get(ref)
	}
	return ctx.Session.Get(ref)
}

// traversal follows TraversalSpecs from object to object: "type: name of the object type containing the property" to
// follow; an object of another type is not followed (TraversalSpec in the vSphere Web Services API). vcsim does not look
// at the type, and goes in circles where specs do: from a VM by resourcePool to its pool, by vm back to the VM, until its
// stack is full and the process ends. Here each object is followed by each spec once.
type traversal struct {
	ctx     *simulator.Context
	reader  *simulator.PropertyCollector
	objects []types.ObjectSpec // what was found, in order
	found   map[types.ManagedObjectReference]bool
}

// step is an object that a spec is to be followed from.
type step struct {
	from types.ManagedObjectReference
	by   *types.TraversalSpec
}

// from follows an ObjectSpec's selections, all objects that are equally far at once.
func (t *traversal) from(start types.ObjectSpec) types.BaseMethodFault {
	named := make(map[string]*types.TraversalSpec)
	gatherNames(start.SelectSet, named)
	done := make(map[step]bool)
	var next []step
	add := func(ref types.ManagedObjectReference, selections []types.BaseSelectionSpec) types.BaseMethodFault {
		for _, selection := range selections {
			spec, ok := selection.(*types.TraversalSpec)
			if !ok {
				if spec = named[selection.GetSelectionSpec().Name]; spec == nil {
					return &types.InvalidArgument{InvalidProperty: "undefined TraversalSpec name"}
				}
			}
			if s := (step{ref, spec}); !done[s] {
				done[s] = true
				next = append(next, s)
			}
		}
		return nil
	}

	if fault := add(start.Obj, start.SelectSet); fault != nil {
		return fault
	}
	for len(next) > 0 {
		now := next
		next = nil
		for _, spec := range specsOf(now) {
			refs, fault := t.follow(spec, now)
			if fault != nil {
				return fault
			}
			for _, ref := range refs {
				if !isTrue(spec.Skip) && !t.found[ref] {
					t.found[ref] = true
					t.objects = append(t.objects, types.ObjectSpec{Obj: ref})
				}
				if fault := add(ref, spec.SelectSet); fault != nil {
					return fault
				}
			}
		}
	}
	return nil
}

// follow reads where a spec's path leads from the objects that are to be followed by it.
func (t *traversal) follow(spec *types.TraversalSpec, steps []step) ([]types.ManagedObjectReference, types.BaseMethodFault) {
	var from []types.ManagedObjectReference
	var props []types.PropertySpec
	for _, s := range steps {
		if s.by != spec || !t.isA(s.from, spec.Type) {
			continue
		}
		from = append(from, s.from)
		ofType := func(p types.PropertySpec) bool { return p.Type == s.from.Type }
		if !slices.ContainsFunc(props, ofType) {
			props = append(props, types.PropertySpec{Type: s.from.Type, PathSet: []string{spec.Path}})
		}
	}
	if len(from) == 0 {
		return nil, nil
	}
	contents, fault := retrieve(t.ctx, t.reader, props, from)
	if fault != nil {
		return nil, fault
	}
	var refs []types.ManagedObjectReference
	for _, content := range contents {
		for _, property := range content.PropSet {
			switch value := property.Val.(type) {
			case types.ManagedObjectReference:
				refs = append(refs, value)
			case types.ArrayOfManagedObjectReference:
				refs = append(refs, value.ManagedObjectReference...)
			}
		}
	}
	return refs, nil
}

func (t *traversal) isA(ref types.ManagedObjectReference, kind string) bool {
	obj := objectOf(t.ctx, ref)
	return obj != nil && (kind == "" || isA(obj, ref, kind))
}

// gatherNames finds the specs that others call by their names, however deep they are.
func gatherNames(selections []types.BaseSelectionSpec, named map[string]*types.TraversalSpec) {
	for _, selection := range selections {
		if spec, ok := selection.(*types.TraversalSpec); ok {
			if spec.Name != "" {
				named[spec.Name] = spec
			}
			gatherNames(spec.SelectSet, named)
		}
	}
}

// specsOf gives the specs of steps, each once, in their order.
func specsOf(steps []step) (specs []*types.TraversalSpec) {
	for _, s := range steps {
		if !slices.Contains(specs, s.by) {
			specs = append(specs, s.by)
		}
	}
	return specs
}
