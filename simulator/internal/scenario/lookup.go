package scenario

import "slices"

// HostsOf gives the hosts that a name stands for: a cluster's hosts, or the host itself.
func (dc *Datacenter) HostsOf(name string) []string {
	for _, cluster := range dc.Clusters {
		if cluster.Name == name {
			return cluster.Hosts
		}
		if slices.Contains(cluster.Hosts, name) {
			return []string{name}
		}
	}
	return nil
}

// Mounts gives the hosts that mount a datastore, each once.
func (dc *Datacenter) Mounts(ds *Datastore) []string {
	var hosts []string
	for _, name := range ds.Hosts {
		for _, host := range dc.HostsOf(name) {
			if !slices.Contains(hosts, host) {
				hosts = append(hosts, host)
			}
		}
	}
	return hosts
}

// Runners gives the hosts that a VM can run on: its host, or those of its cluster, that mount all of its datastores.
func (dc *Datacenter) Runners(vm *VM) []string {
	hosts := slices.Clone(dc.HostsOf(vm.Cluster))
	if vm.Host != "" {
		hosts = []string{vm.Host}
	}
	for _, name := range vm.datastores() {
		at := slices.IndexFunc(dc.Datastores, func(ds Datastore) bool { return ds.Name == name })
		if at < 0 {
			return nil
		}
		mounts := dc.Mounts(&dc.Datastores[at])
		hosts = slices.DeleteFunc(hosts, func(host string) bool { return !slices.Contains(mounts, host) })
	}
	return hosts
}

// datastores gives the datastores that a VM needs, each once.
func (vm *VM) datastores() []string {
	all := []string{vm.Datastore}
	for _, disk := range vm.Disks {
		all = append(all, disk.Datastore)
	}
	var once []string
	for _, name := range slices.Concat(all, vm.needs, vm.imageStores()) {
		if !slices.Contains(once, name) {
			once = append(once, name)
		}
	}
	return once
}
