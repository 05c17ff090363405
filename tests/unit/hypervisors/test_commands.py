"""Commands are written down before they are given, and read back by whoever finds them without an outcome (law 3)."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from pydantic import ValidationError

from app.hypervisors.commands import Command, command_from_json, command_to_json
from tests.unit.any_command import KINDS, commands

pytestmark = pytest.mark.unit


@given(commands)
def test_a_command_survives_json(command: Command) -> None:
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


def test_every_kind_has_a_name_of_its_own_and_says_what_goes_on() -> None:
    assert len({kind.model_fields["kind"].default for kind in KINDS}) == len(KINDS)
    assert all(kind.doing for kind in KINDS)


@given(commands)
def test_a_clean_up_copies_nothing(command: Command) -> None:
    """It is short: whoever carries it out waits for it."""
    assert not any(step.copies for step in command.cleanup)
