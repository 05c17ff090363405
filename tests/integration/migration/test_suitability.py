"""Which pools a volume could go to, by the same rules that a migration starts on."""

from __future__ import annotations

import pytest
from sqlalchemy import text

from app.db import transaction
from app.errors import NotFound
from app.inventory.offerings import assign_offering, create_offering
from app.migration.suitability import Suitability, pools_for_volume
from tests.integration import known
from tests.integration.in_turn import InTurn
from tests.integration.jobs.rows import NOBODY
from tests.integration.migration.steps import Steps

pytestmark = pytest.mark.integration


def pools_for(path: str) -> dict[str, Suitability]:
    with transaction() as session:
        return {it.pool.name: it for it in pools_for_volume(session, known.volume(path).id)}


@pytest.mark.usefixtures("steps")
def test_a_detached_disk_may_go_to_every_other_pool_of_its_cluster(unused: InTurn) -> None:
    judged = pools_for(unused.disk())
    assert [name for name, it in judged.items() if it.suitable] == ["gold", "local", "new", "slow", "small", "wide"]
    assert set(judged) == {"gold", "local", "new", "slow", "small", "wide", "far"}
    assert "cross-cluster" in judged["far"].reasons[0]


@pytest.mark.usefixtures("steps")
def test_suitable_pools_come_first() -> None:
    order = [it.suitable for it in pools_for("[old] thick.vmdk").values()]
    assert order == sorted(order, reverse=True)


@pytest.mark.usefixtures("steps")
def test_tags_decide(unused: InTurn) -> None:
    path = unused.disk()
    assign_offering(known.volume(path).id, create_offering("fast", "Fast", ["gold"]))
    assert [name for name, it in pools_for(path).items() if it.suitable] == ["gold"]


@pytest.mark.usefixtures("steps")
def test_no_pool_suits_the_disk_of_a_running_vm() -> None:
    judged = pools_for(known.disks("running-01")[0].path)
    assert not any(it.suitable for it in judged.values())
    assert all("is poweredOn" in " ".join(it.reasons) for it in judged.values())


def test_what_running_jobs_will_fill_counts(steps: Steps, unused: InTurn) -> None:
    path = unused.disk()
    with transaction() as session:
        session.execute(text("UPDATE volume SET thin = false, capacity_bytes = 2^30 WHERE path = :p"), {"p": path})
    assert pools_for(path)["small"].suitable
    steps.submit(steps.ask_vm(unused.vm("big"), "small"))
    assert "reserved by running jobs" in " ".join(pools_for(path)["small"].reasons)


@pytest.mark.usefixtures("steps")
def test_an_unknown_volume_suits_nowhere() -> None:
    with pytest.raises(NotFound), transaction() as session:
        pools_for_volume(session, NOBODY)
