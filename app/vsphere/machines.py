"""Virtual machines, out of the properties that were read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import chain
from typing import Any

from app.vsphere.answers import Node, Objects
from app.vsphere.collector import property_spec
from app.vsphere.devices import disks_among, file_sizes, links_elsewhere
from app.vsphere.entities import DATASTORE, datacenter_of, plain_name
from app.vsphere.facts import VirtualMachine
from app.vsphere.paths import datastore_of
from app.vsphere.pyvmomi import VimObject, vim
from app.vsphere.uuids import canonical_uuid

_MIB = 1024 * 1024
_DEVICES = "config.hardware.device"
"""The dearest property: two thirds of all that is read of a VM."""

JOB_OPTION = "vrelocate.job"
"""The option in a VM's extraConfig that makes it a worker VM: the job that it was made for."""
WORKER_OF_JOB = f'config.extraConfig["{JOB_OPTION}"]'
"""That option alone: a VM has dozens."""


def machine_spec() -> VimObject:
    """Read what `machine` needs."""
    return property_spec(
        vim.VirtualMachine,
        [
            "name",
            "parent",
            "datastore",
            "rootSnapshot",
            "runtime.host",
            "runtime.powerState",
            "runtime.connectionState",
            "runtime.consolidationNeeded",
            "summary.config.vmPathName",  # kept by vCenter even when the VM's storage is away
            "config.files.vmPathName",
            "config.instanceUuid",
            "config.uuid",
            "config.template",
            "config.guestId",
            "config.changeTrackingEnabled",
            "config.keyId",
            WORKER_OF_JOB,
            "config.hardware.numCPU",
            "config.hardware.memoryMB",
            _DEVICES,
            "layoutEx.file",
            "layoutEx.disk",
        ],
    )


def machine(moref: str, objects: Objects) -> VirtualMachine | None:
    """Return the VM `moref` among `objects`, which hold its host, its datastores and their parents too.

    None when it vanished while it was read: then not even its name is there.
    """
    found = objects.get(moref)
    if found is None or "name" not in found.properties:
        return None
    told = found.properties
    devices = told.get(_DEVICES)
    host = told.get("runtime.host")
    # Through the host where there is one: a VM in a vApp has no parent folder.
    datacenter = datacenter_of(objects, host) or datacenter_of(objects, moref)
    vm_path_name = told.get("config.files.vmPathName") or told.get("summary.config.vmPathName")
    memory_mib = told.get("config.hardware.memoryMB")
    sizes = file_sizes(told)
    disks = disks_among(devices or [], sizes.disks)
    return VirtualMachine(
        moref=moref,
        name=plain_name(told["name"]),
        instance_uuid=_uuid(told.get("config.instanceUuid")),
        uuid=_uuid(told.get("config.uuid")),
        power_state=str(told.get("runtime.powerState", "poweredOff")),
        connection_state=str(told.get("runtime.connectionState", "disconnected")),
        host_moref=host,
        cluster_moref=objects[host].properties.get("parent") if host in objects else None,
        datacenter_moref=datacenter,
        vm_path_name=vm_path_name,
        home_datastore_moref=_home(vm_path_name, told, objects, datacenter),
        is_template=bool(told.get("config.template")),
        guest_id=told.get("config.guestId"),
        cpu_count=told.get("config.hardware.numCPU"),
        memory_bytes=None if memory_mib is None else memory_mib * _MIB,
        has_snapshots=bool(told.get("rootSnapshot")),
        disks=disks,
        file_paths=frozenset(file.text("name") or "" for file in told.get("layoutEx.file") or []),
        iso_paths=_image_paths(devices or [], "VirtualCdrom", "IsoBackingInfo"),
        floppy_paths=_image_paths(devices or [], "VirtualFloppy", "ImageBackingInfo"),
        linked_to=links_elsewhere(disks, vm_path_name),
        other_bytes=sizes.others,
        change_tracking=bool(told.get("config.changeTrackingEnabled")),
        encrypted=told.get("config.keyId") is not None,
        config_known=devices is not None,
        consolidation_needed=bool(told.get("runtime.consolidationNeeded")),
        worker_of_job=worker_of_job(told),
    )


def worker_of_job(told: Mapping[str, Any]) -> str | None:
    """Return the job that a VM with these properties is a worker of; None when it is no worker, or never was read."""
    option = told.get(WORKER_OF_JOB)
    return option.text("value") if isinstance(option, Node) else None


def _home(vm_path_name: str | None, told: Mapping[str, Any], objects: Objects, datacenter: str | None) -> str | None:
    """Return the datastore that the VM's .vmx file is on: names are unique within a datacenter."""
    name = None if vm_path_name is None else datastore_of(vm_path_name)
    if name is None:
        return None
    own: Iterable[str] = (moref for moref in told.get("datastore") or [] if moref in objects)
    others = (moref for moref, found in objects.items() if found.kind == DATASTORE)
    for moref in chain(own, others):
        summary: Node | None = objects[moref].properties.get("summary")
        if summary is None or summary.text("name") != name:
            continue
        if datacenter is None or datacenter_of(objects, moref) == datacenter:
            return moref
    return None


def _image_paths(devices: Iterable[Node], drive: str, backing_kind: str) -> tuple[str, ...]:
    """Return the images on datastores; those that come with ESXi (`[] /vmimages/…`) move nowhere."""
    backings = (device.child("backing") for device in devices if device.kind == drive)
    paths = (backing.text("fileName") for backing in backings if backing and backing.kind.endswith(backing_kind))
    return tuple(path for path in paths if path and datastore_of(path))


def _uuid(spoken: str | None) -> str | None:
    return canonical_uuid(spoken) if spoken else None
