"""What is asked of the API for a disk here and a disk there, a format, a home; and what it would come to."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from click.testing import Result

    from tests.unit.cli.conftest import Endpoint

pytestmark = pytest.mark.unit

DISK = {"name": "root", "from": "old", "to": "new", "bytes": 3 * 2**30, "format": "thin", "targetformat": "eager"}
PROGRAM: dict[str, Any] = {
    "wouldstart": True,
    "virtualmachine": "a",
    "strategy": "vmware-storage-motion",
    "steps": ["consolidating disks", "relocating"],
    "disks": [DISK, {"name": "data", "from": "old", "to": "far", "bytes": 5}],
    "home": {"from": "old", "to": "new"},
    "objections": [{"rule": "cbt", "severity": "warns", "found": "blocks are tracked", "todo": "take a full backup"}],
}
REFUSED: dict[str, Any] = {
    "wouldstart": False,
    "steps": [],
    "disks": [],
    "objections": [{"rule": "vm_is_stopped", "severity": "refuses", "found": "a is poweredOn", "todo": "stop it"}],
}


@pytest.fixture(autouse=True)
def inventory(wired: Endpoint) -> None:
    wired.lists("listStoragePools", "storagepool", [{"id": f"p-{name}", "name": name} for name in ("new", "far")])
    wired.lists("listVirtualMachines", "virtualmachine", [{"id": f"vm-{name}", "name": name} for name in "ab"])
    of_a, of_b = {"virtualmachineid": "vm-a"}, {"virtualmachineid": "vm-b"}
    volumes = [{"id": "v-1", "name": "root", **of_a}, {"id": "v-2", "name": "data", **of_a}]
    wired.lists("listVolumes", "volume", [*volumes, {"id": "v-3", "name": "root", **of_b}, {"id": "v-4", "name": "x"}])
    for command in ("migrateVirtualMachine", "migrateVirtualMachineWithVolume", "migrateVolume"):
        wired.answers[command] = lambda given: {"jobid": given["customjobid"]}
    wired.answers["checkMigration"] = lambda _given: {"migration": PROGRAM}


def sent(endpoint: Endpoint, command: str) -> dict[str, str]:
    """What a command's one call asked for, without what every call has."""
    (call,) = endpoint.of(command)
    every = {"command", "response", "apikey", "signatureversion", "expires", "signature", "customjobid"}
    return {name: value for name, value in call.items() if name not in every}


def test_disks_go_to_their_own_pools_found_among_the_vms_own(vrelocate: Callable[..., Result], wired: Endpoint) -> None:
    result = vrelocate("migrate", "vm", "a", "--disk", "root=far", "--disk", "data=new", "--json")
    assert result.exit_code == 0, result.stderr
    assert sent(wired, "migrateVirtualMachineWithVolume") == {
        "virtualmachineid": "vm-a",
        "migrateto[0].volume": "v-1",
        "migrateto[0].pool": "p-far",
        "migrateto[1].volume": "v-2",
        "migrateto[1].pool": "p-new",
    }
    (asked,) = json.loads(result.stdout)
    assert asked["disks"] == {"v-1": "p-far", "v-2": "p-new"}
    assert "to" not in asked


def test_the_rest_goes_with_to(vrelocate: Callable[..., Result], wired: Endpoint) -> None:
    result = vrelocate("migrate", "vm", "a", "--to", "new", "--disk", "data=far", "--keep-home", "--format", "thick")
    assert result.exit_code == 0
    assert "on the way to new, far" in result.stderr
    assert sent(wired, "migrateVirtualMachineWithVolume") == {
        "virtualmachineid": "vm-a",
        "storageid": "p-new",
        "migrateto[0].volume": "v-2",
        "migrateto[0].pool": "p-far",
        "provisioningtype": "sparse",
        "movehome": "false",
    }


@pytest.mark.parametrize(("word", "theirs"), [("thin", "thin"), ("thick", "sparse"), ("eager", "fat")])
def test_formats_in_cloudstacks_words(
    vrelocate: Callable[..., Result], wired: Endpoint, word: str, theirs: str
) -> None:
    assert vrelocate("migrate", "volume", "x", "--to", "new", "--format", word, "--with-home").exit_code == 0
    assert sent(wired, "migrateVolume") == {
        "volumeid": "v-4",
        "storageid": "p-new",
        "provisioningtype": theirs,
        "movehome": "true",
    }


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["a"], "where to? Give --to POOL, or --disk VOLUME=POOL"),
        (["a", "b", "--disk", "root=new"], "--disk is for the disks of one VM: name one"),
        (["a", "--disk", "root"], "--disk root: a disk and a pool are needed, as in --disk data-01=ds-new"),
        (["a", "--disk", "=new"], "--disk =new: a disk and a pool are needed"),
        (["a", "--disk", "x=new"], "no volume is called 'x'"),
        (["a", "--disk", "root=new", "--disk", "root=far"], "--disk root=far: root was given before"),
        (["a", "--disk", "root=typo"], "no pool is called 'typo'"),
        (["a", "--to", "new", "--dry-run", "--wait"], "--dry-run makes no job"),
    ],
)
def test_what_cannot_be_meant_asks_for_nothing(
    vrelocate: Callable[..., Result], wired: Endpoint, arguments: list[str], text: str
) -> None:
    result = vrelocate("migrate", "vm", *arguments)
    assert result.exit_code == 2
    assert text in result.stderr
    assert not [call for call in wired.calls if not call["command"].startswith("list")]


