"""Workers are killed at random moments of the submit step, again and again: vCenter is asked for each migration once.

`CHAOS_KILLS=200 pytest tests/chaos/workers/test_killed_while_submitting.py` for a longer run; `CHAOS_SEED` repeats the
moments of another one.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import text

from app.db import transaction
from app.inventory.vcenters import session_to
from app.jobs.states import HELD, TERMINAL, JobState
from tests.chaos.workers.nursery import Life, Moment, Nursery, nursery
from tests.chaos.workers.outcome import all_succeeded_once
from tests.integration.jobs import rows
from tests.integration.migration.driven import Driven
from tests.integration.migration.steps import Steps
from tests.running.ledger import Ledger
from tests.running.vcenter import RunningVCenter, running_vcenter
from tests.running.waiting import until

KILLS = int(os.environ.get("CHAOS_KILLS", "12"))
"""That hit a worker which holds a job in its submit step."""
SEED = int(os.environ.get("CHAOS_SEED", "20"))
AT_ONCE = 8
"""Jobs that take turns: while the lease of one runs out, workers of others are killed."""
MEASURED = 4
"""Steps that are left alone first, to see how long one lasts."""

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(240 + 8 * KILLS)]

DUE = text(
    """
    SELECT id FROM job
    WHERE id = ANY(:ids) AND (state = 'queued' AND next_run_at <= now()
                              OR state = 'submitting' AND lease_expires_at < now())
    ORDER BY updated_at LIMIT 1
    """
)


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    """Leases of a second, and slots for all."""
    ample = {f"VRELOCATE_SLOTS_PER_{what}": "1000" for what in ("VCENTER", "HOST", "SOURCE_POOL", "TARGET_POOL")}
    return {**environment, **ample, "VRELOCATE_LEASE_SECONDS": "1"}


@pytest.fixture
def vcenter(tmp_path: Path) -> Iterator[RunningVCenter]:
    scenario = Path(__file__).with_name("many.yaml")
    with running_vcenter(tmp_path, "--scenario", scenario, "--admin", "127.0.0.1:0") as running:
        yield running


@pytest.fixture
def workers(installation: None, environment: dict[str, str], tmp_path: Path) -> Iterator[Nursery]:
    assert installation is None
    with nursery(environment, tmp_path / "nursery.log") as made:
        yield made
    print((tmp_path / "nursery.log").read_text())  # noqa: T201  # pytest shows it when the test fails


class Campaign:
    """Migrations that are begun, and the kills that they have survived."""

    def __init__(self, steps: Steps, workers: Nursery) -> None:
        self._steps = steps
        self._workers = workers
        self._things = iter(
            [name.format(n) for n in range(1, 81) for name in ("quick-{:03}", "slow-{:03}", *DISKS)],
        )
        self.jobs: dict[UUID, str] = {}
        self.begun: list[UUID] = []
        """Those that are not submitted yet."""
        self.hits: Counter[str] = Counter()
        """Kills in the submit step, by how far it was."""
        self.misses = 0
        self.left_seconds = {moment: self._measured(moment) for moment in Moment}
        """How long a step goes on from a moment of it, at present."""

    def next_due(self) -> UUID:
        """Return a job whose turn it is; there are always some at which it is somebody's."""
        self.begun = [
            job_id for job_id in self.begun if rows.job(job_id).state in {JobState.QUEUED, JobState.SUBMITTING}
        ]
        while len(self.begun) < AT_ONCE:
            thing = next(self._things)
            ask = self._steps.ask_disk if thing.startswith("[") else self._steps.ask_vm
            self.begun.append(ask(thing, "new"))
            self.jobs[self.begun[-1]] = thing
        return until(self._due, 30, "the lease of some job runs out")

    def _due(self) -> UUID | None:
        with transaction() as session:
            return session.scalars(DUE, {"ids": self.begun}).one_or_none()

    @property
    def worst(self) -> int:
        """Kills after which nobody knew whether vCenter had been asked."""
        return self.hits[ASKED] + self.hits[NOT_ASKED]

    def _measured(self, moment: Moment) -> float:
        lives = [self._workers.submit(self.next_due(), moment, float("inf")) for _ in range(MEASURED)]
        return sorted(life.seconds for life in lives)[MEASURED // 2]

    def kill(self, moment: Moment, share: float) -> None:
        """Kill a worker when a share of what follows a moment of its step is over, and see what it left."""
        job_id = self.next_due()
        usual = self.left_seconds[moment]
        life = self._workers.submit(job_id, moment, share * usual)
        left = self._left_by(life, job_id)
        if left is None:
            self.misses += 1
        else:
            self.hits[left] += 1
        # A machine that is busy elsewhere makes steps longer, and shorter again.
        self.left_seconds[moment] += usual * 0.03 if life.killed else (life.seconds - usual) / 3

    def _left_by(self, life: Life, job_id: UUID) -> str | None:
        job = rows.job(job_id)
        if not life.killed or job.lease_owner != life.worker:
            return None
        assert job.state in HELD
        if job.state is JobState.VERIFYING:
            return "found it done"
        last = rows.tasks(job_id)[-1:]
        if not last or last[0].settled_at is not None:
            return EARLY
        return ASKED if self._steps.started(self.jobs[job_id]) else NOT_ASKED


EARLY, ASKED, NOT_ASKED = "before an intent", "with an intent, vCenter was asked", "with an intent, it was not asked"
DISKS = ("[quick] loose/data-{:03}.vmdk", "[slow] loose/slow-{:03}.vmdk")


def test_no_migration_is_submitted_twice(steps: Steps, workers: Nursery) -> None:
    campaign, moments = Campaign(steps, workers), random.Random(SEED)  # noqa: S311  # moments, no secrets
    while campaign.hits.total() < KILLS or campaign.worst < KILLS / 10:
        assert campaign.hits.total() + campaign.misses < 6 * KILLS, f"{campaign.hits}, {campaign.misses} missed"
        # All over the step, and as often in its short last part, in which vCenter is asked.
        campaign.kill(moments.choice(list(Moment)), moments.uniform(0, 1.1))
    told = (
        f"a step lasts {campaign.left_seconds[Moment.BEGINNING]:.3f} s; {dict(campaign.hits)}, {campaign.misses} missed"
    )
    print(told)  # noqa: T201  # pytest shows it when the test fails, or with -s

    driven = Driven(steps, session_to(steps.vcenter_id))
    for job_id in campaign.jobs:
        if rows.job(job_id).state not in TERMINAL:
            driven.to_end(job_id)
    all_succeeded_once(steps, campaign.jobs)
    page = Ledger(steps.vcenter).page()
    assert page.overlaps == {}
    refused = {entity: of.overlapping for entities in page.operations.values() for entity, of in entities.items()}
    assert not any(refused.values()), "vCenter was asked a second time, and refused"
