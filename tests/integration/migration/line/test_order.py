"""Who is next: priority, then fair shares of zones and of accounts, then age; nobody overtakes, no slot stands free."""

from __future__ import annotations

import pytest

from app.db import transaction
from app.jobs import line
from app.jobs.stopping import StopWish, wish_stop
from app.migration import admission
from tests.integration.jobs import rows
from tests.integration.jobs.at_once import at_once
from tests.integration.migration.line.crowd import Crowd

pytestmark = pytest.mark.integration


def test_a_higher_priority_goes_before_an_older_job(crowd: Crowd) -> None:
    running = crowd.comes()
    assert crowd.settles() == [running]
    old, low, urgent = crowd.comes(age_seconds=60), crowd.comes(priority=-1, age_seconds=90), crowd.comes(priority=1)
    assert crowd.settles() == []
    assert crowd.in_line() == [urgent, old, low]
    for current, following in ((running, urgent), (urgent, old), (old, low)):
        crowd.ends(current)
        assert crowd.settles() == [following]


def test_an_account_s_own_jobs_go_by_age(crowd: Crowd) -> None:
    running = crowd.comes()
    crowd.settles()
    jobs = [crowd.comes(age_seconds=age) for age in (1, 3, 2)]
    crowd.settles()
    assert crowd.in_line() == [jobs[1], jobs[2], jobs[0]]
    assert [crowd.place(it) for it in (running, *jobs)] == [None, 3, 1, 2]


def test_whoever_asks_for_many_does_not_keep_others_waiting(crowd: Crowd) -> None:
    """One relocation at a time: whoever has a slot has none any more when the next one is chosen."""
    many = [crowd.comes(0, age_seconds=100 - number) for number in range(20)]
    assert crowd.settles() == many[:1]
    one = crowd.comes(1)
    others = [crowd.comes(2) for _ in range(2)]
    crowd.settles()
    assert crowd.in_line()[:4] == [one, others[0], many[1], others[1]]
    served = [many[0]]
    for _ in range(5):
        crowd.ends(served[-1])
        served += crowd.settles()
    assert served == [many[0], one, others[0], many[1], others[1], many[2]]


class TestThreeToATarget:
    """Three relocations at once may go to a pool."""

    @pytest.fixture
    def environment(self, environment: dict[str, str]) -> dict[str, str]:
        return {**environment, "VRELOCATE_SLOTS_PER_TARGET_POOL": "3"}

    def test_who_holds_fewer_slots_goes_first(self, crowd: Crowd) -> None:
        of_first = [crowd.comes(0, age_seconds=100 - number) for number in range(6)]
        assert crowd.settles() == of_first[:3]
        of_second = [crowd.comes(1) for _ in range(3)]
        crowd.settles()
        crowd.ends(of_first[0])
        assert crowd.settles() == [of_second[0]]
        crowd.ends(of_first[1])
        assert crowd.settles() == [of_first[3]], "each holds one, and the first account's turn is longer ago"
        crowd.ends(of_first[2])
        assert crowd.settles() == [of_second[1]]

    def test_zones_share_before_their_accounts_do(self, crowd: Crowd) -> None:
        """Two accounts in one zone do not get twice what the only one in another zone gets."""
        here = {who: [crowd.comes(who, age_seconds=200 - number) for number in range(14)] for who in (0, 1)}
        running = crowd.settles()
        there = [crowd.comes(2, zone=1) for _ in range(14)]
        crowd.settles()
        served = []
        for _ in range(12):
            crowd.ends(running.pop(0))
            running += crowd.settles()
            served.append(running[-1])
        assert [sum(it in jobs for it in served) for jobs in (here[0], here[1], there)] == [3, 3, 6]

    def test_a_pool_s_slots_are_shared_by_who_holds_slots_of_that_pool(self, crowd: Crowd) -> None:
        """What somebody holds elsewhere is not held against him."""
        elsewhere = [crowd.comes(0, target=2) for _ in range(2)]
        here = [crowd.comes(1, source=3, age_seconds=9 - number) for number in range(2)]
        assert set(crowd.settles()) == {*elsewhere, *here}
        with transaction() as session:
            both = [f"target-pool:{crowd.pools[1].id}"]
            for job_id in (crowd.comes(0), crowd.comes(1)):
                assert line.ahead(session, job_id, both) == {both[0]: 0}


