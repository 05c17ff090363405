"""Where it goes to: the cluster, the state and the kind of the pools, what tags and policies ask for."""

from __future__ import annotations

from collections.abc import Iterator

from app.migration.checks.objection import Objection
from app.migration.situation import Situation
from app.migration.strategies import shared_clusters


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

    Source: CloudStack, VolumeApiService.doesTargetStorageSupportDiskOffering.
    """
    for disk in situation.move.disks:
        volume, target = situation.volumes[disk.volume_id], situation.targets.get(disk.target.id)
        missing = volume.required_tags - target.tags if target else frozenset()
        if missing and target:
            yield Objection(
                f"volume {disk.name} has disk offering {volume.offering}, whose storage tags {_list(missing)} "
                f"are not on storage pool {target.name} (tags: {_list(target.tags) or 'none'})",
                "choose a pool with these tags, or tag this one",
            )


def _list(tags: frozenset[str]) -> str:
    return ", ".join(sorted(tags))
