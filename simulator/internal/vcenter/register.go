package vcenter

import (
	"os"
	"path"
	"slices"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// Folder differs from vcsim's in RegisterVM_Task, which there gives a VM without devices, and in that a CreateVM_Task
// whose datastore is not there, too full or out of its hosts' reach is refused (Folder in the vSphere Web Services API:
// RegisterVM_Task has AlreadyExists, InvalidDatastore, NotFound among its faults).
type Folder struct {
	*simulator.Folder
	vc *VCenter
}

// RegisterVMTask puts a VM into the inventory as its .vmx describes it: with its disks, its identity and its name.
func (f *Folder) RegisterVMTask(ctx *simulator.Context, req *types.RegisterVM_Task) soap.HasFault {
	vmx, fault := f.readRegistered(req)
	if fault != nil {
		body := new(methods.RegisterVM_TaskBody)
		ref, refused := f.fails(ctx, "registerVm", "RegisterVM_Task", req.Name, fault)
		if refused != nil {
			body.Fault_ = refusal(refused)
			return body
		}
		body.Res = &types.RegisterVM_TaskResponse{Returnval: ref}
		return body
	}
	asked := *req
	if asked.Name == "" { // "the displayName configuration parameter of the virtual machine is used"
		asked.Name = vmx.values["displayName"]
	}
	f.vc.mu.Lock()
	f.vc.registering[asked.Path] = vmx
	f.vc.mu.Unlock()
	return f.Folder.RegisterVMTask(ctx, &asked)
}

// readRegistered reads the .vmx that a request names, or gives the fault that refuses it. That the VM is registered
// already vcsim finds out.
func (f *Folder) readRegistered(req *types.RegisterVM_Task) (*vmxFile, types.BaseMethodFault) {
	if req.Path == "" {
		return nil, &types.InvalidArgument{InvalidProperty: "path"}
	}
	switch { // as vcsim
	case req.AsTemplate && req.Host == nil:
		return nil, &types.InvalidArgument{InvalidProperty: "host"}
	case req.AsTemplate == (req.Pool != nil):
		return nil, &types.InvalidArgument{InvalidProperty: "pool"}
	}
	s, name, fault := f.vc.locate(f.vc.datacenterAbove(f.Folder), req.Path)
	if fault != nil {
		return nil, fault
	}
	if fault := s.readable(); fault != nil {
		return nil, fault
	}
	at := place{s, name}
	if fault := f.reachable(s, req.Pool, req.Host); fault != nil {
		return nil, fault
	}
	content, err := os.ReadFile(at.file())
	if err != nil || path.Ext(at.name) != ".vmx" && path.Ext(at.name) != ".vmtx" {
		return nil, new(types.NotFound)
	}
	req.Path = at.url()
	// vcsim wants two files more, which a VM that was copied by its .vmx and disks does not have.
	base := path.Join(path.Dir(at.name), req.Name)
	vmx := parseVMX(at, content)
	if req.Name == "" {
		base = path.Join(path.Dir(at.name), vmx.values["displayName"])
	}
	for _, missing := range []string{base + ".nvram", path.Join(path.Dir(at.name), "vmware.log")} {
		file, err := os.OpenFile(s.file(missing), os.O_CREATE|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, fileFault(s.url(missing), err)
		}
		_ = file.Close()
	}
	return vmx, nil
}

// CreateVMTask makes a VM. What vcsim would end the program over, or never notice, is refused.
func (f *Folder) CreateVMTask(ctx *simulator.Context, req *types.CreateVM_Task) soap.HasFault {
	fault := f.checkCreation(req)
	if fault == nil {
		return f.Folder.CreateVMTask(ctx, req)
	}
	body := new(methods.CreateVM_TaskBody)
	ref, refused := f.fails(ctx, "createVm", "CreateVM_Task", req.Config.Name, fault)
	if refused != nil {
		body.Fault_ = refusal(refused)
		return body
	}
	body.Res = &types.CreateVM_TaskResponse{Returnval: ref}
	return body
}

func (f *Folder) checkCreation(req *types.CreateVM_Task) types.BaseMethodFault {
	if req.Config.Files == nil || req.Config.Files.VmPathName == "" {
		return nil // vcsim's to refuse
	}
	datacenter := f.vc.datacenterAbove(f.Folder)
	home, _, fault := f.vc.locate(datacenter, req.Config.Files.VmPathName)
	if fault != nil {
		return fault
	}
	stores := []*store{home}
	needs := make(map[*store]int64)
	for _, change := range req.Config.DeviceChange {
		spec := change.GetVirtualDeviceConfigSpec()
		device, isDisk := spec.Device.(*types.VirtualDisk)
		if !isDisk {
			continue
		}
		file, ok := device.Backing.(types.BaseVirtualDeviceFileBackingInfo)
		if !ok {
			continue
		}
		var named object.DatastorePath
		s := home
		if named.FromString(file.GetVirtualDeviceFileBackingInfo().FileName) && named.Datastore != "" {
			if s = f.vc.storeNamed(datacenter, named.Datastore); s == nil {
				return &types.InvalidDatastore{Name: named.Datastore}
			}
		}
		stores = append(stores, s)
		flat, ok := device.Backing.(*types.VirtualDiskFlatVer2BackingInfo)
		if ok && spec.FileOperation == types.VirtualDeviceConfigSpecFileOperationCreate && !isTrue(flat.ThinProvisioned) {
			if needs[s] += bytesAsked(device); needs[s] > s.account.Free() {
				return noSpace(s, named.Path)
			}
		}
	}
	for _, s := range stores {
		if fault := f.reachable(s, &req.Pool, req.Host); fault != nil {
			return fault
		}
	}
	return nil
}

// reachable gives the fault of a datastore that takes nothing new, or that the host, or every host of the pool, does not
// mount.
func (f *Folder) reachable(s *store, pool, host *types.ManagedObjectReference) types.BaseMethodFault {
	if fault := s.usable(); fault != nil {
		return fault
	}
	var hosts []types.ManagedObjectReference
	switch {
	case host != nil:
		hosts = append(hosts, *host)
	case pool != nil:
		hosts = f.vc.computeOf(*pool).Host
	}
	ctx := f.vc.newContext()
	if !slices.ContainsFunc(hosts, func(h types.ManagedObjectReference) bool { return f.vc.reach(ctx, h, s, true) == nil }) {
		return invalidDatastore(s)
	}
	return nil
}

// fails makes a task of the folder that fails at once.
func (f *Folder) fails(ctx *simulator.Context, id, method, name string, fault types.BaseMethodFault) (types.ManagedObjectReference, types.BaseMethodFault) {
	return f.vc.start(ctx, job{
		entity: f.Folder,
		id:     "Folder." + id,
		method: method,
		name:   name,
		run:    func(*operation) (types.AnyType, types.BaseMethodFault) { return nil, fault },
	})
}

// UnregisterVM takes a VM out of the inventory and leaves its files, with the space that they take. The .vmx tells for
// the last time what the VM is.
func (vm *VirtualMachine) UnregisterVM(ctx *simulator.Context, req *types.UnregisterVM) soap.HasFault {
	vm.vc.writeVMX(vm.VirtualMachine)
	return vm.VirtualMachine.UnregisterVM(ctx, req)
}
