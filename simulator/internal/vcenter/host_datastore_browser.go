package vcenter

import (
	"os"
	"path"
	"slices"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/disk"
)

// HostDatastoreBrowser differs from vcsim's in what it says of disks: capacity, thin or thick, extents, and the space
// that they take (VmDiskFileInfo in the vSphere Web Services API). Folder paths have the form that a vCenter gives them,
// "[ds] folder/"; vcsim's is "[ds]/folder".
type HostDatastoreBrowser struct {
	*simulator.HostDatastoreBrowser
	vc *VCenter
}

// SearchDatastoreTask looks into one folder.
func (b *HostDatastoreBrowser) SearchDatastoreTask(ctx *simulator.Context, req *types.SearchDatastore_Task) soap.HasFault {
	body := new(methods.SearchDatastore_TaskBody)
	ref, fault := b.start(ctx, "searchDatastore", req.DatastorePath, func(s *search) (types.AnyType, error) {
		err := s.folder(s.root)
		if err != nil {
			return nil, err
		}
		return s.results[0], nil
	}, req.SearchSpec)
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.SearchDatastore_TaskResponse{Returnval: ref}
	return body
}

// SearchDatastoreSubFoldersTask looks into a folder and all below it.
func (b *HostDatastoreBrowser) SearchDatastoreSubFoldersTask(ctx *simulator.Context, req *types.SearchDatastoreSubFolders_Task) soap.HasFault {
	body := new(methods.SearchDatastoreSubFolders_TaskBody)
	ref, fault := b.start(ctx, "searchDatastoreSubFolders", req.DatastorePath, func(s *search) (types.AnyType, error) {
		err := s.tree(s.root)
		return types.ArrayOfHostDatastoreBrowserSearchResults{HostDatastoreBrowserSearchResults: s.results}, err
	}, req.SearchSpec)
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.SearchDatastoreSubFolders_TaskResponse{Returnval: ref}
	return body
}

// start makes the task of a search. Its entity is the datastore, as vcsim has it too.
func (b *HostDatastoreBrowser) start(ctx *simulator.Context, id, where string, look func(*search) (types.AnyType, error),
	spec *types.HostDatastoreBrowserSearchSpec) (types.ManagedObjectReference, types.BaseMethodFault) {
	s, root, fault := b.locate(where)
	if fault != nil {
		return types.ManagedObjectReference{}, fault
	}
	if spec == nil {
		spec = new(types.HostDatastoreBrowserSearchSpec)
	}
	return b.vc.start(ctx, job{
		entity: b.vc.registry.Get(s.ref),
		id:     "HostDatastoreBrowser." + id,
		method: methodOf(id),
		name:   s.name,
		run: func(*operation) (types.AnyType, types.BaseMethodFault) {
			result, err := look(&search{store: s, root: root, spec: spec})
			if err != nil {
				return nil, fileFault(where, err)
			}
			return result, nil
		},
	})
}

// locate finds the folder to look into, on one of the browser's datastores.
func (b *HostDatastoreBrowser) locate(where string) (*store, string, types.BaseMethodFault) {
	for _, ref := range b.Datastore {
		s := b.vc.store(ref)
		if s == nil {
			continue
		}
		if found, root, fault := b.vc.locate(s.datacenter, where); fault == nil && found == s {
			return s, root, nil
		}
	}
	return nil, "", &types.InvalidDatastorePath{InvalidDatastore: types.InvalidDatastore{Name: where}, DatastorePath: where}
}

// search is one look into a datastore.
type search struct {
	store   *store
	root    string
	spec    *types.HostDatastoreBrowserSearchSpec
	results []types.HostDatastoreBrowserSearchResults
}

// tree looks into a folder and all below it.
func (s *search) tree(folder string) error {
	if err := s.folder(folder); err != nil {
		return err
	}
	entries, err := os.ReadDir(s.store.file(folder))
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if entry.IsDir() {
			// One that goes meanwhile is passed over; those after it are not.
			if err := skipGone(s.tree(path.Join(folder, entry.Name()))); err != nil {
				return err
			}
		}
	}
	return nil
}

// folder adds the results of one folder.
func (s *search) folder(folder string) error {
	entries, err := os.ReadDir(s.store.file(folder))
	if err != nil {
		return err
	}
	name := s.store.url(folder)
	if folder != "" {
		name += "/"
	}
	result := types.HostDatastoreBrowserSearchResults{Datastore: &s.store.ref, FolderPath: name}
	for _, entry := range entries {
		info, err := entry.Info()
		if err != nil {
			continue // gone meanwhile
		}
		if file := s.describe(folder, info); file != nil {
			result.File = append(result.File, file)
		}
	}
	s.results = append(s.results, result)
	return nil
}

// describe gives what the search asks about a file; nil if it does not ask for the file.
func (s *search) describe(folder string, info os.FileInfo) types.BaseFileInfo {
	if !s.named(info.Name()) {
		return nil
	}
	query, asked := s.query(info)
	if !asked {
		return nil
	}
	general := s.general(path.Join(folder, info.Name()), info)
	_, forDisks := query.(*types.VmDiskFileQuery)
	typed := forDisks || s.spec.Details != nil && s.spec.Details.FileType
	switch ext := path.Ext(info.Name()); {
	case info.IsDir():
		return &types.FolderFileInfo{FileInfo: general}
	case !typed:
		return &general
	case ext == ".vmdk":
		return s.disk(path.Join(folder, info.Name()), general, query)
	case ext == ".vmx":
		return &types.VmConfigFileInfo{FileInfo: general}
	case ext == ".nvram":
		return &types.VmNvramFileInfo{FileInfo: general}
	case ext == ".log":
		return &types.VmLogFileInfo{FileInfo: general}
	case ext == ".iso":
		return &types.IsoImageFileInfo{FileInfo: general}
	case ext == ".img", ext == ".flp":
		return &types.FloppyImageFileInfo{FileInfo: general}
	case ext == ".vmsn":
		return &types.VmSnapshotFileInfo{FileInfo: general}
	}
	return &general
}

// named tells whether a name matches the search's patterns; "if not set, all files match".
func (s *search) named(name string) bool {
	if len(s.spec.MatchPattern) == 0 {
		return true
	}
	return slices.ContainsFunc(s.spec.MatchPattern, func(pattern string) bool {
		matches, _ := path.Match(pattern, name)
		return matches
	})
}

// query gives the search's query that asks for a file. A search without queries asks for every file.
func (s *search) query(info os.FileInfo) (types.BaseFileQuery, bool) {
	if len(s.spec.Query) == 0 {
		return nil, true
	}
	for _, query := range s.spec.Query {
		if asksFor(query, info) {
			return query, true
		}
	}
	return nil, false
}

func asksFor(query types.BaseFileQuery, info os.FileInfo) bool {
	name := info.Name()
	ext := path.Ext(name)
	switch query.(type) {
	case *types.FolderFileQuery:
		return info.IsDir()
	case *types.VmDiskFileQuery:
		return disk.IsDescriptor(name) // "the virtual disk primary file"
	case *types.VmConfigFileQuery:
		return ext == ".vmx"
	case *types.VmLogFileQuery:
		return ext == ".log"
	case *types.VmNvramFileQuery:
		return ext == ".nvram"
	case *types.VmSnapshotFileQuery:
		return ext == ".vmsn"
	case *types.IsoImageFileQuery:
		return ext == ".iso"
	case *types.FloppyImageFileQuery:
		return ext == ".img" || ext == ".flp"
	case *types.FileQuery:
		return true
	}
	return false
}
