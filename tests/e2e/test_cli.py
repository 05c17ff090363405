"""The command line as operators and programs use it, against `vrelocate up`."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.cli.apiclient import ApiClient
from app.cli.connection import find_connection
from app.devstack.ports import free_port
from tests.running.up import Up
from tests.running.waiting import until

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SCENARIO = Path(__file__).parents[2] / "simulator" / "scenarios" / "demo.yaml"
VRELOCATE = [sys.executable, "-m", "app.cli.main"]
SECONDS = 90


class Operator:
    """Somebody at a shell, whose environment names the state folder."""

    def __init__(self, up: Up) -> None:
        self.ready = up.ready()
        self.state_dir = up.state_dir
        self.environment = {**up.environment, "VRELOCATE_STATE_DIR": str(up.state_dir)}

    def types(self, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*VRELOCATE, *arguments],
            env={**self.environment, **environment},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=SECONDS,
            check=False,
        )

    def reads(self, *arguments: str) -> Any:  # noqa: ANN401  # any JSON
        """Return what a command prints as JSON; it must succeed."""
        result = self.types(*arguments, "--json")
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout)

    def begins(self, *arguments: str, said: Path) -> subprocess.Popen[str]:
        with said.open("w") as stream:
            return subprocess.Popen(
                [*VRELOCATE, *arguments], env=self.environment, stdout=subprocess.PIPE, stderr=stream, text=True
            )

    def pool_of(self, volume: str) -> str:
        """Return where it is by the API itself, which costs less than one more command."""
        with ApiClient(find_connection(ready_file=None, state_dir=self.state_dir)) as api:
            (found,) = [it for it in api.entities("listVolumes", "volume") if it["name"] == volume]
        return str(found["storage"])


@pytest.fixture(scope="module")
def operator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Operator]:
    up = Up(tmp_path_factory.mktemp("up"), "--scenario", SCENARIO, "--speed", "20")
    try:
        up.start()
        yield Operator(up)
    finally:
        assert up.stop() == 0


def test_a_newcomer_finds_names_and_ids(operator: Operator) -> None:
    assert {pool["name"] for pool in operator.reads("pools")} == {"ds-old", "ds-new", "ds-gold", "ds-b"}
    assert "refused-running" in {vm["name"] for vm in operator.reads("vms", "--on", "ds-old")}
    assert [vm["name"] for vm in operator.reads("vms", "--on", "ds-gold")] == ["refused-tags"]
    loose = operator.reads("volumes", "--detached")
    assert {volume["name"] for volume in loose} == {f"data-0{n}" for n in range(1, 6)}
    assert loose[0]["id"] in operator.types("volumes").stdout


def test_a_volume_is_migrated_by_name_and_waited_for(operator: Operator) -> None:
    result = operator.types("migrate", "volume", "data-01", "--to", "ds-new", "--wait")
    assert result.returncode == 0, result.stderr
    assert "✓ data-01  succeeded: 1 disk" in result.stderr
    assert "\x1b" not in result.stderr
    assert operator.pool_of("data-01") == "ds-new"
    shown = operator.types("jobs", "show", result.stdout.strip())
    for expected in ("vmware-worker-vm", "steps of attempt 1", "making a worker VM for the disk", "accepted"):
        assert expected in shown.stdout


def test_several_vms_are_migrated_at_once(operator: Operator) -> None:
    first, second = operator.reads("migrate", "vm", "app-01", "app-05", "--to", "ds-new", "--wait")
    assert (first["name"], first["state"], second["name"], second["state"]) == (
        *("app-01", "succeeded"),
        *("app-05", "succeeded"),
    )
    disks = second["jobresult"]["virtualmachine"]["migrateddisks"]
    assert [(disk["from"], disk["to"], disk["verified"]) for disk in disks] == [("ds-old", "ds-new", True)] * 2
    newest = [job["jobid"] for job in operator.reads("jobs", "list", "--state", "succeeded", "--limit", "2")]
    assert set(newest) == {first["jobid"], second["jobid"]}


def test_a_dry_run_tells_what_would_be_done_and_does_nothing(operator: Operator) -> None:
    told = operator.types("migrate", "vm", "app-07", "--to", "ds-new", "--format", "thin", "--dry-run")
    assert told.returncode == 0, told.stderr
    lines = [line.split() for line in told.stdout.splitlines()]
    assert lines[:2] == [["app-07:", "would", "start,", "by", "vmware-storage-motion"], ["step", "1:", "relocating"]]
    assert ["configuration", "ds-old", "ds-new"] in lines
    assert ["app-07", "ds-old", "ds-new", "3.0", "GiB", "thin"] in lines
    assert ["app-07_1", "ds-old", "ds-new", "12.0", "GiB", "thick", "→", "thin"] in lines
    assert {operator.pool_of("app-07"), operator.pool_of("app-07_1")} == {"ds-old"}
    refused = operator.types("migrate", "vm", "app-07", "refused-running", "--to", "ds-b", "--dry-run", "--json")
    assert refused.returncode == 2
    rules = {
        it["name"]: {objection["rule"] for objection in it["migration"]["objections"]}
        for it in json.loads(refused.stdout)
    }
    assert "same_cluster" in rules["app-07"]
    assert {"same_cluster", "vm_is_stopped"} <= rules["refused-running"]


def test_one_disk_of_a_vm_goes_and_the_rest_stays(operator: Operator) -> None:
    result = operator.types("migrate", "vm", "app-07", "--disk", "app-07_1=ds-new", "--format", "thin", "--wait")
    assert result.returncode == 0, result.stderr
    assert (operator.pool_of("app-07"), operator.pool_of("app-07_1")) == ("ds-old", "ds-new")
    (vm,) = [vm for vm in operator.reads("vms") if vm["name"] == "app-07"]
    assert vm["storage"] == "ds-old", "its configuration stays with its first disk"
    (moved,) = [volume for volume in operator.reads("volumes") if volume["name"] == "app-07_1"]
    assert moved["provisioningtype"] == "thin"
    shown = operator.reads("jobs", "show", result.stdout.strip())
    assert shown["cmd"] == "migrateVirtualMachineWithVolume"
    assert [step["state"] for step in shown["attempts"][0]["steps"]] == ["success"]


def test_a_refused_migration_ends_with_1_and_the_reason(operator: Operator) -> None:
    result = operator.types("migrate", "vm", "refused-running", "--to", "ds-new", "--wait")
    assert result.returncode == 1
    assert "stop it first" in result.stderr


def test_ctrl_c_leaves_the_job_running_and_watch_follows_it_again(operator: Operator, tmp_path: Path) -> None:
    said = tmp_path / "said"
    waiting = operator.begins("migrate", "vm", "app-09", "--to", "ds-new", "--wait", said=said)
    until(lambda: "relocating" in said.read_text(), SECONDS, "the relocation runs")
    waiting.send_signal(signal.SIGINT)
    job_id = waiting.communicate(timeout=SECONDS)[0].strip()
    assert waiting.returncode == 130
    assert f"interrupted: 1 job goes on; `vrelocate jobs watch {job_id}` follows" in said.read_text()
    watched = operator.types("jobs", "watch", job_id, "--json")
    assert watched.returncode == 0
    assert [json.loads(line)["state"] for line in watched.stdout.splitlines()][-1] == "succeeded"
    assert operator.pool_of("app-09") == "ds-new"


def test_a_restart_of_the_api_is_waited_for(operator: Operator, tmp_path: Path) -> None:
    said = tmp_path / "said"
    waiting = operator.begins("migrate", "vm", "app-10", "--to", "ds-new", "--wait", said=said)
    until(lambda: "relocating" in said.read_text(), SECONDS, "the relocation runs")
    os.kill(operator.ready["pids"]["api"], signal.SIGKILL)
    waiting.communicate(timeout=SECONDS)
    assert waiting.returncode == 0, said.read_text()
    assert "✓ app-10  succeeded: 3 disks" in said.read_text()


def test_a_terminal_gets_live_bars(operator: Operator) -> None:
    terminal, end_of_theirs = pty.openpty()
    with subprocess.Popen(
        [*VRELOCATE, "migrate", "vm", "app-06", "--to", "ds-new", "--wait"],
        env={**operator.environment, "TERM": "xterm", "COLUMNS": "120", "LINES": "30"},
        stdout=end_of_theirs,
        stderr=end_of_theirs,
    ) as process:
        os.close(end_of_theirs)
        shown = _everything_from(terminal)
    assert process.returncode == 0, shown
    assert "━" in shown
    assert "\x1b[2K" in shown, "the bars are redrawn in place"
    assert "succeeded: 2 disks" in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown)


def _everything_from(terminal: int) -> str:
    chunks = []
    try:
        while chunk := os.read(terminal, 65536):
            chunks.append(chunk)
    except OSError:  # EIO: Linux's way to say that nobody has the other end any more
        pass
    finally:
        os.close(terminal)
    return b"".join(chunks).decode()


def test_keys_do_what_their_role_says_until_they_are_revoked(operator: Operator) -> None:
    made = operator.reads("keys", "create", "auditor", "--role", "read-only")
    key = {
        "VRELOCATE_API_URL": operator.ready["api_url"],
        "VRELOCATE_API_KEY": made["api_key"],
        "VRELOCATE_SECRET_KEY": made["secret_key"],
    }
    assert operator.types("pools", **key).returncode == 0
    refused = operator.types("migrate", "volume", "data-05", "--to", "ds-new", **key)
    assert (refused.returncode, refused.stdout) == (3, ""), "a key that may not is a matter of configuration"
    assert {it["name"]: it["revoked"] for it in operator.reads("keys", "list")}["auditor"] is None
    assert made["secret_key"] not in operator.types("keys", "list").stdout
    zone = operator.reads("keys", "create", "night", "--role", "operator", "--zone", "dc1")["zones"]
    assert {it["name"]: it["zones"] for it in operator.reads("keys", "list")}["night"] == zone
    assert "dc1" in next(it for it in operator.types("keys", "list").stdout.splitlines() if it.startswith("night"))
    assert "no zone 'nowhere'; known: " in operator.types("keys", "create", "x", "--zone", "nowhere").stderr
    assert operator.types("keys", "revoke", "auditor").returncode == 0
    assert operator.types("pools", **key).returncode == 3
    assert operator.types("keys", "revoke", "auditor").returncode == 2


def test_tokens_stand_for_their_key_until_they_are_revoked(operator: Operator) -> None:
    operator.reads("keys", "create", "robot", "--role", "read-only")
    made = operator.reads("tokens", "create", "robot", "--lasts", "90d")
    printed = operator.types("tokens", "list").stdout
    assert made["token"] not in printed
    assert {it["key"] for it in operator.reads("tokens", "list")} == {"robot"}
    jobs = operator.ready["api_url"].replace("/client/api", "/api/v1/jobs")

    def status() -> int:
        sent = {"Authorization": f"Bearer {made['token']}"}
        return httpx.get(jobs, headers=sent, timeout=SECONDS, trust_env=False).status_code

    assert status() == 200
    assert operator.types("tokens", "revoke", made["id"]).returncode == 0
    assert status() == 401
    assert operator.types("tokens", "revoke", made["id"]).returncode == 2
    assert operator.types("tokens", "create", "nobody").returncode == 2
    assert operator.types("tokens", "create", "robot", "--lasts", "long").returncode == 2


def test_vcenters_are_added_once_and_only_when_they_answer(operator: Operator, tmp_path: Path) -> None:
    vcenter = operator.ready["vcenter"]
    (known,) = operator.reads("vcenter", "list")
    assert (known["url"], known["thumbprint"]) == (vcenter["url"], vcenter["thumbprint"])
    assert operator.types("vcenter", "thumbprint", vcenter["url"]).stdout.strip() == vcenter["thumbprint"]

    password = tmp_path / "password"
    password.write_text(vcenter["password"] + "\n")
    add = ["vcenter", "add", known["name"], "--url", vcenter["url"], "--username", vcenter["username"]]
    pinned = [*add, "--thumbprint", vcenter["thumbprint"], "--password-file", str(password)]
    assert operator.types(*pinned).returncode == 2
    assert operator.types(*pinned, "--if-absent").returncode == 0
    assert operator.reads("vcenter", "sync", known["name"])[0]["virtual_machines"] == 14

    unpinned = operator.types(*add, "--if-absent", "--password-file", str(password))
    assert unpinned.returncode == 3
    assert vcenter["thumbprint"] in unpinned.stderr, "the operator is told what to compare"
    other = ["vcenter", "add", "other", *pinned[3:-2]]
    wrong = operator.types(*other, "--password-env", "SOME_PASSWORD", SOME_PASSWORD="wrong")
    assert wrong.returncode == 3
    assert [it["name"] for it in operator.reads("vcenter", "list")] == [known["name"]]


def test_an_offering_binds_a_volume_to_tagged_pools(operator: Operator) -> None:
    operator.reads("offerings", "create", "only gold", "--tags", "gold")
    assert operator.types("offerings", "assign", "data-04", "only gold").returncode == 0
    refused = operator.types("migrate", "volume", "data-04", "--to", "ds-new", "--wait")
    assert refused.returncode == 1
    assert "storage tags gold are not on storage pool ds-new" in refused.stderr
    assert operator.types("migrate", "volume", "data-04", "--to", "ds-gold", "--wait").returncode == 0
    assert operator.pool_of("data-04") == "ds-gold"


def test_the_schema_may_be_upgraded_again(operator: Operator) -> None:
    for _ in range(2):
        result = operator.types("db", "upgrade")
        assert (result.returncode, result.stdout) == (0, "the schema is up to date\n"), result.stderr


def test_what_does_not_answer_ends_with_3_and_one_line(operator: Operator) -> None:
    nobody = f"127.0.0.1:{free_port()}"
    api = {"VRELOCATE_API_URL": f"http://{nobody}/client/api", "VRELOCATE_API_KEY": "k", "VRELOCATE_SECRET_KEY": "s"}
    database = {
        "VRELOCATE_DATABASE_URL": f"postgresql://u:sesame@{nobody}/d",
        "VRELOCATE_REDIS_URL": f"redis://{nobody}/0",
        "VRELOCATE_STATE_DIR": "",
    }
    for arguments, environment in (
        (("pools",), api),
        (("db", "upgrade"), database),
        (("keys", "list"), database),
        (("vcenter", "thumbprint", f"https://{nobody}"), {}),
    ):
        result = operator.types(*arguments, **environment)
        assert (result.returncode, result.stdout) == (3, ""), (arguments, result.stderr)
        assert result.stderr.startswith("error: ")
        assert result.stderr.count("\n") == 1
        assert "sesame" not in result.stderr


def test_host_commands_without_settings_say_what_to_set(operator: Operator) -> None:
    result = operator.types("keys", "list", VRELOCATE_STATE_DIR="")
    assert result.returncode == 3
    assert "set VRELOCATE_DATABASE_URL in the environment" in result.stderr


def test_a_vcenter_may_be_kept_from_moving_anything_itself(operator: Operator, tmp_path: Path) -> None:
    vcenter = operator.ready["vcenter"]
    (known,) = operator.reads("vcenter", "list")
    password = tmp_path / "password"
    password.write_text(vcenter["password"])
    add = ["vcenter", "add", known["name"], "--url", vcenter["url"], "--username", vcenter["username"], "--if-absent"]
    again = [*add, "--thumbprint", vcenter["thumbprint"], "--password-file", str(password)]
    dry_run = ["migrate", "volume", "data-05", "--to", "ds-new", "--dry-run"]
    assert operator.types(*again, "--via-secondary").returncode == 0
    refused = operator.types(*dry_run)
    assert refused.returncode == 2
    assert "no secondary storage is configured" in refused.stdout
    assert operator.types(*again).returncode == 0
    assert "by vmware-move-disk" in operator.types(*dry_run).stdout


def test_images_of_kvm_hosts_go_through_secondary_storage(operator: Operator, tmp_path: Path) -> None:
    """The last one: from here on the installation has a second system."""
    folders = {name: tmp_path / name for name in ("kvm-old", "kvm-new", "secondary")}
    for folder in folders.values():
        folder.mkdir()
    content = os.urandom(1 << 16)
    (folders["kvm-old"] / "image.raw").write_bytes(content)
    pools = [f"--pool={name}={folders[name]}" for name in ("kvm-old", "kvm-new")]
    added = operator.reads("kvm", "add", "kvm-1", *pools)
    assert (added["name"], added["pools"], added["volumes"]) == ("kvm-1", 2, 1)
    for arguments in (["kvm-1", *pools], ["kvm-2", "--pool", "nowhere"], ["kvm-2", "--pool", "x=/no/such/folder"]):
        refused = operator.types("kvm", "add", *arguments)
        assert (refused.returncode, refused.stdout) == (2, "")

    operator.reads("secondary", "add", "store", "--path", str(folders["secondary"]))
    result = operator.types("migrate", "volume", "image", "--to", "kvm-new", "--wait")
    assert result.returncode == 0, result.stderr
    assert (folders["kvm-new"] / "image.raw").read_bytes() == content
    assert list(folders["kvm-old"].iterdir()) == []
    steps = operator.reads("jobs", "show", result.stdout.strip())["attempts"][0]["steps"]
    assert [step["doing"] for step in steps] == ["copying through secondary storage", "deleting the source"]
