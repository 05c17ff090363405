"""The environment that vrelocate's own processes get, and what the user's environment says about servers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

DATABASE_URLS = ("VRELOCATE_DATABASE_URL", "DATABASE_URL")
REDIS_URLS = ("VRELOCATE_REDIS_URL", "REDIS_URL")
MASTER_KEYS = ("VRELOCATE_MASTER_KEY", "VRELOCATE_MASTER_KEY_FILE")
VCENTER_PASSWORD = "VRELOCATE_VCENTER_PASSWORD"  # noqa: S105  # the variable's name
VCENTER_PASSWORD_FILE = f"{VCENTER_PASSWORD}_FILE"


def configured(names: tuple[str, ...], environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the value of the first of the variables that is set to something."""
    return next((environment[name] for name in names if environment.get(name)), None)


def installation(database_url: str, redis_url: str, master_key_file: Path) -> dict[str, str]:
    """Return the variables that make a process part of the installation.

    A master key that the user's environment names comes before ours: a database of theirs may be sealed with it.
    """
    variables = {"VRELOCATE_DATABASE_URL": database_url, "VRELOCATE_REDIS_URL": redis_url}
    if not configured(MASTER_KEYS):
        variables["VRELOCATE_MASTER_KEY_FILE"] = str(master_key_file)
    return variables


def for_children(installed: Mapping[str, str], environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """Return the whole environment of a vrelocate process: the user's settings and `installed` on top.

    The vCenter's password stays behind: it is in the database, sealed.
    """
    kept = {name: value for name, value in environment.items() if name not in {VCENTER_PASSWORD, VCENTER_PASSWORD_FILE}}
    return {**kept, **installed, "PYTHONUNBUFFERED": "1"}
