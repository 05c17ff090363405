"""Virtual machines: `listVirtualMachines`."""

from __future__ import annotations

from app.api.cloudstack.command import Call, command
from app.api.cloudstack.envelope import Content
from app.api.cloudstack.ownership import DOMAIN, DOMAIN_ID, OWNER
from app.api.cloudstack.paging import KEYWORD, PAGING, ids_of, listing, page_of
from app.api.cloudstack.parameters import Kind, Parameter
from app.api.cloudstack.pods import Pod, zone_wanted
from app.api.cloudstack.shapes import Field, Shape
from app.api.cloudstack.vmstates import cloudstack_state, power_states
from app.db import transaction
from app.inventory.models import Cluster, Host, StoragePool, VirtualMachine, Zone
from app.inventory.queries import VirtualMachineFilter, VirtualMachineView, list_vms

VIRTUAL_MACHINE = Shape[VirtualMachineView](
    "virtualmachine",
    (
        Field("id", "string", "the ID of the virtual machine", lambda view: view.vm.id),
        Field("name", "string", "the name of the virtual machine", lambda view: view.vm.name),
        Field("displayname", "string", "the same name", lambda view: view.vm.name),
        Field("instancename", "string", "the same name: vCenter's own", lambda view: view.vm.name),
        Field("state", "string", "Running, Stopped or Destroyed", lambda view: cloudstack_state(view.vm)),
        Field("powerstate", "string", "vSphere's power state: poweredOff, suspended", lambda view: view.vm.power_state),
        Field("account", "string", "the account of the virtual machine", lambda _: OWNER),
        Field("domainid", "string", "the ID of its domain", lambda _: DOMAIN_ID),
        Field("domain", "string", "the name of its domain", lambda _: DOMAIN),
        Field("created", "date", "the date it was first seen", lambda view: view.vm.created_at),
        Field("zoneid", "string", "the ID of the availability zone", lambda view: view.zone.id),
        Field("zonename", "string", "the name of the availability zone", lambda view: view.zone.name),
        Field("clusterid", "string", "the ID of its cluster", lambda view: view.cluster and view.cluster.id),
        Field("clustername", "string", "the name of its cluster", lambda view: view.cluster and view.cluster.name),
        Field("hostid", "string", "the ID of its host", lambda view: view.host and view.host.id),
        Field("hostname", "string", "the name of its host", lambda view: view.host and view.host.name),
        Field("storageid", "string", "the storage pool of its configuration", lambda view: view.home and view.home.id),
        Field("storage", "string", "the name of that storage pool", lambda view: view.home and view.home.name),
        Field("path", "string", "its configuration: [datastore] folder/name.vmx", lambda view: view.vm.path),
        Field("cpunumber", "integer", "the number of virtual CPUs", lambda view: view.vm.cpu_count),
        Field("memory", "integer", "the memory, MiB", lambda view: view.vm.memory_mib),
        Field("osdisplayname", "string", "vSphere's id of the guest system", lambda view: view.vm.guest_id or None),
        Field("hypervisor", "string", "the hypervisor on which it is", lambda view: view.zone.hypervisor),
        Field("istemplate", "boolean", "true for a vSphere template", lambda view: view.vm.is_template),
        Field("haenable", "boolean", "true if high-availability is enabled", lambda _: False),
        # Networks are none of our business, but apache-libcloud reads the key.
        Field("nic", "list", "the list of nics: none here", lambda _: []),
        Field("tags", "list", "the list of resource tags: none here", lambda _: []),
    ),
)


@command(
    "listVirtualMachines",
    "List the virtual machines owned by the account.",
    response=VIRTUAL_MACHINE,
    parameters=(
        Parameter("id", Kind.UUID, "the ID of the virtual machine", entity=VirtualMachine),
        Parameter("ids", Kind.LIST, "the IDs, mutually exclusive with id", entity=VirtualMachine),
        Parameter("name", Kind.STRING, "a part of the name of the virtual machine"),
        Parameter("state", Kind.STRING, "state of the virtual machine: Running, Stopped, or Present for both"),
        Parameter("zoneid", Kind.UUID, "the availability zone ID", entity=Zone),
        Parameter("podid", Kind.UUID, "the pod ID", entity=Pod),
        Parameter("clusterid", Kind.UUID, "the cluster ID", entity=Cluster),
        Parameter("hostid", Kind.UUID, "the host ID", entity=Host),
        Parameter("storageid", Kind.UUID, "the storage pool that holds its files or a disk", entity=StoragePool),
        KEYWORD,
        *PAGING,
    ),
)
def list_virtual_machines_command(call: Call) -> Content:
    """Answer `listVirtualMachines`."""
    asked = call.arguments
    page, ids = page_of(asked), ids_of(asked)
    state = asked.text("state")
    with transaction() as session:
        wanted = VirtualMachineFilter(
            ids=ids,
            name_part=asked.text("name"),
            keyword=asked.text("keyword"),
            zone_id=zone_wanted(session, asked.uuid("zoneid"), asked.uuid("podid")),
            cluster_id=asked.uuid("clusterid"),
            host_id=asked.uuid("hostid"),
            pool_id=asked.uuid("storageid"),
            power_states=power_states(state) if state and state.lower() != "present" else None,
        )
        views, count = list_vms(session, wanted, page)
    return listing(VIRTUAL_MACHINE.name, [VIRTUAL_MACHINE.render(view) for view in views], count)


COMMANDS = (list_virtual_machines_command,)
