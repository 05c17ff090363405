from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.cli import following
from app.cli.following import follow
from app.errors import ResourceUnavailable

if TYPE_CHECKING:
    from app.cli.apiclient import ApiClient
    from tests.unit.cli.conftest import Endpoint

pytestmark = pytest.mark.unit


def test_the_first_round_tells_everything_and_later_ones_what_changed(api: ApiClient, endpoint: Endpoint) -> None:
    endpoint.tells("a", endpoint.job("a"), endpoint.job("a", progress=60), endpoint.job("a", "succeeded"))
    endpoint.tells("b", endpoint.job("b"), endpoint.job("b"), endpoint.job("b", "failed"))
    rounds = [
        [(view.id, view.state, view.progress) for view in changed]
        for changed in follow(api, ["a", "b"], pause=lambda _seconds: None)
    ]
    assert rounds == [
        [("a", "running", 40), ("b", "running", 40)],
        [("a", "running", 60)],
        [("a", "succeeded", 100), ("b", "failed", 40)],
    ]


def test_a_job_that_is_over_is_not_asked_about_again(api: ApiClient, endpoint: Endpoint) -> None:
    endpoint.tells("a", endpoint.job("a", "succeeded"))
    endpoint.tells("b", endpoint.job("b"), endpoint.job("b"), endpoint.job("b", "succeeded"))
    list(follow(api, ["a", "b"], pause=lambda _seconds: None))
    assert [call["jobid"] for call in endpoint.calls] == ["a", "b", "b", "b"]


def test_of_many_jobs_one_list_tells_and_only_ended_ones_are_asked_for(api: ApiClient, endpoint: Endpoint) -> None:
    ids = [str(n) for n in range(following.A_FEW + 5)]
    for job_id in ids:
        endpoint.tells(job_id, endpoint.job(job_id, "succeeded"))
    lists = [ids, ids[2:], []]

    def answer(_given: dict[str, str]) -> dict[str, object]:
        live = lists.pop(0)
        return {"count": len(live), "asyncjobs": [endpoint.job(job_id) for job_id in live]} if live else {}

    endpoint.answers["listAsyncJobs"] = answer
    ended = [
        [view.id for view in changed if view.succeeded] for changed in follow(api, ids, pause=lambda _seconds: None)
    ]
    assert ended == [[], ids[:2], ids[2:]]
    assert len(endpoint.of("queryAsyncJobResult")) == len(ids)


def test_a_restart_of_the_api_is_waited_for(api: ApiClient, endpoint: Endpoint) -> None:
    endpoint.tells("a", endpoint.job("a"))
    rounds = follow(api, ["a"], pause=lambda _seconds: None)
    assert len(next(rounds)) == 1
    endpoint.refuses("queryAsyncJobResult", 534, "the database does not answer")
    assert next(rounds) == []
    assert next(rounds) == []
    endpoint.tells("a", endpoint.job("a", "succeeded"))
    assert [view.state for changed in rounds for view in changed] == ["succeeded"]


def test_patience_with_a_silent_api_ends(api: ApiClient, endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    endpoint.refuses("queryAsyncJobResult", 534, "gone for good")
    now = 0.0

    def pause(_seconds: float) -> None:
        nonlocal now
        now += following.PATIENCE_SECONDS / 2

    monkeypatch.setattr(following.time, "monotonic", lambda: now)
    rounds = follow(api, ["a"], pause=pause)
    assert [next(rounds) for _ in range(3)] == [[], [], []]
    with pytest.raises(ResourceUnavailable, match="gone for good"):
        next(rounds)
