from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from app.cli import following, migrating

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

    from tests.unit.cli.conftest import Endpoint

pytestmark = pytest.mark.unit

POOL_ID = "00000000-0000-4000-8000-000000000001"


@pytest.fixture(autouse=True)
def inventory(wired: Endpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "ROUND_SECONDS", 0.001)
    monkeypatch.setattr(migrating, "SECONDS_BETWEEN_CALLS", 0.001)
    wired.lists("listStoragePools", "storagepool", [{"id": POOL_ID, "name": "new", "disksizetotal": 3 * 2**30}])
    wired.lists(
        "listVirtualMachines",
        "virtualmachine",
        [{"id": f"vm-{n}", "name": name, "state": "Stopped"} for n, name in enumerate(["a", "b", "c", "c"])],
    )
    wired.lists(
        "listVolumes",
        "volume",
        [
            {"id": "v-1", "name": "loose", "size": 5 * 2**30, "storage": "old", "path": "[old] d/loose.vmdk"},
            {"id": "v-2", "name": "root", "storage": "old", "virtualmachineid": "vm-0", "vmname": "a"},
        ],
    )


def _accepting(endpoint: Endpoint, command: str, subject: str, *looks: dict[str, Any]) -> None:
    """Let `command` make a job named after its subject, and tell of it what `looks` say."""

    def answer(given: dict[str, str]) -> dict[str, Any]:
        job_id = f"job-of-{given[subject]}"
        endpoint.tells(job_id, *[{**look, "jobid": job_id} for look in looks])
        return {"jobid": job_id}

    endpoint.answers[command] = answer


def test_migrate_prints_the_jobs_ids_and_nothing_else(vrelocate: Callable[..., Result], wired: Endpoint) -> None:
    _accepting(wired, "migrateVirtualMachine", "virtualmachineid", wired.job("x"))
    result = vrelocate("migrate", "vm", "a", "b", "--to", "new")
    assert (result.exit_code, result.stdout) == (0, "job-of-vm-0\njob-of-vm-1\n")
    assert "on the way to new" in result.stderr
    asked = wired.of("migrateVirtualMachine")[0]
    assert (asked["virtualmachineid"], asked["storageid"]) == ("vm-0", POOL_ID)


def test_volumes_are_migrated_by_their_own_command(vrelocate: Callable[..., Result], wired: Endpoint) -> None:
    _accepting(wired, "migrateVolume", "volumeid", wired.job("x"), wired.job("x", "succeeded"))
    result = vrelocate("migrate", "volume", "loose", "--to", POOL_ID, "--wait")
    assert (result.exit_code, result.stdout) == (0, "job-of-v-1\n")
    assert "✓ loose  succeeded" in result.stderr


def test_a_failed_job_ends_with_1_and_its_reason(vrelocate: Callable[..., Result], wired: Endpoint) -> None:
    _accepting(wired, "migrateVirtualMachine", "virtualmachineid", wired.job("x"), wired.job("x", "failed"))
    result = vrelocate("migrate", "vm", "a", "--to", "new", "--wait")
    assert result.exit_code == 1
    assert "✗ a  failed: it broke" in result.stderr


def test_a_typing_error_migrates_nothing(vrelocate: Callable[..., Result], wired: Endpoint) -> None:
    result = vrelocate("migrate", "vm", "a", "typo", "--to", "new")
    assert result.exit_code == 2
    assert result.stderr == "error: no VM is called 'typo': `vrelocate vms` lists them\n"
    assert not wired.of("migrateVirtualMachine")


def test_an_ambiguous_name_ends_with_2_and_the_ids(vrelocate: Callable[..., Result]) -> None:
    result = vrelocate("migrate", "vm", "c", "--to", "new")
    assert result.exit_code == 2
    assert "vm-2" in result.stderr
    assert "vm-3" in result.stderr


def test_one_refused_order_does_not_stop_the_others(vrelocate: Callable[..., Result], wired: Endpoint) -> None:
    _accepting(wired, "migrateVirtualMachine", "virtualmachineid", wired.job("x", "succeeded"))
    accept = wired.answers["migrateVirtualMachine"]
    wired.refuses("migrateVirtualMachine", 536, "job 1 already works on it")
    refuse = wired.answers["migrateVirtualMachine"]
    wired.answers["migrateVirtualMachine"] = lambda given: (
        refuse(given) if given["virtualmachineid"] == "vm-0" else accept(given)
    )
    result = vrelocate("migrate", "vm", "a", "b", "--to", "new", "--wait", "--json")
    assert result.exit_code == 2
    assert "error: a: job 1 already works on it" in result.stderr
    refused, moved = json.loads(result.stdout)
    assert refused == {"name": "a", "id": "vm-0", "to": POOL_ID, "refused": "job 1 already works on it"}
    assert (moved["jobid"], moved["state"], moved["name"]) == ("job-of-vm-1", "succeeded", "b")


