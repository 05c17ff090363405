// Command cloudstack-go-client does with cloudstack-go what a program that uses it would do, so that the tests can see how
// the library gets on with our API. Signing, reading answers into its types and polling are the library's.
//
// It prints what the library returns as JSON; what the library returns as an error goes to standard error, with exit code 1.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime/debug"

	"github.com/apache/cloudstack-go/v2/cloudstack"
)

const library = "github.com/apache/cloudstack-go/v2"

// listed is what there is, by name.
type listed struct {
	Zones   []string `json:"zones"`
	VMs     []string `json:"vms"`
	Volumes []string `json:"volumes"`
	Pools   []string `json:"pools"`
}

// moved is what a migration has returned.
type moved struct {
	ID      string `json:"id"`
	Storage string `json:"storage"`
}

func main() {
	answer, err := run(os.Args[1:])
	if err == nil {
		err = json.NewEncoder(os.Stdout).Encode(answer)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(arguments []string) (any, error) {
	if len(arguments) == 1 && arguments[0] == "version" {
		return version()
	}
	// The names of the variables are those of CloudStack's Terraform provider.
	client := cloudstack.NewAsyncClient(os.Getenv("CLOUDSTACK_API_URL"), os.Getenv("CLOUDSTACK_API_KEY"),
		os.Getenv("CLOUDSTACK_SECRET_KEY"), true)
	switch {
	case len(arguments) == 1 && arguments[0] == "list":
		return list(client)
	case len(arguments) == 3 && arguments[0] == "migrate-vm":
		parameters := client.VirtualMachine.NewMigrateVirtualMachineParams(arguments[1])
		parameters.SetStorageid(arguments[2])
		vm, err := client.VirtualMachine.MigrateVirtualMachine(parameters)
		if err != nil {
			return nil, err
		}
		return moved{ID: vm.Id}, nil
	case len(arguments) == 3 && arguments[0] == "migrate-volume":
		volume, err := client.Volume.MigrateVolume(client.Volume.NewMigrateVolumeParams(arguments[2], arguments[1]))
		if err != nil {
			return nil, err
		}
		return moved{ID: volume.Id, Storage: volume.Storage}, nil
	case len(arguments) == 2 && arguments[0] == "cancel":
		return cancel(client, arguments[1])
	default:
		return nil, errors.New("usage: version | list | migrate-vm VM POOL | migrate-volume VOLUME POOL | cancel JOB")
	}
}

func version() (any, error) {
	built, _ := debug.ReadBuildInfo()
	for _, module := range built.Deps {
		if module.Path == library {
			return module.Version, nil
		}
	}
	return nil, errors.New("built without " + library)
}

func list(client *cloudstack.CloudStackClient) (any, error) {
	var found listed
	zones, err := client.Zone.ListZones(client.Zone.NewListZonesParams())
	if err != nil {
		return nil, err
	}
	for _, zone := range zones.Zones {
		found.Zones = append(found.Zones, zone.Name)
	}
	vms, err := client.VirtualMachine.ListVirtualMachines(client.VirtualMachine.NewListVirtualMachinesParams())
	if err != nil {
		return nil, err
	}
	for _, vm := range vms.VirtualMachines {
		found.VMs = append(found.VMs, vm.Name)
	}
	volumes, err := client.Volume.ListVolumes(client.Volume.NewListVolumesParams())
	if err != nil {
		return nil, err
	}
	for _, volume := range volumes.Volumes {
		found.Volumes = append(found.Volumes, volume.Name)
	}
	pools, err := client.Pool.ListStoragePools(client.Pool.NewListStoragePoolsParams())
	if err != nil {
		return nil, err
	}
	for _, pool := range pools.StoragePools {
		found.Pools = append(found.Pools, pool.Name)
	}
	return found, nil
}

// cancel calls a command that CloudStack does not have: the library's way to do so is its custom service.
func cancel(client *cloudstack.CloudStackClient, job string) (any, error) {
	parameters := &cloudstack.CustomServiceParams{}
	parameters.SetParam("jobid", job)
	var answer any
	if err := client.Custom.(*cloudstack.CustomService).CustomRequest("cancelAsyncJob", parameters, &answer); err != nil {
		return nil, err
	}
	return answer, nil
}
