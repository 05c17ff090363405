"""A dry run: what a migration would move, by which strategy, and everything that speaks against it; nothing is changed.

vCenter is asked as a job would ask it, with reads alone. What it shows goes into the same tables by the same code, and
the same plan is made on it, in a transaction that is rolled back: so what a dry run says is what the job would do now.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from uuid import UUID

from app.db import Json, transaction
from app.hypervisors.move import Move
from app.inventory.vcenters import session_to
from app.jobs.queries import live_job_on
from app.migration.accept import require_meaning
from app.migration.checks import Objection, objection_to_json, objections_against
from app.migration.look import Reading, read, write_down
from app.migration.plan import plan, subject_of
from app.migration.requests import Request, new_offering_of
from app.migration.situation import Situation, from_inventory, refreshed
from app.migration.strategies import NoStrategy, choose
from app.migration.surroundings import read_surroundings
from app.vsphere.facts import DiskFormat


@dataclass(frozen=True)
class DryDisk:
    """A disk that would move."""

    volume_id: UUID
    name: str
    source: str
    """Name of the pool that it is on."""
    target: str
    """Name of the pool that it would go to; for a datastore cluster, the member."""
    bytes: int
    """What it would take there."""
    capacity_bytes: int
    format: DiskFormat | None
    """As it is now; `None`: not known."""
    target_format: DiskFormat | None
    """What it would be converted to; `None`: it keeps its format."""


@dataclass(frozen=True)
class DryHome:
    """A VM's configuration that would move."""

    source: str | None
    """Name of the pool; `None`: not known."""
    target: str


@dataclass(frozen=True)
class DryRun:
    """What a migration would do if it were asked for now."""

    vm: str | None
    """Name of the VM; `None`: a detached volume."""
    disks: tuple[DryDisk, ...]
    home: DryHome | None
    """`None`: the VM's configuration stays, or there is no VM."""
    strategy: str | None
    """`None`: there is nothing to move, or nothing here can move it."""
    steps: tuple[str, ...]
    """What would be done, one after another, in the words that a job shows: `relocating`."""
    objections: tuple[Objection, ...]
    """All of them, warnings too."""

    @property
    def would_start(self) -> bool:
        """Say whether a job would get as far as its first step."""
        return self.strategy is not None and not self.refusals

    @property
    def refusals(self) -> tuple[Objection, ...]:
        """Those that keep it from starting."""
        return tuple(objection for objection in self.objections if objection.refuses)

    @property
    def warnings(self) -> tuple[Objection, ...]:
        """Those that do not."""
        return tuple(objection for objection in self.objections if not objection.refuses)


def dry_run(request: Request) -> DryRun:
    """Look, plan, check and choose as a job would do it now; changes nothing, in vCenter or here.

    Raises what `accept` refuses a request with (`NotFound`, `InvalidParameter`), `NotFound` for what vCenter no longer
    has, and `ResourceUnavailable` while vCenter does not answer. A live job on the same thing is an objection.
    """
    with transaction() as session:
        vcenter_id = require_meaning(session, request)
        live = live_job_on(session, subject_of(session, request))
    vcenter = session_to(vcenter_id)
    reading = read(vcenter, request)
    move, picture = _forgotten(request, reading, live.id if live else None)
    surroundings = read_surroundings(vcenter, move, None)
    return _told(refreshed(picture, reading.sight(move), surroundings))


def dry_run_to_json(told: DryRun) -> Json:
    """Return a dry run as the API shows it."""
    return {
        "wouldstart": told.would_start,
        "virtualmachine": told.vm,
        "strategy": told.strategy,
        "steps": list(told.steps),
        "disks": [
            {
                "volumeid": str(disk.volume_id),
                "name": disk.name,
                "from": disk.source,
                "to": disk.target,
                "bytes": disk.bytes,
                "capacity": disk.capacity_bytes,
                "format": disk.format,
                "targetformat": disk.target_format,
            }
            for disk in told.disks
        ],
        "home": {"from": told.home.source, "to": told.home.target} if told.home else None,
        "objections": [objection_to_json(objection) for objection in told.objections],
    }


def _forgotten(request: Request, reading: Reading, live_job: UUID | None) -> tuple[Move, Situation]:
    """Return what a job would plan and judge on what was read; nothing of that is kept."""
    with transaction() as session:
        write_down(session, reading)
        session.flush()
        session.expire_all()
        move = plan(session, request)
        picture = from_inventory(session, move, live_job=live_job, new_offering_id=new_offering_of(request))
        session.rollback()
    return move, picture


def _told(situation: Situation) -> DryRun:
    move, objections = situation.move, objections_against(situation)
    strategy: str | None = None
    steps: tuple[str, ...] = ()
    if not move.is_empty:
        with suppress(NoStrategy):  # a rule says so
            program = choose(move)
            strategy, steps = program.strategy, tuple(command.doing for command in program.commands)
    return DryRun(
        vm=move.machine.name if move.machine else None,
        disks=tuple(
            DryDisk(
                volume_id=disk.volume_id,
                name=disk.name,
                source=disk.source.name,
                target=disk.target.name,
                bytes=disk.needed_bytes,
                capacity_bytes=disk.capacity_bytes,
                format=disk.format,
                target_format=disk.target_format,
            )
            for disk in move.disks
        ),
        home=_home(move),
        strategy=strategy,
        steps=steps,
        objections=tuple(objections),
    )


def _home(move: Move) -> DryHome | None:
    home = move.machine.home if move.machine else None
    if move.home_target is None or (home is not None and home.id == move.home_target.id):
        return None
    return DryHome(source=home.name if home else None, target=move.home_target.name)