def test_a_call_without_an_answer_is_made_again_under_the_same_job_id(
    vrelocate: Callable[..., Result], wired: Endpoint
) -> None:
    wired.refuses("migrateVolume", 534, "the database does not answer")
    silent = wired.answers["migrateVolume"]
    wired.answers["migrateVolume"] = lambda given: (
        silent(given) if len(wired.of("migrateVolume")) < 2 else {"jobid": given["customjobid"]}
    )
    result = vrelocate("migrate", "volume", "loose", "--to", "new")
    assert result.exit_code == 0
    (chosen,) = {call["customjobid"] for call in wired.of("migrateVolume")}
    assert str(UUID(chosen)) + "\n" == result.stdout


def test_ctrl_c_leaves_the_job_running_and_says_so(
    vrelocate: Callable[..., Result], wired: Endpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    _accepting(wired, "migrateVirtualMachine", "virtualmachineid", wired.job("x"))
    looks = wired.answers["migrateVirtualMachine"]

    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(following.follow, "__kwdefaults__", {"pause": interrupt})
    result = vrelocate("migrate", "vm", "a", "--to", "new", "--wait")
    assert looks
    assert result.exit_code == 130
    assert "interrupted: 1 job goes on; `vrelocate jobs watch job-of-vm-0` follows" in result.stderr


def test_watch_as_json_is_a_line_a_change(vrelocate: Callable[..., Result], wired: Endpoint) -> None:
    wired.tells("j", wired.job("j"), wired.job("j"), wired.job("j", progress=80), wired.job("j", "failed"))
    result = vrelocate("jobs", "watch", "j", "--json")
    assert result.exit_code == 1
    assert [json.loads(line)["progress"] for line in result.stdout.splitlines()] == [40, 80, 40]


def test_watch_without_ids_follows_the_live_ones(vrelocate: Callable[..., Result], wired: Endpoint) -> None:
    live = wired.job("j", jobinstanceid="vm-0")
    wired.answers["listAsyncJobs"] = lambda _given: {"count": 1, "asyncjobs": [live]}
    wired.tells("j", live, wired.job("j", "succeeded"))
    result = vrelocate("jobs", "watch")
    assert result.exit_code == 0
    assert "✓ a  succeeded" in result.stderr
    assert wired.of("listAsyncJobs")[0]["state"] == "queued,submitting,running,verifying"


def test_watch_with_nothing_to_watch_says_so(vrelocate: Callable[..., Result], wired: Endpoint) -> None:
    wired.answers["listAsyncJobs"] = lambda _given: {}
    result = vrelocate("jobs", "watch")
    assert (result.exit_code, result.stderr) == (0, "no job is live\n")


def test_jobs_list_asks_for_no_more_than_it_shows(vrelocate: Callable[..., Result], wired: Endpoint) -> None:
    jobs = [wired.job(f"j{n}", "failed", jobinstanceid="vm-0") for n in range(9)]
    wired.answers["listAsyncJobs"] = lambda given: {"count": 9, "asyncjobs": jobs[: int(given["pagesize"])]}
    result = vrelocate("jobs", "list", "--limit", "3", "--state", "failed")
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["JOB", "COMMAND", "WHAT", "STATE", "DONE", "ATTEMPT", "DOING", "CREATED"]
    assert [line.split()[:4] for line in lines[1:]] == [
        [f"j{n}", "migrateVirtualMachine", "a", "failed"] for n in range(3)
    ]
    assert wired.of("listAsyncJobs")[0]["state"] == "failed"


def test_show_tells_the_whole_history(vrelocate: Callable[..., Result], wired: Endpoint) -> None:
    attempts = [{"number": 1, "outcome": "retried", "fault": "FileLocked", "message": "[old] a/a.vmdk is locked"}]
    events = [{"at": "2026-01-02T03:04:05+0000", "actor": "w1", "kind": "claimed", "detail": {"fence": 3}}]
    wired.tells("j", wired.job("j", "succeeded", attempts=attempts, events=events))
    result = vrelocate("jobs", "show", "j")
    assert result.exit_code == 0
    for expected in ("state      succeeded", "FileLocked", "[old] a/a.vmdk is locked", "claimed", "fence=3", "yes"):
        assert expected in result.stdout
    assert wired.calls[-1]["details"] == "attempts,events"


def test_show_of_an_unknown_job_ends_with_2(vrelocate: Callable[..., Result], wired: Endpoint) -> None:
    wired.tells("j", wired.job("j"))
    result = vrelocate("jobs", "show", "other")
    assert (result.exit_code, result.stderr) == (2, "error: no job other\n")


def test_listings_are_tables_for_people_and_json_for_programs(vrelocate: Callable[..., Result]) -> None:
    table = vrelocate("volumes", "--detached").stdout.splitlines()
    assert [line.split() for line in table] == [
        ["NAME", "ID", "POOL", "VM", "SIZE", "OFFERING", "PATH"],
        ["loose", "v-1", "old", "5.0", "GiB", "[old]", "d/loose.vmdk"],
    ]
    assert [it["id"] for it in json.loads(vrelocate("vms", "--json").stdout)] == ["vm-0", "vm-1", "vm-2", "vm-3"]
    assert "3.0 GiB" in vrelocate("pools").stdout


def test_listings_are_never_cut(vrelocate: Callable[..., Result], wired: Endpoint) -> None:
    path = "[old] " + "long/" * 60 + "disk.vmdk"
    wired.lists("listVolumes", "volume", [{"id": "v", "name": "n", "path": path}])
    assert path in vrelocate("volumes").stdout
