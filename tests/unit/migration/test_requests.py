"""Requests live in a job's payload as JSON, and are read back by another process, perhaps of another release."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.migration.requests import (
    MigrateVirtualMachine,
    MigrateVolume,
    Request,
    new_offering_of,
    pool_ids_of,
    request_from_json,
    request_to_json,
)
from app.vsphere.facts import DiskFormat

pytestmark = pytest.mark.unit

formats = st.none() | st.sampled_from(DiskFormat)
requests = st.one_of(
    st.builds(
        MigrateVolume,
        volume_id=st.uuids(),
        pool_id=st.uuids(),
        format=formats,
        with_home=st.none() | st.booleans(),
        offering_id=st.none() | st.uuids(),
        kind=st.just("migrate-volume"),
    ),
    st.builds(
        MigrateVirtualMachine,
        vm_id=st.uuids(),
        pool_id=st.none() | st.uuids(),
        volumes=st.dictionaries(st.uuids(), st.uuids(), max_size=3),
        format=formats,
        with_home=st.none() | st.booleans(),
        kind=st.just("migrate-virtual-machine"),
    ),
)


@given(requests)
def test_a_request_survives_json(request: Request) -> None:
    document = json.loads(json.dumps(request_to_json(request)))
    assert request_from_json(document) == request


@given(requests)
def test_a_payload_is_the_same_for_the_same_request(request: Request) -> None:
    """`accept` compares payloads to tell a repeated call from another one."""
    document = request_to_json(request)
    assert request_to_json(request_from_json(document)) == document


@given(requests)
def test_each_pool_of_a_request_is_named_once(request: Request) -> None:
    named = pool_ids_of(request)
    assert len(set(named)) == len(named)
    wanted = {request.pool_id} if isinstance(request, MigrateVolume) else {request.pool_id, *request.volumes.values()}
    assert set(named) == wanted - {None}


def test_a_request_of_a_release_that_knew_less_means_the_same() -> None:
    volume, pool = uuid4(), uuid4()
    document = {"kind": "migrate-volume", "volume_id": str(volume), "pool_id": str(pool)}
    assert request_from_json(document) == MigrateVolume(volume_id=volume, pool_id=pool)


def test_a_release_that_knew_less_reads_what_it_can_carry_out() -> None:
    """Its workers refuse keys that they do not know: a payload has the new ones only where they say something."""
    volume, pool, offering = uuid4(), uuid4(), uuid4()
    known_before = {
        "kind": "migrate-volume", "volume_id": str(volume), "pool_id": str(pool), "format": None, "with_home": None,
    }  # fmt: skip
    assert request_to_json(MigrateVolume(volume, pool)) == known_before
    wish = request_to_json(MigrateVolume(volume, pool, offering_id=offering))
    assert wish == {**known_before, "offering_id": str(offering)}


def test_what_a_request_changes_about_offerings() -> None:
    offering = uuid4()
    assert new_offering_of(MigrateVolume(uuid4(), uuid4(), offering_id=offering)) == offering
    assert new_offering_of(MigrateVolume(uuid4(), uuid4())) is None
    assert new_offering_of(MigrateVirtualMachine(uuid4(), uuid4())) is None


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"kind": "migrate-everything", "volume_id": str(uuid4()), "pool_id": str(uuid4())},
        {"kind": "migrate-volume", "pool_id": str(uuid4())},
        {"kind": "migrate-volume", "volume_id": "not an id", "pool_id": str(uuid4())},
        {"kind": "migrate-volume", "volume_id": str(uuid4()), "pool_id": str(uuid4()), "force": True},
    ],
)
def test_what_is_no_request_is_not_read_as_one(document: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        request_from_json(document)
