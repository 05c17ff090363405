from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import pytest

from app.cli.jobview import JobView, parse_time

if TYPE_CHECKING:
    from tests.unit.cli.conftest import Endpoint

pytestmark = pytest.mark.unit


def test_a_success_holds_its_disks(endpoint: Endpoint) -> None:
    view = JobView.parse(endpoint.job("a", "succeeded"))
    assert (view.over, view.succeeded, view.error_text) == (True, True, "")
    assert [disk["volume_id"] for disk in view.disks] == ["v1"]


@pytest.mark.parametrize("state", ["failed", "cancelled"])
def test_a_failure_holds_its_reason_and_no_disks(endpoint: Endpoint, state: str) -> None:
    view = JobView.parse(endpoint.job("a", state))
    assert (view.over, view.succeeded, view.state) == (True, False, state)
    assert (view.error_code, view.error_text, view.disks) == (530, "it broke", [])


def test_another_cloudstack_s_job_is_understood() -> None:
    view = JobView.parse({"jobid": "a", "cmd": "org.apache.cloudstack.api.MigrateVolumeCmd", "jobstatus": 0})
    assert (view.state, view.doing(), view.command) == ("running", "running", "MigrateVolumeCmd")
    done = {"jobid": "a", "jobstatus": 1, "jobresult": {"success": True}}
    assert JobView.parse(done).succeeded
    failed = {"jobid": "a", "jobstatus": 2, "jobresultcode": 530}
    assert JobView.parse(failed).error_text == "no reason was given"


def test_later_attempts_are_counted_in_words(endpoint: Endpoint) -> None:
    assert JobView.parse(endpoint.job("a", attempt=1)).doing() == "relocating"
    assert JobView.parse(endpoint.job("a", attempt=3)).doing() == "relocating (attempt 3 of 5)"


def test_a_place_in_line_is_told_and_only_there(endpoint: Endpoint) -> None:
    view = JobView.parse(endpoint.job("a", "queued", phase="waiting: the vCenter is full", placeinline=3, priority=-5))
    assert (view.place, view.priority) == (3, -5)
    assert (view.doing(), view.doing_in_line()) == (
        "waiting: the vCenter is full",
        "waiting: the vCenter is full, place 3 in line",
    )
    elsewhere = JobView.parse(endpoint.job("a"))
    assert (elsewhere.place, elsewhere.priority, elsewhere.doing_in_line()) == (None, 0, "relocating")


@pytest.mark.parametrize("text", ["2026-03-26T07:16:54+0000", "2026-03-26T07:16:54Z", "2026-03-26T07:16:54"])
def test_times_are_read_with_their_zone(text: str) -> None:
    assert parse_time(text) == datetime(2026, 3, 26, 7, 16, 54, tzinfo=UTC)


def test_no_time_is_none() -> None:
    assert parse_time(None) is None
    assert parse_time("soon") is None
