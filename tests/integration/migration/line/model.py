"""The line once more, in Python and step by step: serve one, count it as served, choose the next."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.hypervisors.move import Move
from app.limits import default_limits
from app.migration.admission import resources_of
from tests.integration.migration.line.crowd import NOTHING

Who = TypeVar("Who", bound=Hashable)
NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Standing:
    """A job in a line."""

    id: UUID
    zone: UUID
    account: UUID
    priority: int
    created: datetime


@dataclass(frozen=True)
class Line:
    """A resource: who waits for it, who has it, whose turn was when."""

    waiting: list[Standing]
    held: Counter[tuple[UUID, UUID]]
    """Slots, by zone and account."""
    turns: dict[tuple[UUID, UUID], datetime]

    @property
    def in_use(self) -> int:
        return self.held.total()

    def order(self, also: Standing | None = None) -> list[UUID]:
        """Return who waits, the next one first."""
        accounts: dict[tuple[UUID, UUID], list[Standing]] = defaultdict(list)
        waiting = [it for it in self.waiting if also is None or it.id != also.id]
        for it in sorted([*waiting, *([also] if also else [])], key=lambda it: (-it.priority, it.created, it.id)):
            accounts[it.zone, it.account].append(it)
        zones: dict[UUID, list[Standing]] = {}
        for zone in {zone for zone, _ in accounts}:
            of_zone = {who: jobs for who, jobs in accounts.items() if who[0] == zone}
            zones[zone] = _served(of_zone, self.held, lambda who: self.turns.get(who, NEVER))
        held_by_zone: Counter[UUID] = Counter()
        for (zone, _), count in self.held.items():
            held_by_zone[zone] += count
        newest = {zone: max((at for (it, _), at in self.turns.items() if it == zone), default=NEVER) for zone in zones}
        return [it.id for it in _served(zones, held_by_zone, lambda zone: newest[zone])]


def _served(lines: dict[Who, list[Standing]], held: Counter[Who], turn: Callable[[Who], datetime]) -> list[Standing]:
    left = {who: list(jobs) for who, jobs in lines.items()}
    had: Counter[Who] = Counter()
    served: list[Standing] = []

    def rank(who: Who) -> tuple[int, int, int, datetime, datetime, UUID]:
        first = left[who][0]
        return (-first.priority, held[who] + had[who], had[who], turn(who), first.created, first.id)

    while left:
        who = min(left, key=rank)
        served.append(left[who].pop(0))
        had[who] += 1
        if not left[who]:
            del left[who]
    return served


def read(session: Session, resource: str) -> Line:
    """Read a line from the database."""
    waiting = session.execute(
        text(
            """
            SELECT id, zone_id, account_id, priority, created_at FROM job
            WHERE waiting_for = :resource AND finished_at IS NULL
              AND id NOT IN (SELECT job_id FROM slot WHERE resource = :resource)
            """
        ),
        {"resource": resource},
    )
    held = session.execute(
        text("SELECT zone_id, account_id FROM slot JOIN job ON job.id = slot.job_id WHERE resource = :resource"),
        {"resource": resource},
    )
    turns = session.execute(
        text("SELECT zone_id, account_id, taken_at FROM slot_turn WHERE resource = :resource"), {"resource": resource}
    )
    return Line(
        [Standing(*row) for row in waiting],
        Counter((row.zone_id, row.account_id) for row in held),
        {(row.zone_id, row.account_id): row.taken_at for row in turns},
    )


def expected(session: Session, job_id: UUID, move: Move) -> str:
    """Return what a job has to wait for now, or `NOTHING`."""
    had = set(session.execute(text("SELECT resource FROM slot WHERE job_id = :id"), {"id": job_id}).scalars())
    facts = text("SELECT id, zone_id, account_id, priority, created_at FROM job WHERE id = :id")
    this = Standing(*session.execute(facts, {"id": job_id}).one())
    needed = resources_of(move, default_limits())
    lines = {resource.key: read(session, resource.key) for resource in needed}
    for resource in needed:
        if lines[resource.key].in_use - (resource.key in had) >= resource.limit:
            return resource.key
    for resource in needed:
        if resource.key in had:
            continue
        line = lines[resource.key]
        if line.in_use + line.order(this).index(job_id) >= resource.limit:
            return resource.key
    return NOTHING