def test_a_dry_run_asks_the_same_and_makes_no_job(vrelocate: Callable[..., Result], wired: Endpoint) -> None:
    result = vrelocate("migrate", "vm", "a", "--to", "new", "--disk", "data=far", "--format", "eager", "--dry-run")
    assert result.exit_code == 0
    assert sent(wired, "checkMigration") == {
        "virtualmachineid": "vm-a",
        "storageid": "p-new",
        "migrateto[0].volume": "v-2",
        "migrateto[0].pool": "p-far",
        "provisioningtype": "fat",
    }
    assert [line.split() for line in result.stdout.splitlines()] == [
        ["a:", "would", "start,", "by", "vmware-storage-motion"],
        ["step", "1:", "consolidating", "disks"],
        ["step", "2:", "relocating"],
        [],
        ["MOVES", "FROM", "TO", "TAKES", "FORMAT"],
        ["configuration", "old", "new"],
        ["root", "old", "new", "3.0", "GiB", "thin", "→", "eager"],
        ["data", "old", "far", "5", "B"],
        [],
        ["OBJECTION", "FOUND", "WHAT", "TO", "DO", "RULE"],
        ["warns", "blocks", "are", "tracked", "take", "a", "full", "backup", "cbt"],
    ]
    assert not [call for call in wired.calls if call["command"].startswith("migrate")]


def test_a_dry_run_of_several_ends_with_2_when_one_is_refused(
    vrelocate: Callable[..., Result], wired: Endpoint
) -> None:
    wired.answers["checkMigration"] = lambda given: {
        "migration": REFUSED if given["virtualmachineid"] == "vm-a" else PROGRAM
    }
    result = vrelocate("migrate", "vm", "a", "b", "--to", "new", "--dry-run")
    assert result.exit_code == 2
    for expected in ("a: would be refused", "refuses", "a is poweredOn", "stop it", "b: would start"):
        assert expected in result.stdout
    first, second = json.loads(vrelocate("migrate", "vm", "a", "b", "--to", "new", "--dry-run", "--json").stdout)
    assert (first["name"], first["wouldstart"], first["migration"]["objections"][0]["rule"]) == (
        "a",
        False,
        "vm_is_stopped",
    )
    assert (second["to"], second["wouldstart"], second["migration"]) == ("p-new", True, PROGRAM)


def test_a_dry_run_that_the_api_refuses_says_why(vrelocate: Callable[..., Result], wired: Endpoint) -> None:
    wired.refuses("checkMigration", 431, "storage pool new belongs to another vCenter")
    result = vrelocate("migrate", "vm", "a", "--to", "new", "--dry-run")
    assert (result.exit_code, result.stdout) == (
        2,
        "a: would be refused: storage pool new belongs to another vCenter\n",
    )
    wired.refuses("checkMigration", 534, "the vCenter does not answer")
    silent = vrelocate("migrate", "vm", "a", "--to", "new", "--dry-run")
    assert (silent.exit_code, silent.stdout) == (3, "")


def test_show_says_the_place_in_line(vrelocate: Callable[..., Result], wired: Endpoint) -> None:
    wired.tells("j", wired.job("j", "queued", phase="waiting: the vCenter is full", placeinline=3, priority=7))
    lines = {line[:11].strip(): line[11:] for line in vrelocate("jobs", "show", "j").stdout.splitlines()}
    assert (lines["doing"], lines["place"], lines["priority"]) == ("waiting: the vCenter is full", "3 in line", "7")


def test_show_says_which_step_of_how_many(vrelocate: Callable[..., Result], wired: Endpoint) -> None:
    steps = [
        {"number": 1, "doing": "making a worker VM for the disk", "state": "success", "progress": 100, "tries": 1},
        {"number": 2, "doing": "relocating the disk", "state": "running", "progress": 40, "tries": 1, "task": "task-7"},
        {"number": 3, "doing": "removing the worker VM", "state": "waiting", "tries": 0},
    ]
    attempt = {"number": 1, "strategy": "vmware-worker-vm", "steps": steps}
    wired.tells("j", wired.job("j", attempts=[attempt]))
    shown = vrelocate("jobs", "show", "j").stdout
    assert "step       2 of 3: relocating the disk" in shown
    assert "steps of attempt 1" in shown
    for expected in ("vmware-worker-vm", "task-7", "making a worker VM for the disk", "waiting"):
        assert expected in shown

    cleaning = {"number": 4, "doing": "removing the worker VM", "state": "running", "cleaning": True, "tries": 1}
    wired.tells("j", wired.job("j", attempts=[{**attempt, "steps": [*steps, cleaning]}]))
    assert "step       cleaning up: removing the worker VM" in vrelocate("jobs", "show", "j").stdout


def test_show_tells_a_format_that_is_not_the_one_that_was_wanted(
    vrelocate: Callable[..., Result], wired: Endpoint
) -> None:
    job = wired.job("j", "succeeded")
    disk = job["jobresult"]["virtualmachine"]["migrateddisks"][0]
    disk |= {"path": "[b] d.vmdk", "format": "thin", "format_changed": {"wanted": "thin", "found": "thick"}}
    wired.tells("j", job)
    shown = vrelocate("jobs", "show", "j").stdout
    for expected in ("PATH", "[b] d.vmdk", "FORMAT_CHANGED", "wanted=thin found=thick"):
        assert expected in shown
