"""What exists: zones, clusters, hosts, storage pools, VMs and volumes, as the last look at each vCenter showed them."""
