"""Commands are written down before they are given, and read back by whoever finds them without an outcome (law 3)."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from app.hypervisors.commands import MoveVirtualDisk, RelocateVm, command_from_json, command_to_json

pytestmark = pytest.mark.unit

commands = st.one_of(
    st.builds(
        RelocateVm,
        kind=st.just("relocate-vm"),
        vm=st.text(min_size=1),
        home=st.none() | st.text(min_size=1),
        disks=st.dictionaries(st.integers(0, 2**31 - 1), st.text(min_size=1), max_size=4),
    ),
    st.builds(
        MoveVirtualDisk, kind=st.just("move-virtual-disk"), source_path=st.text(), target_path=st.text(),
        datacenter=st.text(),
    ),
)  # fmt: skip


@given(commands)
def test_a_command_survives_json(command: RelocateVm | MoveVirtualDisk) -> None:
    """Device keys too, which JSON knows as texts only."""
    assert command_from_json(json.loads(json.dumps(command_to_json(command)))) == command


@pytest.mark.parametrize(
    "document",
    [
        {"kind": "delete-vm", "vm": "vm-1"},
        {"kind": "relocate-vm", "vm": "vm-1", "home": None},
        {"kind": "relocate-vm", "vm": "vm-1", "home": None, "disks": {}, "power_on": True},
    ],
)
def test_what_is_no_command_is_never_given(document: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        command_from_json(document)
