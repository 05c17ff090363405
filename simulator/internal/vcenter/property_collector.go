package vcenter

import (
	"context"
	"reflect"
	"strconv"
	"sync"
	"time"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// PropertyCollector differs from vcsim's in what waiting for updates costs: what the updates cost, not what the filter
// does. vcsim collects the whole filter anew for each update, so that with 600 tasks and 200 updates a second a client
// never learns of an end. Here a change marks its object; an answer reads the marked objects and nothing else.
//
// As in a vCenter (PropertyCollector.WaitForUpdatesEx in the vSphere Web Services API), several changes of a property
// between two answers are one, an answer that got lost can be asked for again with its old version, and a version of
// another time is refused with InvalidCollectorVersion.
//
// Reading properties is vcsim's.
type PropertyCollector struct {
	simulator.PropertyCollector

	answering sync.Mutex // one answer at a time

	mu      sync.Mutex
	filters []*PropertyFilter
	changed chan struct{}      // holds a token when a filter has something to say
	cancel  context.CancelFunc // of the wait under way

	// Of the last answer; they belong to answering.
	version  int
	previous string           // the version that the client had before it
	last     *types.UpdateSet // in case it got lost
	sentAt   time.Time
}

const (
	// pause is the least time between two answers: changes that come meanwhile go together.
	pause = 10 * time.Millisecond
	// maxObjects is how many objects an answer tells of at most (vCenter's default for WaitOptions.maxObjectUpdates).
	maxObjects = 100
	// endless is how long a wait without maxWaitSeconds lasts.
	endless = 24 * time.Hour
)

// collectCheaply puts our collector in the place of vcsim's. Each session gets a new one of the type that is there.
func (vc *VCenter) collectCheaply() {
	content := vc.registry.Get(serviceInstance).(*simulator.ServiceInstance).Content
	collector := new(PropertyCollector)
	collector.Self = content.PropertyCollector
	vc.registry.Put(collector)
}

var serviceInstance = types.ManagedObjectReference{Type: "ServiceInstance", Value: "ServiceInstance"}

// CreatePropertyCollector gives the session another collector.
func (pc *PropertyCollector) CreatePropertyCollector(ctx *simulator.Context, _ *types.CreatePropertyCollector) soap.HasFault {
	return &methods.CreatePropertyCollectorBody{Res: &types.CreatePropertyCollectorResponse{
		Returnval: ctx.Session.Put(new(PropertyCollector)).Reference(),
	}}
}

// DestroyPropertyCollector ends a collector with its filters.
func (pc *PropertyCollector) DestroyPropertyCollector(ctx *simulator.Context, req *types.DestroyPropertyCollector) soap.HasFault {
	pc.stopWaiting()
	for _, f := range pc.snapshot() {
		f.destroy(ctx)
	}
	ctx.Session.Remove(ctx, req.This)
	return &methods.DestroyPropertyCollectorBody{Res: new(types.DestroyPropertyCollectorResponse)}
}

// CreateFilter adds a filter. It says nothing until the next WaitForUpdatesEx. "If false or unset and objectSet refers to
// missing objects, filter creation will fail with a ManagedObjectNotFound fault"
// (PropertyFilterSpec.reportMissingObjectsInResults).
func (pc *PropertyCollector) CreateFilter(ctx *simulator.Context, req *types.CreateFilter) soap.HasFault {
	if missing := missingOf(ctx, req.Spec); len(missing) > 0 && !isTrue(req.Spec.ReportMissingObjectsInResults) {
		return &methods.CreateFilterBody{Fault_: refusal(&types.ManagedObjectNotFound{Obj: missing[0]})}
	}
	f := newFilter(pc, req.Spec, req.PartialUpdates)
	ctx.Session.Put(f)
	pc.mu.Lock()
	pc.filters = append(pc.filters, f)
	pc.Filter = append(pc.Filter, f.Self)
	pc.mu.Unlock()
	ctx.Map.AddHandler(f)
	pc.wake()
	return &methods.CreateFilterBody{Res: &types.CreateFilterResponse{Returnval: f.Self}}
}

// CancelWaitForUpdates ends the wait under way with RequestCanceled.
func (pc *PropertyCollector) CancelWaitForUpdates(*types.CancelWaitForUpdates) soap.HasFault {
	pc.stopWaiting()
	return &methods.CancelWaitForUpdatesBody{Res: new(types.CancelWaitForUpdatesResponse)}
}

func (pc *PropertyCollector) stopWaiting() {
	pc.mu.Lock()
	defer pc.mu.Unlock()
	if pc.cancel != nil {
		pc.cancel()
	}
}

// WaitForUpdatesEx answers when something has changed. A call that comes while another waits ends that one: its client
// has given it up.
func (pc *PropertyCollector) WaitForUpdatesEx(ctx *simulator.Context, req *types.WaitForUpdatesEx) soap.HasFault {
	patience, limit := waitOf(req.Options)
	wait, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	pc.stopWaiting()
	pc.answering.Lock()
	defer pc.answering.Unlock()
	pc.mu.Lock()
	pc.cancel = cancel
	pc.mu.Unlock()

	set, fault := pc.wait(wait, ctx, req.Version, limit, patience > 0)
	if fault != nil {
		return &methods.WaitForUpdatesExBody{Fault_: refusal(fault)}
	}
	return &methods.WaitForUpdatesExBody{Res: &types.WaitForUpdatesExResponse{Returnval: set}}
}

// waitOf reads WaitOptions: how long to wait, and of how many objects to tell.
func waitOf(options *types.WaitOptions) (patience time.Duration, limit int) {
	patience, limit = endless, maxObjects
	if options == nil {
		return patience, limit
	}
	if most := int(options.MaxObjectUpdates); most > 0 {
		limit = min(limit, most)
	}
	if options.MaxWaitSeconds != nil {
		patience = time.Duration(*options.MaxWaitSeconds) * time.Second
	}
	return patience, limit
}

// wait gives the next answer; nil when time is up without one.
func (pc *PropertyCollector) wait(wait context.Context, ctx *simulator.Context, version string, limit int, patience bool) (*types.UpdateSet, types.BaseMethodFault) {
	switch {
	case version == "": // the client knows nothing
		for _, f := range pc.snapshot() {
			f.restart()
		}
	case version == strconv.Itoa(pc.version):
	case pc.last != nil && version == pc.previous:
		return pc.last, nil
	default:
		return nil, new(types.InvalidCollectorVersion)
	}

	for {
		set, fault := pc.gather(ctx, limit)
		if fault != nil {
			return nil, fault
		}
		if set != nil || version == "" {
			return pc.answer(version, set), nil
		}
		if !patience {
			return nil, nil
		}
		select {
		case <-pc.signal():
		case <-wait.Done():
			return nil, ended(wait)
		}
		select {
		case <-time.After(time.Until(pc.sentAt.Add(pause))):
		case <-wait.Done():
			return nil, ended(wait)
		}
	}
}

// ended says why a wait is over: time is up, which is no fault, or it was cancelled.
func ended(wait context.Context) types.BaseMethodFault {
	if wait.Err() == context.Canceled {
		return new(types.RequestCanceled)
	}
	return nil
}

// answer numbers an answer and keeps it, in case it gets lost.
func (pc *PropertyCollector) answer(version string, set *types.UpdateSet) *types.UpdateSet {
	if set == nil {
		set = new(types.UpdateSet) // the first answer comes at once, even if no filter has an object
	}
	pc.version++
	set.Version = strconv.Itoa(pc.version)
	pc.previous, pc.last, pc.sentAt = version, set, time.Now()
	return set
}

// gather reads what the filters have to say, of limit objects at most; nil if they have nothing.
func (pc *PropertyCollector) gather(ctx *simulator.Context, limit int) (*types.UpdateSet, types.BaseMethodFault) {
	set := new(types.UpdateSet)
	for _, f := range pc.snapshot() {
		objects, more, fault := f.report(ctx, &pc.PropertyCollector, limit)
		if fault != nil {
			return nil, fault
		}
		limit -= len(objects)
		missing := f.takeMissing()
		if len(objects)+len(missing) > 0 {
			set.FilterSet = append(set.FilterSet, types.PropertyFilterUpdate{Filter: f.Self, ObjectSet: objects, MissingSet: missing})
		}
		if more {
			set.Truncated = types.NewBool(true)
			pc.wake()
		}
	}
	if len(set.FilterSet) == 0 {
		return nil, nil
	}
	return set, nil
}

func (pc *PropertyCollector) snapshot() []*PropertyFilter {
	pc.mu.Lock()
	defer pc.mu.Unlock()
	return append([]*PropertyFilter(nil), pc.filters...)
}

// signal gives the channel on which filters make themselves heard. A collector is made as a zero value, by vcsim.
func (pc *PropertyCollector) signal() chan struct{} {
	pc.mu.Lock()
	defer pc.mu.Unlock()
	if pc.changed == nil {
		pc.changed = make(chan struct{}, 1)
	}
	return pc.changed
}

func (pc *PropertyCollector) wake() {
	select {
	case pc.signal() <- struct{}{}:
	default:
	}
}

// WaitForUpdates is WaitForUpdatesEx as it was before vSphere 4.1.
func (pc *PropertyCollector) WaitForUpdates(ctx *simulator.Context, req *types.WaitForUpdates) soap.HasFault {
	res := pc.WaitForUpdatesEx(ctx, &types.WaitForUpdatesEx{This: req.This, Version: req.Version})
	if fault := res.Fault(); fault != nil {
		return &methods.WaitForUpdatesBody{Fault_: fault}
	}
	set := res.(*methods.WaitForUpdatesExBody).Res.Returnval
	return &methods.WaitForUpdatesBody{Res: &types.WaitForUpdatesResponse{Returnval: *set}}
}

// CheckForUpdates is WaitForUpdatesEx that does not wait.
func (pc *PropertyCollector) CheckForUpdates(ctx *simulator.Context, req *types.CheckForUpdates) soap.HasFault {
	now := int32(0)
	res := pc.WaitForUpdatesEx(ctx, &types.WaitForUpdatesEx{
		This: req.This, Version: req.Version, Options: &types.WaitOptions{MaxWaitSeconds: &now},
	})
	if fault := res.Fault(); fault != nil {
		return &methods.CheckForUpdatesBody{Fault_: fault}
	}
	return &methods.CheckForUpdatesBody{Res: &types.CheckForUpdatesResponse{
		Returnval: res.(*methods.WaitForUpdatesExBody).Res.Returnval,
	}}
}

// Fetch reads one property, as pyVmomi does for each attribute. To a property that is unset vcsim gives the answer of
// another method, which pyVmomi can't read; a vCenter's answer has no value in it. The request's type is vcsim's own, so
// vcsim's method is called by its name.
func (pc *PropertyCollector) Fetch(ctx *simulator.Context, req any) soap.HasFault {
	fetch := reflect.ValueOf(&pc.PropertyCollector).MethodByName("Fetch")
	res := fetch.Call([]reflect.Value{reflect.ValueOf(ctx), reflect.ValueOf(req)})[0].Interface().(soap.HasFault)
	if _, unset := res.(*methods.RetrievePropertiesExBody); unset && res.Fault() == nil {
		return &fetchBody{Res: new(FetchResponse)}
	}
	tellOfFirstClassDisks(ctx, res)
	return res
}

// FetchResponse is the answer to Fetch when the property is unset. Its name is that of the XML element.
type FetchResponse struct {
	Returnval types.AnyType `xml:"returnval,omitempty,typeattr"`
}

type fetchBody struct {
	Res    *FetchResponse `xml:"FetchResponse,omitempty"`
	Fault_ *soap.Fault    `xml:"http://schemas.xmlsoap.org/soap/envelope/ Fault,omitempty"`
}

func (b *fetchBody) Fault() *soap.Fault { return b.Fault_ }

var _ mo.Reference = (*PropertyCollector)(nil)
