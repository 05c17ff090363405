"""Jobs that contend for slots, without a vCenter: what a worker does about slots, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from app.db import transaction
from app.hypervisors.move import Machine, Move, Pool
from app.inventory.models import VMWARE, StoragePool, VCenter, Zone
from app.jobs import attempts, line
from app.jobs.attempts import Failure
from app.jobs.leases import Claim, claim_to_submit
from app.jobs.states import JobState
from app.jobs.sweeping import ring_forgotten
from app.migration import admission, outcomes
from app.vsphere.facts import FaultClass
from tests.integration.jobs import rows
from tests.integration.migration.steps import Killed

ENDED = Failure("Ended", FaultClass.PERMANENT, "the test has ended it")
COMING = """
    SELECT id FROM job
    WHERE (state = 'queued' AND next_run_at <= now()) OR (state = 'submitting' AND lease_expires_at < now())
    ORDER BY priority DESC, next_run_at, id LIMIT 1
"""

NOTHING = "nothing"


def account(number: int) -> UUID:
    return UUID(int=1000 + number)


@dataclass
class Crowd:
    """A vCenter with two zones, some pools in it, and the jobs that came so far, each with its move."""

    vcenter_id: UUID
    zones: list[UUID]
    pools: list[Pool]
    moves: dict[UUID, Move] = field(default_factory=dict)
    claims: dict[UUID, Claim] = field(default_factory=dict)
    """Of those that have their slots."""
    judge: Callable[[Session, UUID, Move], str | None] = field(default=lambda *_: None)
    """Asked before a job is admitted; whatever is not `None` must be what it then waits for, or `NOTHING`."""

    def comes(
        self, who: int = 0, *, zone: int = 0, priority: int = 0, source: int = 0, target: int = 1, age_seconds: int = 0
    ) -> UUID:
        """Let a job be accepted that moves something from one pool to another."""
        created = text(f"now() - interval '{age_seconds} s'")
        job_id = rows.new_job(
            system_id=self.vcenter_id,
            zone_id=self.zones[zone],
            account_id=account(who),
            priority=priority,
            created_at=created,
        )
        home = Machine(uuid4(), "vm", "vm-1", cluster_id=None, host_id=None, home=self.pools[source])
        self.moves[job_id] = Move(VMWARE, self.vcenter_id, "datacenter-1", home, self.pools[target], ())
        return job_id

    def tries(self, job_id: UUID, *, dies: str = "") -> bool:
        """Let a worker try to admit a job that is due, as the step does; says whether it has its slots.

        `dies`: the worker dies `before` it takes slots, or `after` that.
        """
        claim = claim_to_submit(job_id, "worker")
        if claim is None:
            return False
        if dies == "before":
            return False
        with transaction() as session:
            attempts.begin(session, claim)
            expected = self.judge(session, job_id, self.moves[job_id])
            wait = admission.take(session, job_id, self.moves[job_id]).wait
            assert expected in {None, wait.resource.key if wait else NOTHING}
        if dies == "after":
            return wait is None
        if wait is not None:
            outcomes.wait_for_slot(claim, wait)
            return False
        self.claims[job_id] = claim
        return True

    def ends(self, job_id: UUID) -> None:
        """Let a job that has its slots end."""
        outcomes.fail(self.claims.pop(job_id), ENDED)

    def dies_ending(self, job_id: UUID, monkeypatch: pytest.MonkeyPatch) -> None:
        """The same, and the worker dies before it calls anybody up."""
        with dead(monkeypatch), pytest.raises(Killed):
            self.ends(job_id)

    def sweeps(self) -> None:
        """Let one sweep go by."""
        admission.free_strays()
        admission.sweep_lines()
        ring_forgotten()

    def settles(self) -> list[UUID]:
        """Let workers try whoever is due until nobody is; returns those who got their slots, in this order."""
        served: list[UUID] = []
        # Each may be sent into each line that it needs, as often as somebody else got something.
        for _ in range((len(self.moves) + 1) ** 2 * 3):
            with transaction() as session:
                due: UUID | None = session.execute(text(COMING)).scalar()
            if due is None:
                return served
            if self.tries(due):
                served.append(due)
        raise AssertionError("jobs send each other round in circles")

    def forgets(self) -> None:
        """Let nobody have come."""
        with transaction() as session:
            session.execute(text("TRUNCATE job, slot_turn CASCADE"))
        self.moves.clear()
        self.claims.clear()

    def place(self, job_id: UUID) -> int | None:
        with transaction() as session:
            return line.places(session, [job_id]).get(job_id)

    def in_line(self) -> list[UUID]:
        """Return who waits, in the order of all lines."""
        waiting = [it for it in self.moves if rows.job(it).state is JobState.QUEUED]
        with transaction() as session:
            places = line.places(session, waiting)
        return sorted(places, key=lambda it: places[it])


@contextmanager
def dead(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nobody is called up: the worker dies instead."""

    def dies(_keys: object) -> int:
        raise Killed

    with monkeypatch.context() as edge:
        edge.setattr(admission, "hurry", dies)
        yield


def gather(pools: int = 5) -> Crowd:
    """Write the vCenter, its zones and its pools."""
    with transaction() as session:
        vcenter = VCenter(name=f"vc-{uuid4()}", url="https://vc.example", username="u", password_sealed=b"x")
        session.add(vcenter)
        session.flush()
        zones = [Zone(vcenter_id=vcenter.id, name=f"dc{number}", moref=f"datacenter-{number}") for number in range(2)]
        session.add_all(zones)
        session.flush()
        made = [
            StoragePool(
                vcenter_id=vcenter.id,
                zone_id=zones[0].id,
                name=f"pool-{number}",
                moref=f"datastore-{number}",
                scope="ZONE",
                type="VMFS",
                url=f"ds:///{number}",
                capacity_bytes=1,
                free_bytes=1,
                uncommitted_bytes=0,
                accessible=True,
                maintenance_mode="normal",
            )
            for number in range(pools)
        ]
        session.add_all(made)
        session.flush()
        as_pools = [Pool(it.id, it.name, it.moref, VMWARE, frozenset()) for it in made]
        return Crowd(vcenter.id, [zone.id for zone in zones], as_pools)
