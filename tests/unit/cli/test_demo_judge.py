from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from app.cli.demo.cast import WORDS, Expected, Part
from app.cli.demo.judge import Verdict, judge
from app.cli.jobview import JobView
from app.cli.migrating import Order
from app.cli.naming import VM
from app.cli.wishes import Wish

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Endpoint

pytestmark = pytest.mark.unit

OLD, NEW = {"id": "old-id", "name": "old"}, {"id": "new-id", "name": "new"}
BEFORE = {"id": "v1", "name": "d", "storageid": "old-id", "storage": "old", "path": "[old] a/d.vmdk"}
MOVED = {**BEFORE, "storageid": "new-id", "storage": "new", "path": "[new] a/d.vmdk"}
RETRIED = [{"number": 1, "outcome": "retried", "fault": "FileLocked"}, {"number": 2, "outcome": "succeeded"}]

Judged = "Callable[..., Verdict]"


@pytest.fixture
def judged(endpoint: Endpoint) -> Judged:
    """Judge the migration of one VM with one disk; by default everything is as it should be for a moved VM."""

    def judged(
        expected: Expected = Expected.MOVED,
        *,
        state: str = "succeeded",
        now: dict[str, Any] = MOVED,
        refusal: str = "",
        **job: object,
    ) -> Verdict:
        part = Part(VM, {"id": "vm-1", "name": "a"}, NEW, expected, (BEFORE,))
        view = None if refusal else JobView.parse(endpoint.job("j", state, **job))
        order = Order(Wish(VM, part.entity, NEW), job_id="" if refusal else "j", refusal=refusal)
        return judge(part, order, view, {"v1": now})

    return judged


def _failed(reason: str) -> dict[str, Any]:
    return {"state": "failed", "jobresult": {"errorcode": 431, "errortext": reason}}


def _moved_disk(**changed: object) -> dict[str, Any]:
    disk = {"volume_id": "v1", "name": "d", "bytes": 2048, "seconds": 1.5, "verified": True, **changed}
    return {"virtualmachine": {"id": "vm-1", "migrateddisks": [disk]}}


def test_a_move_is_believed_when_job_and_inventory_agree(judged: Judged) -> None:
    verdict = judged(jobresult=_moved_disk())
    assert verdict.as_expected
    (row,) = verdict.disks
    assert (row.disk, row.from_pool, row.to_pool, row.bytes, row.seconds) == ("a/d", "old", "new", 2048, 1.5)


@pytest.mark.parametrize(
    "circumstances",
    [
        {"now": BEFORE},
        {"now": {**MOVED, "path": "[old] a/d.vmdk"}},
        {"now": {}},
        {"jobresult": _moved_disk(verified=False)},
        {"jobresult": _moved_disk(volume_id="another")},
        {"attempt": 2},
        {"state": "running"},
        _failed("it broke"),
        {"refusal": "no"},
    ],
    ids=[
        "the disk is still on the old pool",
        "its path says another pool than the inventory",
        "the disk is gone",
        "the job did not read it back",
        "the job moved another disk",
        "it needed a retry that nobody planned",
        "it is not over",
        "it failed",
        "it was refused",
    ],
)
def test_a_move_is_not_believed_otherwise(judged: Judged, circumstances: dict[str, Any]) -> None:
    assert not judged(**circumstances).as_expected


def test_a_retry_must_have_been_needed(judged: Judged) -> None:
    good = judged(Expected.MOVED_ON_RETRY, attempt=2, attempts=RETRIED)
    assert good.as_expected
    assert good.happened == "failed with FileLocked, moved at attempt 2"
    assert not judged(Expected.MOVED_ON_RETRY).as_expected
    assert not judged(Expected.MOVED_ON_RETRY, attempt=2, attempts=RETRIED[1:]).as_expected


@pytest.mark.parametrize("expected", list(WORDS))
def test_a_refusal_counts_for_its_own_reason_only(judged: Judged, expected: Expected) -> None:
    reason = f"… {WORDS[expected]} …"
    assert judged(expected, now=BEFORE, **_failed(reason)).as_expected
    assert judged(expected, now=BEFORE, refusal=reason).as_expected
    assert not judged(expected, now=BEFORE, **_failed("no space left")).as_expected
    assert not judged(expected, now=BEFORE, **_failed(reason), jobstatus=0).as_expected


def test_what_was_refused_must_not_have_moved(judged: Judged) -> None:
    reason = _failed(f"… {WORDS[Expected.REFUSED_FOR_TAGS]} …")
    assert not judged(Expected.REFUSED_FOR_TAGS, now=MOVED, **reason).as_expected
    assert not judged(Expected.REFUSED_FOR_TAGS, now=BEFORE).as_expected


def test_a_migration_without_disks_proves_nothing(endpoint: Endpoint) -> None:
    part = Part(VM, {"id": "vm-1", "name": "a"}, NEW, Expected.MOVED, ())
    order = Order(Wish(VM, part.entity, NEW), job_id="j")
    assert not judge(part, order, JobView.parse(endpoint.job("j", "succeeded")), {}).as_expected
