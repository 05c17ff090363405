package vcenter

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/mo"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/scenario"
	"vrelocate/simulator/internal/space"
)

// store is a datastore as we keep it: a folder of this machine and an account of its space.
type store struct {
	ref        types.ManagedObjectReference
	datacenter types.ManagedObjectReference
	name       string
	dir        string // its folder on this machine
	account    *space.Account
	condition  condition
}

// open starts the account of a datastore.
func (vc *VCenter) open(ds *simulator.Datastore, known DatastoreOptions) *store {
	if known.CapacityBytes == 0 {
		known.CapacityBytes = ds.Summary.Capacity
	}
	if known.BytesPerSecond == 0 {
		known.BytesPerSecond = int64(scenario.DefaultRate)
	}
	vc.network.AddLink(ds.Self.Value, known.BytesPerSecond)
	s := &store{
		ref:     ds.Self,
		name:    ds.Name,
		dir:     ds.Info.GetDatastoreInfo().Url,
		account: space.NewAccount(known.CapacityBytes, known.UsedElsewhereBytes),
	}
	s.condition.maintenance = types.DatastoreSummaryMaintenanceModeState(cmp.Or(ds.Summary.MaintenanceMode, "normal"))
	s.condition.accessible = ds.Summary.Accessible
	if dc := vc.parent(ds, "Datacenter"); dc != nil {
		s.datacenter = dc.Reference()
	}
	vc.mu.Lock()
	defer vc.mu.Unlock()
	vc.stores[s.ref] = s
	vc.named[placeName{s.datacenter, s.name}] = s
	return s
}

// placeName is what a datastore's name is unique in.
type placeName struct {
	datacenter types.ManagedObjectReference
	name       string
}

// store gives a datastore by reference; nil if there is none. One that was made since the start is opened now.
func (vc *VCenter) store(ref types.ManagedObjectReference) *store {
	vc.mu.Lock()
	s := vc.stores[ref]
	vc.mu.Unlock()
	if s != nil {
		return s
	}
	ds, ok := vc.registry.Get(ref).(*simulator.Datastore)
	if !ok {
		return nil
	}
	return vc.open(ds, DatastoreOptions{})
}

// storeNamed gives a datacenter's datastore by name; nil if there is none.
func (vc *VCenter) storeNamed(datacenter types.ManagedObjectReference, name string) *store {
	vc.mu.Lock()
	s := vc.named[placeName{datacenter, name}]
	vc.mu.Unlock()
	if s != nil {
		return s
	}
	for _, entity := range vc.registry.All("Datastore") {
		if s := vc.store(entity.Reference()); s.name == name && s.datacenter == datacenter {
			return s
		}
	}
	return nil
}

// locate takes a path such as "[ds-old] app-01/app-01.vmdk" apart.
func (vc *VCenter) locate(datacenter types.ManagedObjectReference, name string) (*store, string, types.BaseMethodFault) {
	var p object.DatastorePath
	if !p.FromString(name) {
		return nil, "", &types.InvalidDatastorePath{InvalidDatastore: types.InvalidDatastore{Name: name}, DatastorePath: name}
	}
	s := vc.storeNamed(datacenter, p.Datastore)
	if s == nil {
		return nil, "", &types.InvalidDatastore{Name: p.Datastore}
	}
	clean := path.Clean("/" + p.Path)[1:] // nothing climbs out of the datastore
	return s, clean, nil
}

// file gives where a path of the datastore lies on this machine.
func (s *store) file(name string) string { return filepath.Join(s.dir, filepath.FromSlash(name)) }

// url gives a path of the datastore in vSphere's form.
func (s *store) url(name string) string {
	return (&object.DatastorePath{Datastore: s.name, Path: name}).String()
}

// tidy removes a VM's folder when nothing is left in it.
func (s *store) tidy(folder string) {
	if folder != "." { // the datastore itself
		_ = os.Remove(s.file(folder)) // fails, as it should, while something is in it
	}
}

// scan counts anew what a folder's files take; the folder "" is the whole datastore.
func (s *store) scan(folder string) error {
	take, err := s.look(folder)
	if err != nil {
		return err
	}
	take()
	return nil
}

// look sees what a folder's files take, and gives what puts that into the account. Operations go on meanwhile.
func (s *store) look(folder string) (take func(), err error) {
	count := s.account.Count()
	found := make(map[string]int64)
	err = filepath.WalkDir(s.file(folder), func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return skipGone(err)
		}
		name, err := filepath.Rel(s.dir, file)
		if err != nil {
			return err
		}
		if bytes, counts := counted(file); counts {
			found[filepath.ToSlash(name)] = bytes
		}
		return nil
	})
	if err != nil {
		count.Drop()
		return nil, err
	}
	return func() { count.Replace(folder, found) }, nil
}

// skipGone lets a walk pass over what was removed under its feet.
func skipGone(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// parent goes up from an entity to the first of a kind; nil if there is none.
func (vc *VCenter) parent(entity mo.Entity, kind string) mo.Entity {
	for entity.Entity().Parent != nil {
		above, ok := vc.registry.Get(*entity.Entity().Parent).(mo.Entity)
		if !ok {
			return nil
		}
		if above.Reference().Type == kind {
			return above
		}
		entity = above
	}
	return nil
}

// datacenterAbove gives the datacenter that a folder is in.
func (vc *VCenter) datacenterAbove(folder *simulator.Folder) types.ManagedObjectReference {
	if dc := vc.parent(folder, "Datacenter"); dc != nil {
		return dc.Reference()
	}
	return types.ManagedObjectReference{}
}
