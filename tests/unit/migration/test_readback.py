"""What a disk is after its migration, compared with what it was: another disk is no success, another format is told."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.db import Json
from app.migration.readback import NOT_THIN, Backing, compare, record_of
from app.vsphere.facts import DiskFormat
from tests.unit.moves import GIB, disk

pytestmark = pytest.mark.unit

UUID_A, UUID_B = "6000c29a-0000-0000-0000-00000000000a", "6000c29b-0000-0000-0000-00000000000b"
THERE = Backing(path="[new] folder/data.vmdk", capacity_bytes=10 * GIB, uuid=UUID_A, chain_length=1)
formats = st.none() | st.sampled_from(DiskFormat)


def record(**changes: object) -> Json:
    """What was kept of a disk, as JSON brings it back."""
    moved = replace(disk(), **({"uuid": UUID_A, "chain_length": 1} | changes))  # type: ignore[arg-type]
    document: Json = json.loads(json.dumps(record_of(moved)))
    return document


def test_a_disk_that_is_what_it_was_is_told_with_its_path() -> None:
    found = compare(record(), THERE)
    assert (found.problems, found.told) == ((), {"path": "[new] folder/data.vmdk", "to": "new"})


def test_a_disk_that_is_nowhere() -> None:
    assert compare(record(), None).problems == ("disk data is not to be found any more",)


def test_another_capacity() -> None:
    [problem] = compare(record(), replace(THERE, capacity_bytes=GIB)).problems
    assert problem == f"disk data has a capacity of {GIB} bytes now, and had {10 * GIB}"


def test_another_disk_in_its_place() -> None:
    [problem] = compare(record(), replace(THERE, uuid=UUID_B)).problems
    assert UUID_A in problem
    assert UUID_B in problem
    assert "data" in problem


@pytest.mark.parametrize(
    ("kept", "shown"),
    [
        ({"capacity_bytes": 0}, {}),  # vCenter did not say
        ({}, {"capacity_bytes": None}),
        ({"uuid": None}, {}),
        ({}, {"uuid": None}),
        ({"chain_length": None}, {"chain_length": 3}),
        ({}, {"chain_length": None}),
    ],
)
def test_what_nobody_tells_is_no_difference(kept: dict[str, Any], shown: dict[str, Any]) -> None:
    found = compare(record(**kept), replace(THERE, **shown))
    assert (found.problems, set(found.told)) == ((), {"path", "to"})


def test_a_record_of_a_release_that_kept_less() -> None:
    old = {"volume_id": "1", "name": "data", "from": "old", "to": "new", "bytes": 1}
    assert compare(old, THERE).problems == ()


@given(before=formats, wanted=formats, now=formats)
def test_a_format_is_told_exactly_when_it_is_known_to_be_another_one(
    before: DiskFormat | None, wanted: DiskFormat | None, now: DiskFormat | None
) -> None:
    told = compare(record(format=before, target_format=wanted), replace(THERE, format=now)).told
    expected = wanted or before
    if expected is None or now is None or expected is now:
        assert "format_changed" not in told
    else:
        assert told["format_changed"] == {"wanted": expected, "found": now}


@pytest.mark.parametrize(
    ("wanted", "thin", "found"),
    [
        (DiskFormat.THIN, False, NOT_THIN),
        (DiskFormat.THIN, True, None),
        (DiskFormat.THICK, True, "thin"),
        (DiskFormat.EAGER, True, "thin"),
        (DiskFormat.EAGER, False, None),  # a browser tells no more than that
        (DiskFormat.THICK, None, None),
        (None, True, None),
    ],
)
def test_a_detached_disk_of_which_only_little_is_told(
    *,
    wanted: DiskFormat | None,
    thin: bool | None,
    found: str | None,
) -> None:
    told = compare(record(format=wanted), replace(THERE, thin=thin)).told
    assert told.get("format_changed") == (found and {"wanted": wanted, "found": found})


def test_another_chain_is_told() -> None:
    told = compare(record(), replace(THERE, chain_length=0)).told
    assert told["chain_changed"] == {"wanted": 1, "found": 0}


def test_where_storage_drs_has_put_it_meanwhile_is_told() -> None:
    assert compare(record(), replace(THERE, path="[member-2] folder/data.vmdk")).told["to"] == "member-2"
