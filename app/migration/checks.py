"""Pre-flight checks: each a small rule that says what it found and what to do, or nothing.

All of them run and all that fail are told together. `RULES` is the one list: the job, the suitability of pools and
(later) a dry run read the same rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from app.errors import CheckFailed, ResourceInUse
from app.migration.situation import Situation
from app.migration.strategies import shared_clusters

Rule = Callable[[Situation], Iterator[str]]


def vm_is_stopped(situation: Situation) -> Iterator[str]:
    """Only what is off is moved: a suspended VM is not off."""
    machine = situation.move.machine
    if machine is not None and situation.power_state != "poweredOff":
        yield f"VM {machine.name} is {situation.power_state}: stop it first, a cold migration moves stopped VMs"


def vm_is_no_template(situation: Situation) -> Iterator[str]:
    """VCenter answers NotSupported when a template's datastore is to change (RelocateVM_Task)."""
    machine = situation.move.machine
    if machine is not None and situation.is_template:
        yield f"{machine.name} is a template, which vCenter does not relocate: convert it to a VM first"


def same_cluster(situation: Situation) -> Iterator[str]:
    """Cross-cluster moves are refused (CloudStack's VmwareStorageMotionStrategy)."""
    move = situation.move
    if not move.targets or shared_clusters(move):
        return
    targets = ", ".join(sorted(pool.name for pool in move.targets.values()))
    where = f"the cluster of VM {move.machine.name}" if move.machine else "a cluster that also mounts the disk's pool"
    yield (
        f"storage pool {targets} is not mounted in {where}: cross-cluster migration is not supported, "
        f"choose a pool of the same cluster"
    )


def target_is_usable(situation: Situation) -> Iterator[str]:
    """Move only to what is accessible, in service, and mounted read-write on a connected host of the cluster."""
    clusters = shared_clusters(situation.move) if situation.move.targets else frozenset()
    for pool in situation.move.targets.values():
        target = situation.targets.get(pool.id)
        if target is None:
            yield f"storage pool {pool.name} is not there any more: choose another"
        elif not target.accessible:
            yield f"storage pool {target.name} is not accessible: check its hosts and its storage in vCenter"
        elif target.maintenance_mode != "normal":
            yield f"storage pool {target.name} is in maintenance ({target.maintenance_mode}): end it, or choose another"
        elif clusters and not clusters & target.writable_cluster_ids:
            yield f"storage pool {target.name} is not mounted read-write on any connected host of the cluster"


def tags_fit(situation: Situation) -> Iterator[str]:
    """Every tag of a volume's disk offering must be on the target; an offering without tags fits any pool.

    CloudStack's `VolumeApiService.doesTargetStorageSupportDiskOffering`.
    """
    for disk in situation.move.disks:
        volume, target = situation.volumes[disk.volume_id], situation.targets.get(disk.target.id)
        missing = volume.required_tags - target.tags if target else frozenset()
        if missing and target:
            yield (
                f"volume {disk.name} has disk offering {volume.offering}, whose storage tags {_list(missing)} "
                f"are not on storage pool {target.name} (tags: {_list(target.tags) or 'none'}): "
                f"choose a pool with these tags, or tag this one"
            )


def space_suffices(situation: Situation) -> Iterator[str]:
    """Let nothing start that does not fit into the free space less what running jobs have reserved."""
    for pool_id, target in situation.targets.items():
        needed = sum(disk.needed_bytes for disk in situation.move.disks if disk.target.id == pool_id)
        left = target.free_bytes - target.reserved_bytes
        if needed > left:
            yield (
                f"storage pool {target.name} has {_gib(left)} left ({_gib(target.free_bytes)} free, "
                f"{_gib(target.reserved_bytes)} reserved by running jobs), and {_gib(needed)} are needed: "
                f"free some space, or choose another pool"
            )


def name_is_free(situation: Situation) -> Iterator[str]:
    """Never overwrite: nothing may have a detached disk's place on the target (`force` is never used)."""
    for disk in situation.move.disks:
        if situation.volumes[disk.volume_id].target_is_taken:
            yield f"a file of the name of {disk.path} is on {disk.target.name} already: rename or remove that one"


RULES: tuple[Rule, ...] = (
    vm_is_stopped,
    vm_is_no_template,
    same_cluster,
    target_is_usable,
    tags_fit,
    space_suffices,
    name_is_free,
)


def reasons_against(situation: Situation) -> list[str]:
    """Return every reason why the move must not start; none means that it may."""
    return [reason for rule in RULES for reason in rule(situation)]


def require(situation: Situation) -> None:
    """Raise `CheckFailed` with every reason why the move must not start, or `VmBusy` when only that is in its way."""
    reasons = reasons_against(situation)
    if reasons:
        raise CheckFailed(reasons)
    machine = situation.move.machine
    if machine is not None and situation.task_running:
        raise VmBusy(f"a vCenter task is running on VM {machine.name}: it has to end first")


class VmBusy(ResourceInUse):
    """Something works on the VM already; vCenter would answer TaskInProgress. It passes by itself."""


def _list(tags: frozenset[str]) -> str:
    return ", ".join(sorted(tags))


def _gib(size_bytes: int) -> str:
    return f"{max(size_bytes, 0) / 2**30:.1f} GiB"
