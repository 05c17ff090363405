"""The servers that all examples share; each has a vCenter and an installation of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Protocol

import pytest

import workers.watch
from app.devstack.valkey import Valkey
from tests.integration.migration.random.running import Run
from tests.integration.migration.random.starting import started
from tests.integration.migration.random.wishes import Example
from tests.running.databases import Databases


class Starts(Protocol):
    """Starts what an example needs."""

    def __call__(self, example: Example) -> AbstractContextManager[Run]: ...


@pytest.fixture(scope="module")
def start(
    databases: Databases, valkey: Valkey, master_key: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Starts]:
    settings = {
        "VRELOCATE_REDIS_URL": valkey.url,
        "VRELOCATE_MASTER_KEY": master_key,
        "NO_PROXY": "127.0.0.1",
        "VRELOCATE_WATCH_WAIT_SECONDS": "1",
        "VRELOCATE_RETRY_MAX_ATTEMPTS": "3",
        # Small steps that were refused for now are asked for again at once.
        "VRELOCATE_RETRY_BASE_SECONDS": "0.001",
        # So few that some have to wait.
        "VRELOCATE_SLOTS_PER_TARGET_POOL": "2",
    }
    parent: Path = tmp_path_factory.mktemp("examples")

    @contextmanager
    def start_one(example: Example) -> Iterator[Run]:
        with TemporaryDirectory(dir=parent) as folder:
            environment = {**settings, "VRELOCATE_DATABASE_URL": databases.emptied()}
            with started(example, environment, Path(folder)) as run:
                yield run

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(workers.watch, "_POLLS_PER_SECOND", 100.0)
        yield start_one
