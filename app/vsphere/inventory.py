"""What exists in a vCenter: all of it at once, or one VM, one datastore, one disk as it is now."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import replace
from itertools import chain

from app.errors import InvalidParameter
from app.vsphere.answers import Objects
from app.vsphere.browser import vmdk_at, vmdks_on
from app.vsphere.bulk import read, read_all
from app.vsphere.collector import again, property_spec, traversal
from app.vsphere.entities import (
    ancestors,
    clusters,
    datacenters,
    datastore_spec,
    datastores,
    hosts,
    place_kinds,
    place_specs,
    storage_pods,
)
from app.vsphere.errors import ManagedObjectGone, VCenterFault
from app.vsphere.facts import Datastore, FirstClassDisk, Inventory, LooseDisk, VirtualMachine
from app.vsphere.first_class_disks import first_class_disks
from app.vsphere.loose import loose_disks
from app.vsphere.machines import machine, machine_spec
from app.vsphere.paths import DatastorePath
from app.vsphere.pyvmomi import VimObject, vim
from app.vsphere.session import Session, about
from app.vsphere.tags import datastore_tags

log = logging.getLogger(__name__)

_VIRTUAL_MACHINE = "VirtualMachine"
_UP = "up"
"""The traversal to the parents."""


def read_inventory(session: Session, tag_category: str) -> Inventory:
    """Read everything that vrelocate knows of a vCenter: one pass for places, one for VMs, one search a datastore.

    `tag_category` names the vSphere tag category whose tags are storage tags. What vanishes meanwhile is left out, and
    what cannot be read is marked as unknown (`searched_datastores`, `tags_known`), never as absent.

    The files are listed before the VMs are read: a disk that is attached in between is not taken for a loose one. A
    relocation that runs meanwhile shows its unfinished copies as loose disks: its job knows better.
    """
    places = read_all(session, [*place_kinds(), vim.Datastore], [*place_specs(), datastore_spec()])
    pools = datastores(places)
    listed = vmdks_on(session, pools)
    machines = _all_machines(session, places)
    catalogs = _first_class_disks(session, pools)
    tags = datastore_tags(session.endpoint, session.timeout_seconds, tag_category)
    if tags is not None:
        pools = tuple(replace(pool, tags=tags.get(pool.moref, frozenset())) for pool in pools)
    disks = loose_disks(listed, pools, machines, chain.from_iterable(catalogs.values()))
    return Inventory(
        about=about(session),
        datacenters=datacenters(places),
        clusters=clusters(places),
        hosts=hosts(places),
        datastores=pools,
        virtual_machines=machines,
        loose_disks=disks.loose,
        searched_datastores=frozenset(listed),
        unclear_disks=disks.unclear,
        tags_known=tags is not None,
        storage_pods=storage_pods(places),
        fcd_datastores=frozenset(catalogs),
    )


def read_vm(session: Session, moref: str) -> VirtualMachine:
    """Return a virtual machine as it is now, in one call mostly; raise `ManagedObjectGone` when there is none."""
    own = traversal(vim.VirtualMachine, "datastore", name="own datastores", then=[again(_UP)])
    vm = _read_vm(session, moref, [ancestors(_UP), own])
    if vm.vm_path_name is not None and vm.home_datastore_moref is None:
        # A path names its datastore, and what has just moved may be on one that the VM's list has not yet. So all of
        # its datacenter are read: hundreds, perhaps.
        neighbours = traversal(vim.Datacenter, "datastore", name="datastores", then=[ancestors("above datastores")])
        vm = _read_vm(session, moref, [ancestors(_UP, aside=neighbours)])
    return vm


def _read_vm(session: Session, moref: str, select: list[VimObject]) -> VirtualMachine:
    found = read(
        session,
        [(_VIRTUAL_MACHINE, moref)],
        [machine_spec(), *place_specs(), property_spec(vim.Datastore, ["parent", "summary"])],
        select=[*select, traversal(vim.VirtualMachine, "runtime.host", name="host", then=[again(_UP)])],
    )
    vm = machine(moref, found)
    if vm is None:
        raise ManagedObjectGone(_VIRTUAL_MACHINE, moref)
    return vm


def read_datastore(session: Session, moref: str) -> Datastore:
    """Return a datastore as it is now; raise `ManagedObjectGone` when there is none. Tags are not read."""
    return read_datastores(session, [moref])[0]


def read_datastores(session: Session, morefs: Iterable[str]) -> list[Datastore]:
    """Return datastores as they are now, in the order asked for, in one call; `tags` is None.

    Raises `ManagedObjectGone` when one of them does not exist.
    """
    asked = list(morefs)
    places = [datastore_spec(), property_spec(vim.Folder, ["parent"]), property_spec(vim.Datacenter, ["name"])]
    found = read(session, [("Datastore", moref) for moref in asked], places, select=[ancestors("up")])
    known = {datastore.moref: datastore for datastore in datastores(found)}
    for moref in asked:
        if moref not in known:
            raise ManagedObjectGone("Datastore", moref)
    return [known[moref] for moref in asked]


def disk_exists(session: Session, datacenter_moref: str, path: str) -> LooseDisk | None:
    """Return the VMDK at exactly `path` (`[ds] dir/x.vmdk`), loose or not; None when there is none.

    It looks at the datastore itself, not at what vCenter remembers. Raises `InvalidParameter` for what is no path,
    `ManagedObjectGone` for a datastore that the datacenter does not have, `VCenterFault` when it cannot be looked at.
    """
    wanted = DatastorePath.parse(path)
    if wanted is None or not wanted.file:
        raise InvalidParameter(
            f"{path!r} is no path of a file on a datastore: [datastore] folder/file.vmdk is expected"
        )
    found = read(
        session,
        [("Datacenter", datacenter_moref)],
        [
            property_spec(vim.Datacenter, ["name"]),
            property_spec(vim.Folder, ["parent"]),
            property_spec(vim.Datastore, ["parent", "summary", "host", "browser"]),
        ],
        select=[traversal(vim.Datacenter, "datastore", name="datastores", then=[ancestors("up")])],
    )
    for datastore in datastores(found):
        browser = found[datastore.moref].properties.get("browser")
        if datastore.name == wanted.datastore and browser is not None:
            return vmdk_at(session, browser, datastore, wanted)
    raise ManagedObjectGone("Datastore", wanted.datastore)


def _all_machines(session: Session, places: Objects) -> tuple[VirtualMachine, ...]:
    found = read_all(session, [vim.VirtualMachine], [machine_spec()])
    everything = {**places, **found}
    return tuple(vm for moref in found if (vm := machine(moref, everything)) is not None)


def _first_class_disks(session: Session, datastores: Iterable[Datastore]) -> dict[str, list[FirstClassDisk]]:
    """Return the First Class Disks by datastore; datastores whose catalog cannot be read are left out, and logged."""
    catalogs = {}
    for datastore in datastores:
        if not datastore.accessible:
            continue
        try:
            catalogs[datastore.moref] = first_class_disks(session, datastore.moref)
        except (VCenterFault, ManagedObjectGone) as refused:
            log.warning("the First Class Disks of %s are not known: %s", datastore.name, refused)
    return catalogs
