"""Jobs that are cancelled and tried again from the command line, and lengths of time as operators type them."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
import typer
from click.testing import Result

from app.cli.durations import seconds_of
from app.jobs.models import MOST_PRIORITY
from tests.unit.cli.conftest import Endpoint, Refusal

pytestmark = pytest.mark.unit

Run = Callable[..., Result]


def answers(wired: Endpoint, command: str, **states: str) -> None:
    """Let the command answer with jobs in these states; any other job is unknown."""

    def answer(given: dict[str, str]) -> dict[str, object]:
        if given["jobid"] not in states:
            raise Refusal(431, f"no job {given['jobid']}")
        return wired.job(given["jobid"], states[given["jobid"]])

    wired.answers[command] = answer


@pytest.mark.parametrize(
    ("typed", "command", "state"), [("cancel", "cancelAsyncJob", "cancelled"), ("retry", "retryAsyncJob", "queued")]
)
def test_each_job_and_its_state_are_printed(
    vrelocate: Run, wired: Endpoint, typed: str, command: str, state: str
) -> None:
    answers(wired, command, j1=state, j2="running")
    result = vrelocate("jobs", typed, "j1", "j2", "j1")
    assert (result.exit_code, result.stdout.splitlines()) == (0, [f"j1  {state}", "j2  running"])
    assert [call["jobid"] for call in wired.of(command)] == ["j1", "j2"], "each once"


def test_one_that_is_refused_does_not_stop_the_others(vrelocate: Run, wired: Endpoint) -> None:
    answers(wired, "cancelAsyncJob", j2="cancelled")
    result = vrelocate("jobs", "cancel", "j1", "j2")
    assert (result.exit_code, result.stdout) == (2, "j2  cancelled\n")
    assert "j1: no job j1" in result.stderr
    as_json = json.loads(vrelocate("jobs", "cancel", "j1", "j2", "--json").stdout)
    assert [(it["jobid"], it.get("refused"), it.get("state")) for it in as_json] == [
        ("j1", "no job j1", None),
        ("j2", None, "cancelled"),
    ]


@pytest.mark.parametrize(("end", "code"), [("cancelled", 0), ("succeeded", 1), ("failed", 1)])
def test_a_cancel_is_waited_for(vrelocate: Run, wired: Endpoint, end: str, code: int) -> None:
    wired.lists("listVirtualMachines", "virtualmachine", [{"id": "vm-1", "name": "app-01"}])
    answers(wired, "cancelAsyncJob", j1="running")
    wired.tells("j1", wired.job("j1", end))
    result = vrelocate("jobs", "cancel", "j1", "--wait")
    assert (result.exit_code, result.stdout) == (code, f"j1  {end}\n")


@pytest.mark.parametrize(("end", "code"), [("succeeded", 0), ("failed", 1)])
def test_a_retry_is_waited_for(vrelocate: Run, wired: Endpoint, end: str, code: int) -> None:
    wired.lists("listVirtualMachines", "virtualmachine", [{"id": "vm-1", "name": "app-01"}])
    answers(wired, "retryAsyncJob", j1="queued")
    wired.tells("j1", wired.job("j1", end))
    assert vrelocate("jobs", "retry", "j1", "--wait").exit_code == code


def test_the_time_goes_along_in_seconds(vrelocate: Run, wired: Endpoint) -> None:
    wired.lists("listVirtualMachines", "virtualmachine", [{"id": "vm-1", "name": "app-01"}])
    wired.lists("listStoragePools", "storagepool", [{"id": "p-1", "name": "new"}])
    wired.answers["migrateVirtualMachine"] = lambda given: {"jobid": given["customjobid"]}
    assert vrelocate("migrate", "vm", "app-01", "--to", "new", "--timeout", "12h").exit_code == 0
    [asked] = wired.of("migrateVirtualMachine")
    assert asked["timeout"] == "43200"
    refused = vrelocate("migrate", "vm", "app-01", "--to", "new", "--timeout", "soon")
    assert (refused.exit_code, "is no length of time" in refused.stderr) == (2, True)


@pytest.mark.parametrize(("given", "sent"), [((), None), (("--priority", "7"), "7"), (("--priority", "-100"), "-100")])
def test_the_priority_goes_along(vrelocate: Run, wired: Endpoint, given: tuple[str, ...], sent: str | None) -> None:
    wired.lists("listVolumes", "volume", [{"id": "v-1", "name": "data-01"}])
    wired.lists("listStoragePools", "storagepool", [{"id": "p-1", "name": "new"}])
    wired.answers["migrateVolume"] = lambda asked: {"jobid": asked["customjobid"]}
    assert vrelocate("migrate", "volume", "data-01", "--to", "new", *given).exit_code == 0
    [asked] = wired.of("migrateVolume")
    assert asked.get("priority") == sent


@pytest.mark.parametrize("priority", [str(MOST_PRIORITY + 1), str(-MOST_PRIORITY - 1), "high"])
def test_what_is_no_priority_is_refused_before_anything_is_asked(
    vrelocate: Run, wired: Endpoint, priority: str
) -> None:
    refused = vrelocate("migrate", "volume", "data-01", "--to", "new", "--priority", priority)
    assert (refused.exit_code, "--priority" in refused.stderr) == (2, True)
    assert not wired.of("migrateVolume")


@pytest.mark.parametrize(
    ("text", "seconds"), [("90s", 90), ("30m", 1800), ("12h", 43_200), ("2d", 172_800), (" 1H ", 3600)]
)
def test_lengths_of_time(text: str, seconds: int) -> None:
    assert seconds_of(text) == seconds


@pytest.mark.parametrize("text", ["", "0s", "12", "h", "-1h", "1.5h", "1h30m", "999999d", "٣h"])
def test_what_is_no_length_of_time(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="is no length of time"):
        seconds_of(text)
