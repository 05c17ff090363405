"""As whom PostgreSQL runs: it refuses root."""

from __future__ import annotations

import os
import pwd
import stat
from dataclasses import dataclass
from pathlib import Path

from app.errors import ConfigurationError

CANDIDATES = ("postgres", "nobody")


@dataclass(frozen=True)
class Account:
    """A user of this machine, without supplementary groups."""

    name: str
    uid: int
    gid: int


def database_account() -> Account | None:
    """Return whom the database server runs as: `None` (as ourselves) unless we are root."""
    if os.geteuid() != 0:
        return None
    for name in CANDIDATES:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return Account(name, entry.pw_uid, entry.pw_gid)
    raise ConfigurationError(
        f"PostgreSQL refuses to run as root and this machine has none of the users {', '.join(CANDIDATES)}: "
        "run vrelocate as a plain user, or set VRELOCATE_DATABASE_URL to a database of yours"
    )


def reachable(path: Path, account: Account) -> bool:
    """Tell by the permission bits whether `account` can enter every folder above `path` and read (enter) `path` itself.

    Access control lists are not looked at: where they allow more, we take the way for unreachable paths for nothing.
    """
    absolute = path.resolve()
    if not all(_may(folder, account, stat.S_IXOTH) for folder in absolute.parents):
        return False
    return _may(absolute, account, stat.S_IROTH | (stat.S_IXOTH if absolute.is_dir() else 0))


def _may(path: Path, account: Account, wanted: int) -> bool:
    """`wanted` are the permission bits of "others"; the owner's and the group's are the same ones shifted."""
    status = path.stat()
    if status.st_uid == account.uid:
        wanted <<= 6
    elif status.st_gid == account.gid:
        wanted <<= 3
    return status.st_mode & wanted == wanted
