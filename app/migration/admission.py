"""Slots and space: how many relocations may run at once on a vCenter, a host, a pool, and what they will fill.

The limits stay under vCenter's own, beyond which it only queues; a job that finds no slot goes into the line for it
(`app/jobs/line.py`) and says which one it waits for. Slots and space are rows: they are freed with the job, or by
whoever finishes it later.

A job stands in one line at a time, and holds nothing meanwhile: one that is called up for a slot and finds another one
missing goes into that other line, and those behind it move up. Everybody looks at what they need in the same order, so
jobs cannot send each other round in circles.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy.orm import Session

from app.db import transaction
from app.hypervisors.move import Move
from app.hypervisors.vmware import target_path
from app.jobs import line
from app.jobs.models import Slot
from app.jobs.queries import lock_job
from app.jobs.states import SLOTLESS
from app.jobs.sweeping import hurry_waiting
from app.limits import Limits, limits
from app.migration import queries
from app.migration.models import SpaceReservation
from app.telemetry import logger

log = logger(__name__)


@dataclass(frozen=True)
class Resource:
    """Something that only so many relocations may use at once."""

    key: str
    """`vcenter:<id>`, `host:<id>`, `source-pool:<id>`, `target-pool:<id>`."""
    name: str
    """For people: `target pool ds-new`."""
    limit: int


def limit_of(key: str, bounds: Limits) -> int:
    """Return how many slots the resource of that key has."""
    slots = {
        "vcenter": bounds.slots_per_vcenter,
        "host": bounds.slots_per_host,
        "source-pool": bounds.slots_per_source_pool,
        "target-pool": bounds.slots_per_target_pool,
    }
    return slots[key.partition(":")[0]]


def resources_of(move: Move, bounds: Limits) -> list[Resource]:
    """Return what a move needs one slot of, in the order in which every move looks at it."""
    named = [(f"vcenter:{move.vcenter_id}", "the vCenter")]
    if move.machine is not None and move.machine.host_id is not None:
        named.append((f"host:{move.machine.host_id}", f"the host of VM {move.machine.name}"))
    named += sorted((f"source-pool:{pool.id}", f"source pool {pool.name}") for pool in move.sources.values())
    named += sorted((f"target-pool:{pool.id}", f"target pool {pool.name}") for pool in move.targets.values())
    return [Resource(key, name, limit_of(key, bounds)) for key, name in named]


@dataclass(frozen=True)
class Wait:
    """Why a job has to stand in line."""

    resource: Resource
    """What it stands in line for."""
    full: bool
    """It has no slot left; else those that are free belong to jobs ahead."""
    needed: tuple[str, ...]
    """Everything that the job needs: whatever line it has left moves up."""

    @property
    def phase(self) -> str:
        """Return it in words."""
        if self.full:
            return f"waiting: {self.resource.name} has {self.resource.limit} relocations running already"
        return f"waiting: others in line for {self.resource.name} come first"


@dataclass(frozen=True)
class Admission:
    """What a job was given."""

    wait: Wait | None
    """Why it has to wait: then nothing was taken."""
    reserved_bytes: dict[UUID, int]
    """What those who came first have reserved on each target; those who come later count this job's own."""


def take(session: Session, job_id: UUID, move: Move) -> Admission:
    """Take a slot of everything the move needs and reserve its space; all or nothing.

    A slot that is free and belongs to somebody ahead in its line is not taken. Taking again what a job has changes
    nothing.
    """
    needed = resources_of(move, limits(session))
    keys = [resource.key for resource in needed]
    session.execute(queries.LOCK_ADMISSION, {"vcenter_id": str(move.vcenter_id)})
    reserved_bytes = queries.reserved_bytes(session, move.targets.keys(), job_id)
    had = queries.slots_of(session, job_id)
    wait = _wait(session, job_id, needed, had)
    if wait is not None:
        line.stand_in(session, job_id, wait.resource.key)
        return Admission(wait=wait, reserved_bytes=reserved_bytes)
    queries.drop_admission(session, job_id)
    session.add_all(Slot(resource=key, job_id=job_id) for key in keys)
    line.take_turn(session, job_id, [key for key in keys if key not in had])
    for pool_id in move.targets:
        session.add(SpaceReservation(pool_id=pool_id, job_id=job_id, bytes=move.needed_on(pool_id)))
    # In the order in which a sync locks them too: two that lock the same rows in two orders wait for each other.
    for disk in sorted(move.disks, key=lambda disk: disk.volume_id):
        goal = f"[{disk.target.name}]" if move.machine else target_path(disk)
        queries.mark_moving(session, disk.volume_id, job_id, goal)
    session.flush()
    return Admission(wait=None, reserved_bytes=reserved_bytes)


def _wait(session: Session, job_id: UUID, needed: list[Resource], had: set[str]) -> Wait | None:
    """Return what the job has to stand in line for; `None` when nothing stands between it and its slots."""
    keys = tuple(resource.key for resource in needed)
    in_use = queries.slots_in_use(session, keys, job_id)
    # What is full is looked for everywhere first: who waits for it keeps nobody from what is free.
    for resource in needed:
        if in_use.get(resource.key, 0) >= resource.limit:
            return Wait(resource, full=True, needed=keys)
    ahead = line.ahead(session, job_id, set(keys) - had)
    for resource in needed:
        if in_use.get(resource.key, 0) + ahead.get(resource.key, 0) >= resource.limit:
            return Wait(resource, full=False, needed=keys)
    return None


def release(session: Session, job_id: UUID) -> list[str]:
    """Free a job's slots and space and let go of its volumes; returns the resources, for whoever waits for them."""
    queries.unmark_moving(session, job_id)
    return queries.drop_admission(session, job_id)


def hurry(keys: Iterable[str]) -> int:
    """Ring for those in line for these resources for whom slots stand free; returns how many."""
    lines = sorted(set(keys))
    if not lines:
        return 0

    def slots(session: Session) -> Mapping[str, int]:
        bounds = limits(session)
        return {key: limit_of(key, bounds) for key in lines}

    return hurry_waiting(slots)


def sweep_lines() -> int:
    """Ring for those in any line for whom slots stand free: whoever freed them may have died. Returns how many."""
    with transaction() as session:
        waited_for = line.lines(session)
    return hurry(waited_for)


def free_strays() -> int:
    """Free slots and space of jobs that must have none, being over or back in line; returns of how many jobs.

    No step leaves such a row behind: it goes in the transaction that ends the job. This is for rows that somebody
    changed by hand, or that an older release's bug left; nothing may be full for ever because of them.
    """
    with transaction() as session:
        suspects = queries.jobs_with_strays(session)
    freed = 0
    for job_id in suspects:
        with transaction() as session:
            job = lock_job(session, job_id)
            if job is None or job.state not in SLOTLESS:
                continue
            keys = release(session, job_id)
        log.warning("slots.stray", job_id=str(job_id), resources=keys)
        freed += 1
        hurry(keys)
    return freed
