"""PostgreSQL's programs for a user who cannot reach ours (a virtual environment in a home that only root may enter)."""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from app.devstack.accounts import Account, reachable
from app.devstack.binaries import POSTGRES_PROGRAMS
from app.errors import ConfigurationError

_NEEDED = (*(f"bin/{name}" for name in POSTGRES_PROGRAMS), "lib/**/*", "share/**/*")
_LEFT_OUT = {".a", ".h"}


def folder_for(account: Account, programs: Path) -> Path:
    """Return a folder with PostgreSQL's programs that `account` can run: `programs` itself, or a copy.

    The copy (25 MB, made once a version) lies below the system's temporary folder, belongs to root, and holds nothing
    of value: what disappears from it is put back at the next start. Permissions of existing folders are never touched.
    """
    if all(reachable(path, account) for path in [programs, *(programs / name for name in POSTGRES_PROGRAMS)]):
        return programs
    temporary = Path(tempfile.gettempdir())
    if not reachable(temporary, account):
        raise ConfigurationError(
            f"PostgreSQL refuses to run as root, and the user {account.name} can reach neither {programs} nor "
            f"{temporary}: set TMPDIR to a folder that every user may enter, or run vrelocate as a plain user"
        )
    installation = programs.resolve().parent
    copy = temporary / f"vrelocate-postgres-{_fingerprint(installation)}"
    # The place of the programs, two folders deep, is part of the wheel's library path ($ORIGIN/../../../NAME.libs).
    wanted = dict(_wanted(installation))
    if copy.exists():
        _check_owner(copy)
    if not all((copy / place).exists() for place in wanted):
        _make(copy, wanted)
    return copy / installation.parent.name / installation.name / programs.name


def _wanted(installation: Path) -> Iterator[tuple[Path, Path]]:
    """Yield where each file goes, relative to the copy, and where it comes from."""
    wheel = installation.parent
    for pattern in _NEEDED:
        for source in installation.glob(pattern):
            if source.suffix not in _LEFT_OUT and not source.is_dir():
                yield source.relative_to(wheel.parent), source
    libraries = wheel.with_name(f"{wheel.name}.libs")
    for source in libraries.glob("*"):
        yield source.relative_to(wheel.parent), source


def _make(copy: Path, wanted: dict[Path, Path]) -> None:
    """Put the whole of it together aside, then in its place, or what is missing there.

    Another start may be doing the same, and its PostgreSQL may run from there already: nothing is taken away.
    """
    fresh = Path(tempfile.mkdtemp(prefix=f"{copy.name}.", dir=copy.parent))
    try:
        for place, source in wanted.items():
            _copy_for_all(source, fresh / place)
        _open_folders(fresh)
        try:
            fresh.rename(copy)
        except OSError as taken:
            if taken.errno not in (errno.ENOTEMPTY, errno.EEXIST):
                raise
            _check_owner(copy)
            for place in wanted:
                if not (copy / place).exists():
                    (copy / place).parent.mkdir(parents=True, exist_ok=True)
                    (fresh / place).rename(copy / place)
            _open_folders(copy)
    except OSError as error:
        raise ConfigurationError(f"copying PostgreSQL's programs to {copy}: {error.strerror}") from error
    finally:
        shutil.rmtree(fresh, ignore_errors=True)


def _copy_for_all(source: Path, target: Path) -> None:
    """Whatever the umask was when the wheel was unpacked: everybody may read, only root may write."""
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    target.chmod(0o755 if source.stat().st_mode & stat.S_IXUSR else 0o644)


def _open_folders(folder: Path) -> None:
    for root, _, _ in os.walk(folder):
        Path(root).chmod(0o755)


def _check_owner(copy: Path) -> None:
    """Nobody else may have put it there: the temporary folder is everybody's."""
    status = copy.lstat()
    if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise ConfigurationError(f"{copy} should belong to root alone and does not: remove it, then start again")


def _fingerprint(installation: Path) -> str:
    """Another version, or another build of it, gets another copy."""
    parts = [str(installation)]
    for name in POSTGRES_PROGRAMS:
        status = (installation / "bin" / name).stat()
        parts.append(f"{status.st_size} {status.st_mtime_ns}")
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:16]
