// Package inventory makes what a scenario describes, with the same calls that an administrator's tool would use.
package inventory

import (
	"context"
	"fmt"
	"path/filepath"
	"sync"

	"github.com/vmware/govmomi/object"
	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25"
	"github.com/vmware/govmomi/vim25/methods"
	"github.com/vmware/govmomi/vim25/types"

	"vrelocate/simulator/internal/scenario"
)

// EmptyModel is a vCenter with a root folder and nothing in it.
func EmptyModel() *simulator.Model {
	model := simulator.VPX()
	model.Datacenter, model.Cluster, model.ClusterHost, model.Host = 0, 0, 0, 0
	model.Datastore, model.Machine, model.Portgroup = 0, 0, 0
	return model
}

// Built is what Build made: the objects of the scenario's names.
type Built struct {
	Datastores map[types.ManagedObjectReference]scenario.Datastore

	mu     sync.Mutex
	tagged map[types.ManagedObjectReference][]string // category/tag
}

// builder is one run of Build.
type builder struct {
	ctx      context.Context
	registry *simulator.Registry
	client   *vim25.Client
	home     string // folder of the datastores' folders
	built    *Built
}

// Build fills an empty model. The tags are given later, by Built.Tag: only a vCenter that answers has tags.
func Build(ctx context.Context, model *simulator.Model, s *scenario.Scenario) (*Built, error) {
	client, err := vim25.NewClient(ctx, model.Service)
	if err != nil {
		return nil, err
	}
	b := &builder{
		ctx:      ctx,
		registry: model.Map(),
		client:   client,
		built: &Built{
			Datastores: make(map[types.ManagedObjectReference]scenario.Datastore),
			tagged:     make(map[types.ManagedObjectReference][]string),
		},
	}
	if b.home, err = b.datastoreHome(); err != nil {
		return nil, err
	}
	for i := range s.Datacenters {
		if err := b.datacenter(&s.Datacenters[i]); err != nil {
			return nil, fmt.Errorf("datacenter %q: %w", s.Datacenters[i].Name, err)
		}
	}
	return b.built, nil
}

// datastoreHome asks for the folder that the model removes at its end.
func (b *builder) datastoreHome() (string, error) {
	options, err := methods.QueryOptions(b.ctx, b.client, &types.QueryOptions{
		This: *b.client.ServiceContent.Setting,
		Name: "vcsim.home",
	})
	if err != nil {
		return "", err
	}
	return options.Returnval[0].GetOptionValue().Value.(string), nil
}

func (b *builder) datacenter(dc *scenario.Datacenter) error {
	made, err := object.NewRootFolder(b.client).CreateDatacenter(b.ctx, dc.Name)
	if err != nil {
		return err
	}
	folders, err := made.Folders(b.ctx)
	if err != nil {
		return err
	}

	place := &placement{dc: dc, datacenter: made.Reference(), folder: folders.VmFolder,
		hosts: make(map[string]*object.HostSystem), pools: make(map[string]*object.ResourcePool)}
	for _, cluster := range dc.Clusters {
		if err := b.cluster(place, folders.HostFolder, cluster); err != nil {
			return fmt.Errorf("cluster %q: %w", cluster.Name, err)
		}
	}
	place.dirs = make(map[string]string)
	for i := range dc.Datastores {
		ds := &dc.Datastores[i]
		place.dirs[ds.Name] = filepath.Join(b.home, dc.Name, ds.Name)
		if err := b.datastore(place, ds); err != nil {
			return fmt.Errorf("datastore %q: %w", ds.Name, err)
		}
	}
	for _, loose := range dc.Disks {
		if err := b.looseDisk(place, loose); err != nil {
			return fmt.Errorf("disk %q: %w", loose.Path, err)
		}
	}
	for _, fcd := range dc.FCDs {
		if err := b.firstClassDisk(place, fcd); err != nil {
			return fmt.Errorf("fcd %q: %w", fcd.Name, err)
		}
	}
	if err := b.pods(place, folders.DatastoreFolder); err != nil {
		return err
	}
	if err := b.vms(place); err != nil {
		return err
	}
	b.unusualHosts(place)
	return nil
}

// placement is where the things of one datacenter go.
type placement struct {
	dc         *scenario.Datacenter
	datacenter types.ManagedObjectReference
	folder     *object.Folder
	hosts      map[string]*object.HostSystem
	pools      map[string]*object.ResourcePool // by cluster
	dirs       map[string]string               // by datastore: its folder on this machine
}

func (b *builder) cluster(place *placement, folder *object.Folder, cluster scenario.Cluster) error {
	made, err := folder.CreateCluster(b.ctx, cluster.Name, types.ClusterConfigSpecEx{})
	if err != nil {
		return err
	}
	for _, name := range cluster.Hosts {
		task, err := made.AddHost(b.ctx, types.HostConnectSpec{HostName: name}, true, nil, nil)
		if err != nil {
			return fmt.Errorf("host %q: %w", name, err)
		}
		info, err := task.WaitForResult(b.ctx, nil)
		if err != nil {
			return fmt.Errorf("host %q: %w", name, err)
		}
		place.hosts[name] = object.NewHostSystem(b.client, info.Result.(types.ManagedObjectReference))
	}
	place.pools[cluster.Name], err = made.ResourcePool(b.ctx)
	return err
}