def test_a_newcomer_does_not_take_what_stands_free_for_those_ahead(
    crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, waiting = crowd.comes(), crowd.comes()
    assert crowd.settles() == [running]
    crowd.dies_ending(running, monkeypatch)
    newcomers = [crowd.comes() for _ in range(3)]
    assert [crowd.tries(it) for it in newcomers] == [False] * 3
    job = rows.job(newcomers[0])
    assert (job.waiting_for, job.phase) == (
        f"target-pool:{crowd.pools[1].id}",
        "waiting: others in line for target pool pool-1 come first",
    )
    assert crowd.settles() == [waiting], "those who join the line look whom there is a slot for"


def test_of_a_line_s_slots_a_newcomer_takes_what_is_left(crowd: Crowd, monkeypatch: pytest.MonkeyPatch) -> None:
    """With one ahead, and two free, there is one for it."""
    holders = [crowd.comes(target=target) for target in (1, 2, 3)]
    assert crowd.settles() == holders
    waiting = crowd.comes(target=1)
    assert crowd.settles() == []
    assert rows.job(waiting).waiting_for == f"source-pool:{crowd.pools[0].id}"
    for holder in holders[:2]:
        crowd.dies_ending(holder, monkeypatch)
    newcomer, late = crowd.comes(target=2), crowd.comes(target=1)
    assert crowd.tries(newcomer)
    assert not crowd.tries(late)
    assert crowd.settles() == [waiting]


def test_newcomers_that_come_at_once_do_not_overtake(crowd: Crowd, monkeypatch: pytest.MonkeyPatch) -> None:
    running, waiting = crowd.comes(), crowd.comes()
    crowd.settles()
    newcomers = [crowd.comes() for _ in range(8)]
    crowd.dies_ending(running, monkeypatch)
    assert not any(at_once(8, lambda n: crowd.tries(newcomers[n])))
    assert crowd.settles() == [waiting]


def test_a_more_urgent_newcomer_does(crowd: Crowd, monkeypatch: pytest.MonkeyPatch) -> None:
    running, _ = crowd.comes(), crowd.comes()
    crowd.settles()
    crowd.dies_ending(running, monkeypatch)
    assert crowd.tries(crowd.comes(priority=1))


@pytest.mark.parametrize("left", ["before", "after"])
def test_a_place_is_kept_while_a_worker_tries_and_when_it_dies(crowd: Crowd, left: str) -> None:
    """Before it takes a slot for the first in line, or with the slot."""
    running, first, second = crowd.comes(), crowd.comes(), crowd.comes()
    assert crowd.settles() == [running]
    crowd.ends(running)
    crowd.tries(first, dies=left)
    assert (crowd.place(first), crowd.place(second)) == ((1, 2) if left == "before" else (None, 1))
    assert not crowd.tries(crowd.comes())
    crowd.sweeps()
    assert crowd.settles() == []
    rows.lapse_lease(first)
    assert crowd.settles() == [first]


def test_the_head_of_a_line_that_needs_something_else_too_does_not_block_it(crowd: Crowd) -> None:
    holder = crowd.comes(target=1)
    assert crowd.settles() == [holder]
    both, only = crowd.comes(source=2, target=1, age_seconds=9), crowd.comes(target=1)
    others = [crowd.comes(source=2, target=target) for target in (0, 3, 4)]
    assert crowd.settles() == others
    assert [crowd.place(it) for it in (both, only)] == [1, 2]
    crowd.ends(holder)
    assert crowd.settles() == [only], "what one of them cannot use the next one gets"
    assert rows.job(both).waiting_for == f"source-pool:{crowd.pools[2].id}"
    crowd.ends(only)
    crowd.ends(others[0])
    assert crowd.settles() == [both]


def test_what_is_freed_by_a_worker_that_dies_stands_free_for_one_sweep(
    crowd: Crowd, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, waiting = crowd.comes(), crowd.comes()
    crowd.settles()
    crowd.dies_ending(running, monkeypatch)
    assert crowd.settles() == [], "nobody was called up"
    crowd.sweeps()
    assert crowd.settles() == [waiting]


def test_a_job_that_goes_away_from_the_head_of_its_line_is_followed_by_the_next(crowd: Crowd) -> None:
    """It is cancelled in the moment in which it was called up."""
    running, first, second = crowd.comes(), crowd.comes(), crowd.comes()
    assert crowd.settles() == [running]
    crowd.ends(running)
    wish_stop(first, StopWish.CANCEL, "user:1")
    crowd.sweeps()
    assert crowd.settles() == [second]


def test_a_sweep_wakes_nobody_for_whom_nothing_is_free(crowd: Crowd) -> None:
    for _ in range(5):
        crowd.comes()
    crowd.settles()
    assert admission.sweep_lines() == 0
    assert crowd.settles() == []
