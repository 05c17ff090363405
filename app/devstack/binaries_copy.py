"""PostgreSQL's programs for a user who cannot reach ours (a virtual environment in a home that only root may enter)."""

from __future__ import annotations

import hashlib
import os
import shutil
import stat
import tempfile
from pathlib import Path

from app.devstack.accounts import Account, reachable
from app.devstack.binaries import POSTGRES_PROGRAMS
from app.errors import ConfigurationError

_FOLDER_FOR_ALL = 0o755


def folder_for(account: Account, programs: Path) -> Path:
    """Return a folder with PostgreSQL's programs that `account` can run: `programs` itself, or a copy.

    The copy (25 MB, made once a version) lies below the system's temporary folder, belongs to root, and holds nothing
    of value: when it disappears it is made again. Permissions of existing folders are never touched.
    """
    if all(reachable(path, account) for path in [programs, *(programs / name for name in POSTGRES_PROGRAMS)]):
        return programs
    installation = programs.resolve().parent
    # The place of the programs, two folders deep, is part of the wheel's library path ($ORIGIN/../../../NAME.libs).
    inside = Path(installation.parent.name or "root", installation.name)
    temporary = Path(tempfile.gettempdir())
    copy = temporary / f"vrelocate-postgres-{_fingerprint(installation)}"
    if not reachable(temporary, account):
        raise ConfigurationError(
            f"PostgreSQL refuses to run as root, and the user {account.name} can reach neither {programs} nor "
            f"{temporary}: set TMPDIR to a folder that every user may enter, or run vrelocate as a plain user"
        )
    if not copy.exists():
        _copy(installation, inside, copy)
    if not _is_ours(copy):
        raise ConfigurationError(f"{copy} should belong to root alone and does not: remove it, then start again")
    return copy / inside / programs.name


def _copy(installation: Path, inside: Path, copy: Path) -> None:
    fresh = Path(tempfile.mkdtemp(prefix=f"{copy.name}.", dir=copy.parent))
    try:
        target = fresh / inside
        for name in POSTGRES_PROGRAMS:
            (target / "bin").mkdir(parents=True, exist_ok=True)
            shutil.copy2(installation / "bin" / name, target / "bin" / name)
        for name in ("lib", "share"):
            if (installation / name).is_dir():
                shutil.copytree(
                    installation / name, target / name, symlinks=True, ignore=shutil.ignore_patterns("*.a", "doc")
                )
        libraries = installation.parent.with_name(f"{installation.parent.name}.libs")
        if libraries.is_dir():
            shutil.copytree(libraries, fresh / libraries.name)
        _let_all_read(fresh)
        fresh.rename(copy)
    except OSError as error:
        shutil.rmtree(fresh, ignore_errors=True)
        if not copy.exists():  # else somebody else was quicker: theirs is as good
            raise ConfigurationError(f"copying PostgreSQL's programs to {copy}: {error.strerror}") from error


def _let_all_read(folder: Path) -> None:
    """Whatever the umask was when the wheel was unpacked: everybody may read, only root may write."""
    folder.chmod(_FOLDER_FOR_ALL)
    for root, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            path = Path(root, name)
            if not path.is_symlink():
                executable = path.is_dir() or path.stat().st_mode & stat.S_IXUSR
                path.chmod(0o755 if executable else 0o644)


def _is_ours(copy: Path) -> bool:
    """Nobody else may have put it there: the temporary folder is everybody's."""
    status = copy.lstat()
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid() and not status.st_mode & 0o022


def _fingerprint(installation: Path) -> str:
    """Another version, or another build of it, gets another copy."""
    parts = [str(installation)]
    for name in POSTGRES_PROGRAMS:
        status = (installation / "bin" / name).stat()
        parts.append(f"{status.st_size} {status.st_mtime_ns}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
