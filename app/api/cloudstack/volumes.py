"""Volumes: `listVolumes`."""

from __future__ import annotations

import json

from app.api.cloudstack.command import Call, command
from app.api.cloudstack.envelope import Content
from app.api.cloudstack.ownership import DOMAIN, DOMAIN_ID, OWNER
from app.api.cloudstack.paging import KEYWORD, PAGING, ids_of, listing, page_of
from app.api.cloudstack.parameters import Kind, Parameter
from app.api.cloudstack.pods import Pod, zone_wanted
from app.api.cloudstack.provisioning import provisioning_type
from app.api.cloudstack.shapes import Field, Shape
from app.api.cloudstack.vmstates import cloudstack_state
from app.db import transaction
from app.inventory.devices import ROOT_DEVICE_ID
from app.inventory.models import Cluster, DiskOffering, Host, StoragePool, VirtualMachine, Volume, Zone
from app.inventory.queries import VolumeFilter, VolumeView, list_volumes

_ROOT, _DATADISK = "ROOT", "DATADISK"
_READY, _GONE = "Ready", "Destroy"


def _type(view: VolumeView) -> str:
    return _ROOT if view.device_id == ROOT_DEVICE_ID else _DATADISK


def _state(view: VolumeView) -> str:
    return _READY if view.volume.removed_at is None else _GONE


VOLUME = Shape[VolumeView](
    "volume",
    (
        Field("id", "string", "ID of the disk volume", lambda view: view.volume.id),
        Field("name", "string", "name of the disk volume", lambda view: view.volume.name),
        Field("zoneid", "string", "ID of the availability zone", lambda view: view.zone.id),
        Field("zonename", "string", "name of the availability zone", lambda view: view.zone.name),
        Field("type", "string", "ROOT, the first disk of a VM, or DATADISK", _type),
        Field("deviceid", "long", "position among the disks of its VM, from 0", lambda view: view.device_id),
        Field("virtualmachineid", "string", "id of the virtual machine", lambda view: view.volume.vm_id),
        Field("vmname", "string", "name of the virtual machine", lambda view: view.vm and view.vm.name),
        Field("vmdisplayname", "string", "display name of the virtual machine", lambda view: view.vm and view.vm.name),
        Field("vmstate", "string", "state of the virtual machine", lambda view: view.vm and cloudstack_state(view.vm)),
        Field(
            "provisioningtype",
            "string",
            "thin, sparse: thick and zeroed where it is first written to, or fat: thick and zeroed at once",
            lambda view: provisioning_type(view.volume.format, thin=view.volume.thin),
        ),
        Field("size", "long", "size of the disk volume, bytes", lambda view: view.volume.capacity_bytes),
        Field("virtualsize", "long", "the same size, bytes", lambda view: view.volume.capacity_bytes),
        Field("physicalsize", "long", "the bytes that it takes up", lambda view: view.volume.physical_bytes),
        Field("created", "date", "the date the volume was first seen", lambda view: view.volume.created_at),
        Field("state", "string", "Ready, or Destroy: vCenter no longer shows it", _state),
        Field("account", "string", "the account of the volume", lambda _: OWNER),
        Field("domainid", "string", "the ID of the domain of the volume", lambda _: DOMAIN_ID),
        Field("domain", "string", "the domain of the volume", lambda _: DOMAIN),
        Field(
            "storagetype",
            "string",
            "shared, or local: one host alone mounts its pool",
            lambda view: "local" if view.volume.pool.scope == "HOST" else "shared",
        ),
        Field("storage", "string", "name of the storage pool that holds it", lambda view: view.volume.pool.name),
        Field("storageid", "string", "id of the storage pool that holds it", lambda view: view.volume.pool_id),
        Field("path", "string", "the path of the volume: [datastore] folder/name.vmdk", lambda view: view.volume.path),
        Field(
            "chaininfo",
            "string",
            "the chain info of the volume: JSON with its chain, the newest link first",
            lambda view: json.dumps({"diskChain": [view.volume.path, *view.volume.traits.chain]}),
        ),
        Field("hypervisor", "string", "Hypervisor the volume belongs to", lambda view: view.zone.hypervisor),
        Field("diskofferingid", "string", "ID of the disk offering", lambda view: view.volume.disk_offering_id),
        Field("diskofferingname", "string", "name of the disk offering", lambda view: _offering(view, "name")),
        Field(
            "diskofferingdisplaytext",
            "string",
            "the display text of the disk offering",
            lambda view: _offering(view, "display_text"),
        ),
        Field("podid", "string", "pod id of the volume", lambda view: Pod(view.zone).id),
        Field("podname", "string", "pod name of the volume", lambda view: Pod(view.zone).name),
        Field("clusterid", "string", "cluster id of the volume", lambda view: view.cluster and view.cluster.id),
        Field(
            "clustername", "string", "cluster name where the volume is", lambda view: view.cluster and view.cluster.name
        ),
        Field("destroyed", "boolean", "the boolean state of whether it is gone", lambda view: _state(view) == _GONE),
        Field("isextractable", "boolean", "true if the volume is extractable", lambda _: False),
        Field("tags", "list", "the list of resource tags: none here", lambda _: []),
    ),
)


