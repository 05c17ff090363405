package vcenter

import (
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/simulator/vpx"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/soap"
	"github.com/vmware/govmomi/vim25/types"
)

// ApplyStorageDrsRecommendationTask does what was recommended, each once: the task ends with the relocation or clone
// that it starts, and its result names the VM. InvalidArgument for a key that is not known, or was applied.
func (m *StorageResourceManager) ApplyStorageDrsRecommendationTask(ctx *simulator.Context, req *types.ApplyStorageDrsRecommendation_Task) soap.HasFault {
	body := new(methods.ApplyStorageDrsRecommendation_TaskBody)
	ref, fault := m.vc.start(ctx, job{
		entity: m.vc.registry.Get(vpx.RootFolder.Self), // the manager is no ManagedEntity
		id:     "StorageResourceManager.applyRecommendation",
		method: "ApplyStorageDrsRecommendation_Task",
		name:   "Storage DRS",
		run: func(op *operation) (types.AnyType, types.BaseMethodFault) {
			return op.applyRecommendations(req.Key)
		},
	})
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.ApplyStorageDrsRecommendation_TaskResponse{Returnval: ref}
	return body
}

func (op *operation) applyRecommendations(keys []string) (types.AnyType, types.BaseMethodFault) {
	var result types.ApplyStorageRecommendationResult
	for _, key := range keys {
		apply := op.vc.recommended.take(key)
		if apply == nil {
			return nil, &types.InvalidArgument{InvalidProperty: "key"}
		}
		task, fault := apply(op)
		if fault != nil {
			return nil, fault
		}
		made, fault := op.ended(task)
		if fault != nil {
			return nil, fault
		}
		if vm, ok := made.(types.ManagedObjectReference); ok {
			result.Vm = &vm
		} else if inner, ok := op.vc.registry.Get(task).(*simulator.Task); ok {
			result.Vm = inner.Info.Entity
		}
	}
	return result, nil
}

// ConfigureStorageDrsForPodTask switches Storage DRS of a pod on and off, and says whether it acts by itself. vcsim's
// does it where readers may be looking, and tells nobody.
func (m *StorageResourceManager) ConfigureStorageDrsForPodTask(ctx *simulator.Context, req *types.ConfigureStorageDrsForPod_Task) soap.HasFault {
	body := new(methods.ConfigureStorageDrsForPod_TaskBody)
	pod, ok := m.vc.registry.Get(req.Pod).(*simulator.StoragePod)
	if !ok {
		body.Fault_ = refusal(&types.ManagedObjectNotFound{Obj: req.Pod})
		return body
	}
	ref, fault := m.vc.start(ctx, job{
		entity: pod,
		id:     "StorageResourceManager.configureStorageDrsForPod",
		method: "ConfigureStorageDrsForPod_Task",
		name:   pod.Name,
		run: func(op *operation) (types.AnyType, types.BaseMethodFault) {
			op.ctx.WithLock(pod, func() { configurePod(op.ctx, pod, req.Spec.PodConfigSpec) })
			return nil, nil
		},
	})
	if fault != nil {
		body.Fault_ = refusal(fault)
		return body
	}
	body.Res = &types.ConfigureStorageDrsForPod_TaskResponse{Returnval: ref}
	return body
}

// configurePod changes what a spec sets. The pod's lock is held.
func configurePod(ctx *simulator.Context, pod *simulator.StoragePod, spec *types.StorageDrsPodConfigSpec) {
	if spec == nil {
		return
	}
	entry := *pod.PodStorageDrsEntry
	config := &entry.StorageDrsConfig.PodConfig
	if spec.Enabled != nil {
		config.Enabled = *spec.Enabled
	}
	if spec.DefaultVmBehavior != "" {
		config.DefaultVmBehavior = spec.DefaultVmBehavior
	}
	if spec.LoadBalanceInterval != 0 {
		config.LoadBalanceInterval = spec.LoadBalanceInterval
	}
	if spec.DefaultIntraVmAffinity != nil {
		config.DefaultIntraVmAffinity = spec.DefaultIntraVmAffinity
	}
	ctx.Update(pod, []types.PropertyChange{{Name: "podStorageDrsEntry", Val: entry}})
}
