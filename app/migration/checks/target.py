"""Where it goes to: the cluster, the state and the kind of the pools, what tags and policies ask for."""

from __future__ import annotations

from collections.abc import Iterator

from app.inventory.models import VMWARE
from app.migration.checks.objection import Objection
from app.migration.situation import Situation
from app.migration.strategies import NoStrategy, choose, shared_clusters

_FOR_OTHER_THINGS = {"PMEM", "VFFS"}
"""DatastoreSummary.type, which vCenter writes in small and capital letters."""


def not_there_already(situation: Situation) -> Iterator[Objection]:
    """Find something to move.

    Of a VM or a volume of which one part is there, the rest moves; of what is there in whole nothing is left to do.
    A datastore cluster has whatever lies on one of its members.
    """
    if situation.move.is_empty:
        yield Objection("everything is on its target already", "there is nothing to migrate")


def same_cluster(situation: Situation) -> Iterator[Objection]:
    """Cross-cluster moves are refused.

    Source: CloudStack, VmwareStorageMotionStrategy (a volume moves within the cluster that mounts it).
    """
    move = situation.move
    if not move.targets or shared_clusters(move):
        return
    targets = ", ".join(sorted(pool.name for pool in move.targets.values()))
    where = f"the cluster of VM {move.machine.name}" if move.machine else "a cluster that also mounts the disk's pool"
    yield Objection(
        f"storage pool {targets} is not mounted in {where}",
        "cross-cluster migration is not supported, choose a pool of the same cluster",
    )


def target_is_usable(situation: Situation) -> Iterator[Objection]:
    """Move only to what is accessible, in service, and mounted read-write on a connected host of the cluster.

    Source: vSphere Web Services API, DatastoreSummary.accessible and .maintenanceMode, HostMountInfo.accessMode,
    .mounted and .accessible; a relocation elsewhere ends in InvalidDatastore or InaccessibleDatastore.
    """
    clusters = shared_clusters(situation.move) if situation.move.targets else frozenset()
    for pool in situation.move.targets.values():
        target = situation.targets.get(pool.id)
        if target is None:
            yield Objection(f"storage pool {pool.name} is not there any more", "choose another")
        elif not target.accessible:
            yield Objection(
                f"storage pool {target.name} is not accessible", "check its hosts and its storage in vCenter"
            )
        elif target.maintenance_mode != "normal":
            yield Objection(
                f"storage pool {target.name} is in maintenance ({target.maintenance_mode})", "end it, or choose another"
            )
        elif clusters and not clusters & target.writable_cluster_ids:
            yield Objection(
                f"storage pool {target.name} is not mounted read-write on any connected host of the cluster",
                "mount it so, or choose another",
            )


def tags_fit(situation: Situation) -> Iterator[Objection]:
    """Every tag of a volume's disk offering must be on the target; an offering without tags fits any pool.

    Of a volume that takes another offering with the migration, that one's tags. Source: CloudStack,
    VolumeApiService.doesTargetStorageSupportDiskOffering.
    """
    for disk in situation.move.disks:
        volume, target = situation.volumes[disk.volume_id], situation.targets.get(disk.target.id)
        missing = volume.required_tags - target.tags if target else frozenset()
        if missing and target:
            verb = "is to take" if volume.offering_is_new else "has"
            yield Objection(
                f"volume {disk.name} {verb} disk offering {volume.offering}, whose storage tags {_list(missing)} "
                f"are not on storage pool {target.name} (tags: {_list(target.tags) or 'none'})",
                "choose a pool with these tags, or tag this one",
            )


def host_reaches_target(situation: Situation) -> Iterator[Objection]:
    """Let the VM's host be one that can do it: connected, not in maintenance, and with the target mounted read-write.

    No other host is named to vCenter, so this one copies. In maintenance "no provisioning operations may be performed"
    on it. Source: vSphere Web Services API, VirtualMachineRelocateSpec.host ("if resource pool is not specified,
    current host is used"), EnterMaintenanceMode_Task.
    """
    host, machine = situation.host, situation.move.machine
    if host is None or machine is None:
        return
    if not host.connected:
        yield Objection(f"host {host.name} of VM {machine.name} is not connected", "reconnect it first")
    elif host.in_maintenance:
        yield Objection(
            f"host {host.name} of VM {machine.name} is in maintenance", "end that, or move the VM to another host"
        )
    else:
        for target in situation.targets.values():
            others = target.writable_host_ids
            # That no host of the cluster has it at all is said by another rule.
            if others and machine.cluster_id in target.writable_cluster_ids and host.id not in others:
                yield Objection(
                    f"storage pool {target.name} is not mounted read-write on host {host.name} of VM {machine.name}",
                    "mount it there, or move the VM to a host that has it",
                )


def type_is_allowed(situation: Situation) -> Iterator[Objection]:
    """Put nothing on a datastore that is made for something else.

    On persistent memory (PMEM) lie only disks and NVDIMMs that were made for it, on a flash read cache (VFFS) caches.
    VMFS, NFS, vSAN and vVols are right, and of a kind that is not known here vCenter is the judge.
    Source: vSphere Web Services API, HostFileSystemVolumeFileSystemType; vSphere Resource Management, "Persistent
    Memory".
    """
    if situation.move.hypervisor != VMWARE:
        return
    for target in situation.targets.values():
        if target.type.upper() in _FOR_OTHER_THINGS:
            yield Objection(
                f"storage pool {target.name} is of type {target.type}, which holds no ordinary disks",
                "choose a VMFS, NFS, vSAN or vVol pool",
            )


def policies_suit(situation: Situation) -> Iterator[Objection]:
    """Move nothing to where its storage policy does not want it.

    vCenter itself would often do it, and the VM be non-compliant ever after; CloudStack refuses it, as it does for tags
    (VolumeApiServiceImpl: isStoragePoolCompliantWithStoragePolicy). A relocation keeps policies. Asked of the policy
    service when the job starts; where that does not answer, nothing is said.
    Source: VMware Storage Policy API, PbmPlacementSolver.PbmCheckCompatibility.
    """
    for misfit in situation.surroundings.misfits:
        yield Objection(
            f"{misfit.what} has storage policy {misfit.policy}, which storage pool {misfit.pool} does not suit "
            f"({misfit.why})",
            "choose a compatible pool, or give it another policy",
        )


def some_strategy_can(situation: Situation) -> Iterator[Objection]:
    """Find somebody who can carry it out.

    Pools without a common cluster are refused by another rule, for which this one would only have a second text.
    Source: CloudStack, DataMotionStrategy.canHandle.
    """
    if situation.move.is_empty or not shared_clusters(situation.move):
        return
    try:
        choose(situation.move)
    except NoStrategy as none:
        yield Objection(str(none), "choose another pool, or make one of these ways possible")


def _list(tags: frozenset[str]) -> str:
    return ", ".join(sorted(tags))