@command(
    "listVolumes",
    "Lists all volumes.",
    response=VOLUME,
    parameters=(
        Parameter("id", Kind.UUID, "the ID of the disk volume", entity=Volume),
        Parameter("ids", Kind.LIST, "the IDs of the volumes, mutually exclusive with id", entity=Volume),
        Parameter("name", Kind.STRING, "the name of the disk volume"),
        Parameter("type", Kind.STRING, "the type of disk volume: ROOT or DATADISK"),
        Parameter("state", Kind.STRING, "state of the volume: every one that is listed is Ready"),
        Parameter("hostid", Kind.UUID, "list volumes on specified host", entity=Host),
        Parameter("podid", Kind.UUID, "the pod id the disk volume belongs to", entity=Pod),
        Parameter("clusterid", Kind.UUID, "the cluster id the disk volume belongs to", entity=Cluster),
        Parameter("zoneid", Kind.UUID, "the ID of the availability zone", entity=Zone),
        Parameter("storageid", Kind.UUID, "the ID of the storage pool", entity=StoragePool),
        Parameter("virtualmachineid", Kind.UUID, "the ID of the virtual machine", entity=VirtualMachine),
        Parameter("diskofferingid", Kind.UUID, "list volumes by disk offering", entity=DiskOffering),
        KEYWORD,
        *PAGING,
    ),
)
def list_volumes_command(call: Call) -> Content:
    """Answer `listVolumes`."""
    asked = call.arguments
    page, ids = page_of(asked), ids_of(asked)
    kind = (asked.text("type") or "").upper()
    if kind not in {"", _ROOT, _DATADISK} or (asked.text("state") or _READY).lower() != _READY.lower():
        return {}
    with transaction() as session:
        wanted = VolumeFilter(
            ids=ids,
            name=asked.text("name"),
            keyword=asked.text("keyword"),
            zone_id=zone_wanted(session, asked.uuid("zoneid"), asked.uuid("podid")),
            cluster_id=asked.uuid("clusterid"),
            host_id=asked.uuid("hostid"),
            pool_id=asked.uuid("storageid"),
            vm_id=asked.uuid("virtualmachineid"),
            offering_id=asked.uuid("diskofferingid"),
            root=kind == _ROOT if kind else None,
        )
        views, count = list_volumes(session, wanted, page)
    return listing(VOLUME.name, [VOLUME.render(view) for view in views], count)


def _offering(view: VolumeView, attribute: str) -> object:
    return getattr(view.volume.disk_offering, attribute, None)


COMMANDS = (list_volumes_command,)
