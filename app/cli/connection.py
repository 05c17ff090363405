"""Where the API is and with which key it is called.

An option beats the environment. In the environment the order is `VRELOCATE_API_URL` with `VRELOCATE_API_KEY` and
`VRELOCATE_SECRET_KEY` (or `VRELOCATE_SECRET_KEY_FILE`), then `VRELOCATE_READY_FILE`, then `VRELOCATE_STATE_DIR`.
Ready files are what `vrelocate up` writes. Secrets are never taken from the command line: other users see it.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field
from pathlib import Path

from app.errors import ConfigurationError

READY_FILE_NAME = "ready.json"
"""`vrelocate up` keeps its ready file under this name in its state directory, whatever `--ready-file` says."""


@dataclass(frozen=True)
class Connection:
    """An API and the key to it."""

    url: str
    """Ends in `/client/api`."""
    api_key: str
    secret_key: str = field(repr=False)


def find_connection(*, ready_file: Path | None, state_dir: Path | None) -> Connection:
    """Return the connection that the options or the environment name.

    Raises `ConfigurationError` when there is none, or when it lacks a part.
    """
    if ready_file is not None:
        return _from_ready_file(ready_file)
    if state_dir is not None:
        return _from_ready_file(state_dir / READY_FILE_NAME)
    if os.environ.get("VRELOCATE_API_URL"):
        return _from_environment()
    if name := os.environ.get("VRELOCATE_READY_FILE"):
        return _from_ready_file(Path(name))
    if name := os.environ.get("VRELOCATE_STATE_DIR"):
        return _from_ready_file(Path(name) / READY_FILE_NAME)
    raise ConfigurationError(
        "which API? Give --state-dir DIR or --ready-file FILE of a running `vrelocate up`, "
        "or set VRELOCATE_API_URL, VRELOCATE_API_KEY and VRELOCATE_SECRET_KEY"
    )


def _from_environment() -> Connection:
    secret = os.environ.get("VRELOCATE_SECRET_KEY", "")
    if not secret and (name := os.environ.get("VRELOCATE_SECRET_KEY_FILE")):
        try:
            secret = Path(name).read_text(encoding="utf-8").strip()
        except OSError as error:
            raise ConfigurationError(f"the secret key cannot be read from {name}: {error.strerror}") from error
    key = os.environ.get("VRELOCATE_API_KEY", "")
    missing = [name for name, value in (("VRELOCATE_API_KEY", key), ("VRELOCATE_SECRET_KEY", secret)) if not value]
    if missing:
        raise ConfigurationError(
            f"VRELOCATE_API_URL is set, but {' and '.join(missing)} not; `vrelocate keys create` makes a key"
        )
    return Connection(os.environ["VRELOCATE_API_URL"], key, secret)


def _from_ready_file(file: Path) -> Connection:
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        return Connection(content["api_url"], content["api_key"], content["secret_key"])
    except FileNotFoundError as error:
        raise ConfigurationError(
            f"{file} does not exist: `vrelocate up` writes it when everything answers; is it running?"
        ) from error
    except OSError as error:
        raise ConfigurationError(f"{file} cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, TypeError) as error:
        raise ConfigurationError(f"{file} is no ready file of `vrelocate up`") from error
