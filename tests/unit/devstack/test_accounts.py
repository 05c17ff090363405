"""Who can reach what, by permission bits."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from app.devstack.accounts import Account, reachable

pytestmark = pytest.mark.unit

STRANGER = Account("stranger", uid=os.getuid() + 4711, gid=os.getgid() + 4711)
MYSELF = Account("myself", uid=os.getuid(), gid=os.getgid())
COLLEAGUE = Account("colleague", uid=os.getuid() + 4711, gid=os.getgid())


def test_a_system_folder_is_everybodys() -> None:
    assert reachable(Path("/usr/bin"), STRANGER)
    assert reachable(Path("/usr/bin/env"), STRANGER)


@pytest.mark.parametrize(
    ("mode", "who_can"),
    [
        (0o700, [MYSELF]),
        (0o750, [MYSELF, COLLEAGUE]),
        (0o755, [MYSELF, COLLEAGUE, STRANGER]),
        (0o704, [MYSELF]),  # others may list it, but not enter it
        (0o705, [MYSELF, STRANGER]),  # a colleague is no "other": the group's bits count
        (0o075, [COLLEAGUE, STRANGER]),
    ],
)
def test_the_bits_of_the_first_that_fits_count(
    mode: int, who_can: list[Account], monkeypatch: pytest.MonkeyPatch
) -> None:
    status = os.stat_result((mode | 0o040000, 0, 0, 1, os.getuid(), os.getgid(), 0, 0, 0, 0))
    everybodys = os.stat_result((0o040755, 0, 0, 1, 0, 0, 0, 0, 0, 0))
    closed = Path("/some/closed")
    monkeypatch.setattr(Path, "resolve", lambda self: self)
    monkeypatch.setattr(Path, "stat", lambda self, **_: status if self == closed else everybodys)
    everybody = [MYSELF, COLLEAGUE, STRANGER]
    assert [account for account in everybody if reachable(closed, account)] == who_can
    assert [account for account in everybody if reachable(closed / "below", account)] == who_can
