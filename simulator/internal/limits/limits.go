// Package limits makes tasks wait when hosts, datastores or the vCenter have no room for them, as a vCenter does: "each
// host, datastore, or network resource has a maximum cost that it can support at any one time. Any new migration or
// provisioning operation that causes a resource to exceed its maximum cost does not proceed immediately, but is queued
// until other operations complete and release resources" (vCenter Server and Host Management, "Limits on Simultaneous
// Migrations").
//
// Network limits (of vMotion alone) are not simulated.
package limits

// Kind is what has a limit.
type Kind int

// The kinds of resource, in the order in which a task that keeps what it has takes them, see Gate.
const (
	Host         Kind = iota // units of a host: migrations, clones, other provisioning
	Datastore                // units of a datastore: vMotion and Storage vMotion
	FCDHost                  // relocations of first class disks that a host does
	FCDDatastore             // the same, from or to a datastore
	Tasks                    // running tasks of the whole vCenter
)

// Resource is one host or datastore, by its managed object's value, such as host-21; Tasks has no name.
type Resource struct {
	Kind Kind
	Name string
}

// Use is what a task takes of a resource while it runs.
type Use struct {
	Resource Resource
	Units    int
}

// Capacity says how much of each resource there is; 0 is without limit.
type Capacity struct {
	Host         int
	Datastore    int
	FCDHost      int
	FCDDatastore int
	Tasks        int
}

// Default is a vCenter's as it is installed. Host and datastore: Broadcom KB 326281, "Resource Manager Settings for
// Managing Migrations" (maxCostPerEsx6xHost 16, maxCostPerEsx6xDs 128). Tasks: "vCenter can execute approximately 640
// concurrent operations before incoming requests are queued" (VMware performance blog, "vCenter Limits for Tasks Running
// at the Same Time", 2021). First class disks: the numbers that are commonly given; no page of VMware was found to quote.
var Default = Capacity{Host: 16, Datastore: 128, FCDHost: 2, FCDDatastore: 8, Tasks: 640}

// What operations cost a host of the 16 units that it has since vSphere 6.0, and a datastore of its 128 (KB 326281, and
// the table "Host Migration Limits and Resource Costs", which counts in eighths: 1, 4 and 1). The blog above: an
// operation costs its source host and its target host, and a clone on one host costs it twice.
const (
	HostProvisioning     = 2  // a cold migration, a clone, a deployment: 8 a host
	HostLinkedClone      = 1  // of a snapshot that is there
	HostVMotion          = 2  // 8 a host
	HostStorageVMotion   = 8  // 2 a host
	DatastoreVMotion     = 1  // 128 a datastore
	DatastoreSVMotion    = 16 // 8 a datastore, as a source or a target
	firstClassRelocation = 1
)

// of gives how much there is of a resource.
func (c Capacity) of(kind Kind) int {
	switch kind {
	case Host:
		return c.Host
	case Datastore:
		return c.Datastore
	case FCDHost:
		return c.FCDHost
	case FCDDatastore:
		return c.FCDDatastore
	}
	return c.Tasks
}

// Cold is a migration of a VM that is off, from a host to a host (the same: it is taken once), and the like of it. The
// datastores' limits "apply to migrations with vMotion and with Storage vMotion", not to it.
func Cold(hosts ...string) []Use { return onHosts(HostProvisioning, hosts) }

// Clone is a clone of a VM, whose host is source, on a host target: "cloning a VM to the same host" takes it twice.
func Clone(source, target string) []Use {
	return []Use{{Resource{Host, source}, HostProvisioning}, {Resource{Host, target}, HostProvisioning}}
}

// LinkedClone is a clone that shares its source's disks.
func LinkedClone(hosts ...string) []Use { return onHosts(HostLinkedClone, hosts) }

// VMotion is a migration of a running VM to another host; its files stay on their datastores.
func VMotion(hosts, datastores []string) []Use {
	return append(onHosts(HostVMotion, hosts), onDatastores(DatastoreVMotion, datastores)...)
}

// StorageVMotion is a migration of a running VM's files, also when its host changes too: "vMotion without shared storage
// is equivalent to a Storage vMotion with a network cost of 1". Datastores are those that files leave or come to.
func StorageVMotion(hosts, datastores []string) []Use {
	return append(onHosts(HostStorageVMotion, hosts), onDatastores(DatastoreSVMotion, datastores)...)
}

// FCDRelocation is a relocation of a first class disk, done by a host.
func FCDRelocation(host string, datastores ...string) []Use {
	uses := []Use{{Resource{FCDHost, host}, firstClassRelocation}}
	for _, name := range unique(datastores) {
		uses = append(uses, Use{Resource{FCDDatastore, name}, firstClassRelocation})
	}
	return uses
}

func onHosts(units int, names []string) []Use { return each(Host, units, names) }

func onDatastores(units int, names []string) []Use { return each(Datastore, units, names) }

func each(kind Kind, units int, names []string) []Use {
	var uses []Use
	for _, name := range unique(names) {
		uses = append(uses, Use{Resource{kind, name}, units})
	}
	return uses
}

// unique leaves out empty names and those that were there already.
func unique(names []string) []string {
	var some []string
	seen := map[string]bool{"": true}
	for _, name := range names {
		if !seen[name] {
			seen[name] = true
			some = append(some, name)
		}
	}
	return some
}
