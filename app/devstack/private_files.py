"""Files that only their owner may read, written whole or not at all."""

from __future__ import annotations

import os
import secrets
import tempfile
from collections.abc import Callable
from pathlib import Path

OWNER_ONLY_FILE = 0o600
OWNER_ONLY_FOLDER = 0o700


def write_private(file: Path, text: str) -> None:
    """Put `text` into `file`, mode 0600, in one step: a reader sees the old content or the new, never half of it."""
    descriptor, name = tempfile.mkstemp(prefix=f".{file.name}-", dir=file.parent)  # mode 0600 from the start
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(file)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def kept_secret(file: Path, make: Callable[[], str] = lambda: secrets.token_urlsafe(24)) -> str:
    """Return the secret kept in `file`; make it the first time."""
    try:
        return file.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        secret = make()
        write_private(file, secret + "\n")
        return secret


def private_folder(folder: Path) -> Path:
    """Make `folder` if it is missing, for its owner alone, and return it."""
    folder.mkdir(mode=OWNER_ONLY_FOLDER, exist_ok=True)
    return folder
