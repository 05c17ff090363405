package vcenter

import (
	"reflect"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/disk"
)

// read gives the disk that a query names.
func (m *VirtualDiskManager) read(datacenter *types.ManagedObjectReference, name string) (place, disk.Disk, types.BaseMethodFault) {
	s, path, fault := m.vc.locateDisk(datacenter, name, "name")
	if fault != nil {
		return place{}, disk.Disk{}, fault
	}
	at := place{s, path}
	if fault := s.readable(); fault != nil {
		return at, disk.Disk{}, fault
	}
	d, err := disk.Read(at.file())
	if err != nil {
		return at, d, fileFault(name, err)
	}
	return at, d, nil
}

// QueryVirtualDiskUuid gives the UUID that lies in the disk's descriptor, in the spelling of a vCenter: "60 00 C2 9e
// a7 e8 26 9c-7d 20 45 4c 72 2a af 40" (see disk.SpacedUUID). vcsim makes one from the disk's path.
func (m *VirtualDiskManager) QueryVirtualDiskUuid(_ *simulator.Context, req *types.QueryVirtualDiskUuid) soap.HasFault {
	body := new(methods.QueryVirtualDiskUuidBody)
	_, d, fault := m.read(req.Datacenter, req.Name)
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.QueryVirtualDiskUuidResponse{Returnval: disk.SpacedUUID(d.UUID)}
	return body
}

// SetVirtualDiskUuid keeps a UUID in the disk's descriptor, "a hex representation of a unique ID": InvalidArgument for
// anything else.
func (m *VirtualDiskManager) SetVirtualDiskUuid(ctx *simulator.Context, req *types.SetVirtualDiskUuid) soap.HasFault {
	body := new(methods.SetVirtualDiskUuidBody)
	at, d, fault := m.read(req.Datacenter, req.Name)
	switch {
	case fault != nil:
	case !disk.IsUUID(req.Uuid):
		fault = &types.InvalidArgument{InvalidProperty: "uuid"}
	case m.vc.claimed(at.url()), m.vc.inUse(ctx, at.store, at.name):
		fault = fileLocked(at)
	default:
		d.UUID = disk.DashedUUID(req.Uuid)
		if err := disk.Write(at.file(), d); err != nil {
			fault = fileFault(req.Name, err)
		}
	}
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = new(types.SetVirtualDiskUuidResponse)
	return body
}

// QueryVirtualDiskFragmentation gives "the percentage of fragmentation of the sparse virtual disk": a flat one has none.
func (m *VirtualDiskManager) QueryVirtualDiskFragmentation(_ *simulator.Context, req *types.QueryVirtualDiskFragmentation) soap.HasFault {
	body := new(methods.QueryVirtualDiskFragmentationBody)
	if _, _, fault := m.read(req.Datacenter, req.Name); fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = new(types.QueryVirtualDiskFragmentationResponse)
	return body
}

// QueryVirtualDiskGeometry gives the geometry that the adapters' BIOS makes up for a disk of its size (VMware's Virtual
// Disk Format 5.0, "The Disk Database": 255 heads and 63 sectors, less below 2 GB).
func (m *VirtualDiskManager) QueryVirtualDiskGeometry(_ *simulator.Context, req *types.QueryVirtualDiskGeometry) soap.HasFault {
	body := new(methods.QueryVirtualDiskGeometryBody)
	_, d, fault := m.read(req.Datacenter, req.Name)
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.QueryVirtualDiskGeometryResponse{Returnval: geometry(d.CapacityBytes)}
	return body
}

func geometry(capacity int64) types.HostDiskDimensionsChs {
	const sector = 512
	chs := types.HostDiskDimensionsChs{Head: 255, Sector: 63}
	switch {
	case capacity < 1<<30:
		chs.Head, chs.Sector = 64, 32
	case capacity < 2<<30:
		chs.Head, chs.Sector = 128, 32
	}
	chs.Cylinder = capacity / sector / int64(chs.Head*chs.Sector)
	return chs
}

// queryVirtualDiskInfoResponse is as the name says; the library keeps its own to itself.
type queryVirtualDiskInfoResponse struct {
	Returnval types.ManagedObjectReference `xml:"returnval"`
}

type queryVirtualDiskInfoBody struct {
	Res    *queryVirtualDiskInfoResponse `xml:"urn:vim25 QueryVirtualDiskInfo_TaskResponse,omitempty"`
	Fault_ *soap.Fault
}

func (b *queryVirtualDiskInfoBody) Fault() *soap.Fault { return b.Fault_ }

// QueryVirtualDiskInfoTask tells a disk's type and, if asked to, all that it is a delta of. It is a method of the
// internal API, known from govmomi's object.VirtualDiskManager, which has the request's type to itself: so it is read by
// its fields' names. vcsim calls every disk thin and without parents.
func (m *VirtualDiskManager) QueryVirtualDiskInfoTask(ctx *simulator.Context, request any) soap.HasFault {
	req := reflect.ValueOf(request).Elem()
	name := req.FieldByName("Name").String()
	datacenter := req.FieldByName("Datacenter").Interface().(*types.ManagedObjectReference)
	parents := req.FieldByName("IncludeParents").Bool()

	body := new(queryVirtualDiskInfoBody)
	at, _, fault := m.read(datacenter, name)
	var ref types.ManagedObjectReference
	if fault == nil {
		ref, fault = m.vc.start(ctx, job{
			entity: m.vc.registry.Get(at.store.ref),
			id:     "VirtualDiskManager.queryVirtualDiskInfo",
			method: "QueryVirtualDiskInfo_Task",
			name:   name,
			run: func(*operation) (types.AnyType, types.BaseMethodFault) {
				return m.vc.diskInfo(at, parents)
			},
		})
	}
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &queryVirtualDiskInfoResponse{Returnval: ref}
	return body
}

// diskInfo tells of a disk, and of those below it.
func (vc *VCenter) diskInfo(at place, parents bool) ([]object.VirtualDiskInfo, types.BaseMethodFault) {
	chain, fault := vc.chainOf(at)
	if fault != nil {
		return nil, fault
	}
	infos := make([]object.VirtualDiskInfo, len(chain))
	for i, link := range chain {
		infos[i] = object.VirtualDiskInfo{Name: link.url(), DiskType: string(link.disk.Kind)}
		if link.disk.IsDelta() {
			infos[i].DiskType = string(types.VirtualDiskTypeDelta)
			infos[i].Parent = chain[i+1].url()
		}
	}
	if !parents {
		infos = infos[:1]
	}
	return infos, nil
}
