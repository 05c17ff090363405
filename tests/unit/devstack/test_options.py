"""What `vrelocate up` refuses before it starts anything, and where it finds a vCenter's password."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from app.devstack.options import UpOptions, check
from app.devstack.vcenter import Vcenter, real_vcenter
from app.errors import ConfigurationError

pytestmark = pytest.mark.unit

REAL: dict[str, Any] = {"vcenter": "https://vc.example.org/sdk", "username": "migrator"}


def options(changes: dict[str, Any]) -> UpOptions:
    return UpOptions(state_dir=Path("/nowhere"), **changes)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"workers": 0}, "at least one worker"),
        ({"username": "migrator"}, "--vcenter, which is missing"),
        ({"insecure": True}, "--vcenter, which is missing"),
        ({"vcenter": "https://vc.example.org"}, "needs --username"),
        ({**REAL, "thumbprint": "ab", "insecure": True}, "contradict"),
        ({**REAL, "speed": 10.0}, "do not go with --vcenter"),
        ({**REAL, "scenario": Path("demo.yaml")}, "do not go with --vcenter"),
        ({"scenario": Path("/nowhere/demo.yaml")}, "there is no such file"),
        ({"ready_file": Path("/nowhere/ready.json")}, "there is no folder /nowhere"),
        ({"ready_file": Path("/")}, "that is a folder"),
    ],
)
def test_what_makes_no_sense_is_refused_with_the_reason(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConfigurationError, match=reason):
        check(options(changes))


@pytest.mark.parametrize(
    "changes", [{}, {"speed": 20.0}, {**REAL, "thumbprint": "ab"}, {**REAL, "insecure": True}, REAL]
)
def test_what_makes_sense_is_let_through(changes: dict[str, Any]) -> None:
    check(options(changes))


def test_the_password_comes_from_the_environment() -> None:
    assert real_vcenter(options({**REAL, "thumbprint": "ab"}), {"VRELOCATE_VCENTER_PASSWORD": " s3cret "}) == Vcenter(
        name="vc.example.org",
        url="https://vc.example.org/sdk",
        username="migrator",
        password=" s3cret ",
        thumbprint="ab",
        insecure=False,
    )


def test_without_a_password_it_says_which_variables_to_set() -> None:
    with pytest.raises(ConfigurationError, match=r"VRELOCATE_VCENTER_PASSWORD .* VRELOCATE_VCENTER_PASSWORD_FILE"):
        real_vcenter(options(REAL), {})


def test_a_password_file_that_is_missing_is_named() -> None:
    with pytest.raises(ConfigurationError, match="/nowhere/password: No such file"):
        real_vcenter(options(REAL), {"VRELOCATE_VCENTER_PASSWORD_FILE": "/nowhere/password"})


def test_no_password_shows_in_a_representation() -> None:
    assert "s3cret" not in repr(real_vcenter(options(REAL), {"VRELOCATE_VCENTER_PASSWORD": "s3cret"}))
