"""What vCenter shows beside the things that move: who has a detached disk by now, and what storage policies ask for.

It is asked for only when a migration is about to start, or a dry run asks: an answer is for the moment.
"""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from app.hypervisors.move import Machine, Move, Pool
from app.inventory.models import VMWARE
from app.vsphere.holders import holders_of
from app.vsphere.policies import StoragePolicy, policies_of, unsuitable
from app.vsphere.session import Session


@dataclass(frozen=True)
class Misfit:
    """A storage policy that a target does not suit."""

    what: str
    """What has the policy: `volume data`, `the configuration of VM web-1`."""
    policy: str
    pool: str
    why: str
    """As the policy service says it."""


@dataclass(frozen=True)
class Surroundings:
    """What was seen around a move."""

    holders: tuple[str, ...] = ()
    """Names of VMs that have the detached disk."""
    misfits: tuple[Misfit, ...] = ()
    """Nothing too where the policy service does not answer: what is not known speaks against nothing."""


def read_surroundings(vcenter: Session, move: Move, job_id: UUID | None) -> Surroundings:
    """Ask vCenter, with reads alone; worker VMs of the job itself hold nothing.

    Raises what a call to vCenter raises.
    """
    if move.hypervisor != VMWARE:
        return Surroundings()
    if move.machine is not None:
        return Surroundings(misfits=_misfits(vcenter, move, move.machine))
    return Surroundings(
        holders=tuple(
            holder.name
            for disk in move.disks
            for holder in holders_of(vcenter, disk.source.moref, disk.path)
            if holder.worker_of_job is None or holder.worker_of_job != str(job_id)
        )
    )


def _misfits(vcenter: Session, move: Move, machine: Machine) -> tuple[Misfit, ...]:
    keys = [disk.device_key for disk in move.disks if disk.device_key is not None]
    known = policies_of(vcenter, machine.moref, keys)
    if known is None:
        return ()
    placed: list[tuple[str, StoragePolicy, Pool]] = []
    if move.home_moves and move.home_target is not None and known.home is not None:
        placed.append((f"the configuration of VM {machine.name}", known.home, move.home_target))
    placed += [
        (f"volume {disk.name}", known.disks[disk.device_key], disk.target)
        for disk in move.disks
        if disk.device_key is not None and disk.device_key in known.disks
    ]
    goals: dict[StoragePolicy, set[str]] = {}
    for _, policy, pool in placed:
        goals.setdefault(policy, set()).add(pool.moref)
    refused = {policy: unsuitable(vcenter, policy.id, sorted(morefs)) or {} for policy, morefs in goals.items()}
    return tuple(
        Misfit(what=what, policy=policy.name, pool=pool.name, why=refused[policy][pool.moref])
        for what, policy, pool in placed
        if pool.moref in refused[policy]
    )
