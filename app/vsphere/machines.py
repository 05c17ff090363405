"""Virtual machines and their disks, out of the properties that were read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from app.vsphere.collector import Objects, property_spec, reference
from app.vsphere.entities import DATASTORE, datacenter_of, plain_name
from app.vsphere.facts import Disk, VirtualMachine
from app.vsphere.paths import datastore_of
from app.vsphere.pyvmomi import VimObject, vim
from app.vsphere.uuids import canonical_uuid

_MIB = 1024 * 1024
_KIB = 1024
_DEVICES = "config.hardware.device"
"""The dearest property: about 1 ms a VM to parse."""


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
            "summary.config.vmPathName",  # kept by vCenter even when the VM's storage is away
            "config.files.vmPathName",
            "config.instanceUuid",
            "config.uuid",
            "config.template",
            "config.guestId",
            "config.changeTrackingEnabled",
            "config.keyId",
            "config.hardware.numCPU",
            "config.hardware.memoryMB",
            _DEVICES,
            "layoutEx.file",
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
    host = reference(told.get("runtime.host"))
    # Through the host where there is one: a VM in a vApp has no parent folder.
    datacenter = datacenter_of(objects, host) or datacenter_of(objects, moref)
    vm_path_name = told.get("config.files.vmPathName") or told.get("summary.config.vmPathName")
    memory_mib = told.get("config.hardware.memoryMB")
    return VirtualMachine(
        moref=moref,
        name=plain_name(told["name"]),
        instance_uuid=_uuid(told.get("config.instanceUuid")),
        uuid=_uuid(told.get("config.uuid")),
        power_state=str(told.get("runtime.powerState", "poweredOff")),
        connection_state=str(told.get("runtime.connectionState", "disconnected")),
        host_moref=host,
        cluster_moref=reference(objects[host].properties.get("parent")) if host in objects else None,
        datacenter_moref=datacenter,
        vm_path_name=vm_path_name,
        home_datastore_moref=_home(vm_path_name, told, objects, datacenter),
        is_template=bool(told.get("config.template")),
        guest_id=told.get("config.guestId"),
        cpu_count=told.get("config.hardware.numCPU"),
        memory_bytes=None if memory_mib is None else memory_mib * _MIB,
        has_snapshots=bool(told.get("rootSnapshot")),
        disks=_disks(devices or []),
        file_paths=frozenset(file.name for file in told.get("layoutEx.file") or []),
        iso_paths=_iso_paths(devices or []),
        change_tracking=bool(told.get("config.changeTrackingEnabled")),
        encrypted=told.get("config.keyId") is not None,
        config_known=devices is not None,
    )


def _home(vm_path_name: str | None, told: Mapping[str, Any], objects: Objects, datacenter: str | None) -> str | None:
    """Return the datastore that the VM's .vmx file is on: names are unique within a datacenter."""
    name = None if vm_path_name is None else datastore_of(vm_path_name)
    own = [reference(datastore) for datastore in told.get("datastore") or []]
    others = (moref for moref, found in objects.items() if found.kind == DATASTORE)
    for moref in (*own, *others):
        if moref not in objects or _datastore_name(objects[moref].properties) != name:
            continue
        if datacenter is None or datacenter_of(objects, moref) == datacenter:
            return moref
    return None


def _datastore_name(told: Mapping[str, Any]) -> str | None:
    summary = told.get("summary")
    name: str | None = told.get("summary.name") if summary is None else summary.name
    return name


def _disks(devices: Iterable[VimObject]) -> tuple[Disk, ...]:
    shared = {
        device.key
        for device in devices
        if isinstance(device, vim.vm.device.VirtualSCSIController) and device.sharedBus != "noSharing"
    }
    return tuple(_disk(device, shared) for device in devices if isinstance(device, vim.vm.device.VirtualDisk))


def _disk(device: VimObject, shared_controllers: set[int]) -> Disk:
    backing = device.backing
    path = getattr(backing, "fileName", None) or getattr(backing, "descriptorFileName", None) or ""
    datastore = reference(getattr(backing, "datastore", None))
    return Disk(
        key=device.key,
        label=device.deviceInfo.label if device.deviceInfo else f"disk {device.key}",
        unit_number=device.unitNumber,
        controller_key=device.controllerKey,
        uuid=_uuid(getattr(backing, "uuid", None)),
        path=path,
        datastore_moref=datastore,
        # Bytes since API 5.5; disks of older hosts have kilobytes alone.
        capacity_bytes=device.capacityInBytes or (device.capacityInKB or 0) * _KIB,
        thin=getattr(backing, "thinProvisioned", None),
        backing_kind=type(backing).__name__.rpartition(".")[2].removesuffix("BackingInfo"),
        chain=_parents(backing),
        mode=getattr(backing, "diskMode", None) or "persistent",
        multi_writer=getattr(backing, "sharing", None) == "sharingMultiWriter",
        shared_bus=device.controllerKey in shared_controllers,
        encrypted=getattr(backing, "keyId", None) is not None,
    )


def _parents(backing: VimObject) -> tuple[str, ...]:
    paths = []
    parent = getattr(backing, "parent", None)
    while parent is not None:
        paths.append(parent.fileName)
        parent = getattr(parent, "parent", None)
    return tuple(paths)


def _iso_paths(devices: Iterable[VimObject]) -> tuple[str, ...]:
    """Return the ISO images on datastores; those that come with ESXi (`[] /vmimages/…`) move nowhere."""
    return tuple(
        device.backing.fileName
        for device in devices
        if isinstance(device, vim.vm.device.VirtualCdrom)
        and isinstance(device.backing, vim.vm.device.VirtualCdrom.IsoBackingInfo)
        and datastore_of(device.backing.fileName or "")
    )


def _uuid(spoken: str | None) -> str | None:
    return canonical_uuid(spoken) if spoken else None
