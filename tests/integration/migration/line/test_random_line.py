"""Random arrivals, ends and deaths: no limit is ever passed, nobody waits for nothing, and everybody gets a share."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from uuid import UUID

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from app.db import transaction
from app.jobs import line
from app.jobs.models import Job
from app.jobs.states import JobState
from app.limits import default_limits
from app.migration.admission import limit_of
from tests.integration.migration.line.crowd import NOTHING, Crowd
from tests.integration.migration.line.model import expected, read
from tests.integration.migration.steps import NOTHING_TAKEN
from tests.integration.migration.steps import admission as taken

SOAK = settings.get_current_profile_name() == "soak"
SUITE = settings(
    settings.get_profile("vrelocate"), max_examples=6, derandomize=True, phases=[Phase.explicit, Phase.generate]
)
RANDOM = settings(
    settings.get_profile("soak") if SOAK else SUITE,
    # Each example begins with nobody.
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)

pytestmark = [pytest.mark.integration, pytest.mark.timeout(0 if SOAK else 300)]


@dataclass(frozen=True)
class Comes:
    who: int
    zone: int
    priority: int
    source: int
    target: int


@dataclass(frozen=True)
class Tries:
    """A worker takes one that is due, and may die."""

    which: int
    dies: str


@dataclass(frozen=True)
class Ends:
    """A job that has its slots ends, and its worker may die before it calls anybody up."""

    which: int
    dies: bool


@dataclass(frozen=True)
class Settles:
    """Workers try whoever is due; before that a sweep may go by, and leases of the dead run out."""

    sweeps: bool


COMES = st.builds(
    Comes, st.integers(0, 2), st.integers(0, 1), st.sampled_from([0, 0, 0, 1, -1]), st.integers(0, 1), st.integers(2, 3)
)
HAPPENS = st.one_of(
    COMES,
    COMES,
    COMES,
    st.builds(Tries, st.integers(0, 99), st.sampled_from(["", "", "before", "after"])),
    st.builds(Ends, st.integers(0, 99), st.booleans()),
    st.builds(Settles, st.booleans()),
    st.builds(Settles, st.booleans()),
)


def carry_out(crowd: Crowd, what: object) -> None:
    match what:
        case Comes():
            crowd.comes(what.who, zone=what.zone, priority=what.priority, source=what.source, target=what.target)
        case Tries():
            jobs = [it for it in crowd.moves if it not in crowd.claims]
            if jobs:
                crowd.tries(jobs[what.which % len(jobs)], dies=what.dies)
        case Ends():
            running = list(crowd.claims)
            if running and what.dies:
                with pytest.MonkeyPatch.context() as edge:
                    crowd.dies_ending(running[what.which % len(running)], edge)
            elif running:
                crowd.ends(running[what.which % len(running)])
        case Settles():
            if what.sweeps:
                settle(crowd)
            else:
                crowd.settles()


def settle(crowd: Crowd) -> None:
    """Let the dead be found, and everybody get what there is for them."""
    with transaction() as session:
        lapse = (
            "UPDATE job SET lease_expires_at = now() - interval '1 s' WHERE state = 'submitting' AND id <> ALL(:ids)"
        )
        session.execute(text(lapse), {"ids": list(crowd.claims)})
    crowd.settles()
    crowd.sweeps()
    crowd.settles()
    with transaction() as session:
        for job_id in states(session, JobState.QUEUED):
            assert expected(session, job_id, crowd.moves[job_id]) != NOTHING, "it waits, and nothing is in its way"
        assert states(session, JobState.SUBMITTING) == crowd.claims.keys()


def states(session: Session, state: JobState) -> set[UUID]:
    """Return the jobs in that state."""
    return set(session.scalars(select(Job.id).where(Job.state == state)))


def within_limits() -> None:
    with transaction() as session:
        for resource, count in session.execute(text("SELECT resource, count(*) FROM slot GROUP BY 1")):
            assert count <= limit_of(resource, default_limits())


def in_the_same_order() -> None:
    """What clients are told is the order of the line that is chosen step by step."""
    with transaction() as session:
        for resource in line.lines(session):
            wanted = read(session, resource).order()
            places = line.places(session, wanted)
            assert [places[it] for it in wanted] == list(range(1, len(wanted) + 1))


class TestThreeAtATime:
    """Three at once on the vCenter, two from a pool, two to a pool."""

    @pytest.fixture
    def environment(self, environment: dict[str, str]) -> dict[str, str]:
        limits = {"VCENTER": "3", "SOURCE_POOL": "2", "TARGET_POOL": "2"}
        return environment | {f"VRELOCATE_SLOTS_PER_{kind}": limit for kind, limit in limits.items()}

    @RANDOM
    @given(happens=st.lists(HAPPENS, min_size=20, max_size=40))
    def test_everybody_gets_what_is_theirs_and_nobody_waits_for_nothing(
        self, crowd: Crowd, happens: Sequence[object]
    ) -> None:
        crowd.forgets()
        crowd.judge = expected
        for what in happens:
            carry_out(crowd, what)
            within_limits()
            if isinstance(what, Settles):
                in_the_same_order()
        settle(crowd)
        while crowd.claims:
            crowd.ends(next(iter(crowd.claims)))
            crowd.settles()
        with transaction() as session:
            assert states(session, JobState.FAILED) == crowd.moves.keys(), "each had its turn"
        assert taken() == NOTHING_TAKEN


Who = tuple[int, ...]
"""A zone, or a zone and an account in it."""


class Passed:
    """How often each who waits and holds nothing was passed by each other one."""

    def __init__(self, depth: int) -> None:
        """`depth`: 1 for zones, 2 for accounts, each among those of its zone."""
        self._depth = depth
        self._times: dict[Who, Counter[Who]] = {}

    def look(self, waiting: Iterable[Who], holding: Iterable[Who]) -> None:
        """See who waits with nothing; whoever goes on waiting so is counted on."""
        empty = {it[: self._depth] for it in waiting} - {it[: self._depth] for it in holding}
        self._times = {it: self._times.get(it, Counter()) for it in empty}

    def served(self, who: Who) -> int:
        """Count that somebody was; returns how often that one has passed anybody by now."""
        this = who[: self._depth]
        self._times.pop(this, None)
        rivals = [times for it, times in self._times.items() if it[:-1] == this[:-1]]
        for times in rivals:
            times[this] += 1
        return max((times[this] for times in rivals), default=0)


class TestTwoAtATime:
    """Two at once to a pool."""

    @pytest.fixture
    def environment(self, environment: dict[str, str]) -> dict[str, str]:
        return {**environment, "VRELOCATE_SLOTS_PER_TARGET_POOL": "2"}

    @RANDOM
    @given(
        arrivals=st.lists(st.tuples(st.integers(0, 1), st.integers(0, 3)), min_size=4, max_size=30),
        ends=st.lists(st.integers(0, 1), min_size=40, max_size=40),
    )
    def test_who_has_nothing_is_passed_by_each_other_once(
        self, crowd: Crowd, arrivals: list[tuple[int, int]], ends: list[int]
    ) -> None:
        """However many jobs these have, and however short they are; in a zone each account, and each other zone."""
        crowd.forgets()
        whose: dict[UUID, Who] = {}
        levels = (Passed(1), Passed(2))

        def everybody_tries() -> None:
            for level in levels:
                level.look([whose[it] for it in crowd.in_line()], [whose[it] for it in crowd.claims])
            for job_id in crowd.settles():
                assert max(level.served(whose[job_id]) for level in levels) <= 1

        coming = iter(arrivals)
        for end in ends:
            # Two come whenever one goes, until nobody comes any more.
            for zone, who in islice(coming, 2):
                whose[crowd.comes(who, zone=zone)] = (zone, who)
                everybody_tries()
            running = list(crowd.claims)
            if running:
                crowd.ends(running[end % len(running)])
            everybody_tries()
        assert taken() == NOTHING_TAKEN
