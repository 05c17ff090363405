"""The ready file: how programs learn that everything answers, where, and with which key."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

from app.devstack.private_files import write_private
from app.devstack.vcenter import Vcenter


@dataclass(frozen=True)
class ApiKey:
    """Signs API calls."""

    api_key: str
    secret_key: str = field(repr=False)


@dataclass(frozen=True)
class Pids:
    """Process ids; `None`: not started by us."""

    api: int
    workers: list[int]
    postgres: int | None
    valkey: int | None
    simulator: int | None


@dataclass(frozen=True)
class Ready:
    """What stays the same while process ids change."""

    api_url: str
    """Ends in `/client/api`."""
    key: ApiKey
    database_url: str = field(repr=False)
    redis_url: str = field(repr=False)
    vcenter: Vcenter

    def content(self, pids: Pids) -> str:
        """Return the ready file's text.

        JSON: `api_url`, `api_key`, `secret_key`, `database_url`, `redis_url`, `vcenter` {`url`, `username`,
        `password`, `thumbprint` (null when none is pinned)}, `pids` {`api`, `workers` […], `postgres`, `valkey`,
        `simulator`} (null for what is not ours).
        """
        vcenter = self.vcenter
        document = {
            "api_url": self.api_url,
            **asdict(self.key),
            "database_url": self.database_url,
            "redis_url": self.redis_url,
            "vcenter": {
                "url": vcenter.url,
                "username": vcenter.username,
                "password": vcenter.password,
                "thumbprint": vcenter.thumbprint,
            },
            "pids": asdict(pids),
        }
        return json.dumps(document, indent=2) + "\n"


class ReadyFiles:
    """The state folder's own ready file, and the one that the user named."""

    def __init__(self, own: Path, named: Path | None) -> None:
        """Prepare; nothing is written."""
        self._files = [own, *([named.absolute()] if named else [])]

    def write(self, content: str) -> None:
        """Put `content` into each, mode 0600, in one step."""
        for file in self._files:
            write_private(file, content)

    def remove(self) -> None:
        """Nothing answers (any more)."""
        for file in self._files:
            file.unlink(missing_ok=True)
