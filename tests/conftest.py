"""What several levels share: real servers, started once a test process, and an installation for each test."""

from __future__ import annotations

import atexit
import gc
import signal
from collections.abc import Iterator

import pytest
from cryptography.fernet import Fernet
from hypothesis import settings as hypothesis_settings

from app.devstack.postgres import Postgres
from app.devstack.valkey import Valkey
from tests.running.databases import Databases
from tests.running.installation import installed

# A machine that is busy elsewhere makes examples slow, not wrong.
hypothesis_settings.register_profile("vrelocate", deadline=None)
# For a night: `pytest tests/integration/migration/random --hypothesis-profile=soak`.
hypothesis_settings.register_profile("soak", deadline=None, max_examples=500, print_blob=True)
hypothesis_settings.load_profile("vrelocate")


# Imports and tests make millions of objects, and Python's own threshold has them looked through again and again.
gc.set_threshold(50_000)
atexit.register(gc.freeze)


def pytest_configure() -> None:
    """Let the programs that tests start be interrupted: a shell that put us behind `&` hands down an ignored SIGINT."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """A PostgreSQL server."""
    careless = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    with Postgres(tmp_path_factory.mktemp("servers") / "postgres", parameters=careless) as server:
        yield server


@pytest.fixture(scope="session")
def valkey(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Valkey]:
    """A Valkey server; who stops it starts one of its own instead."""
    with Valkey(tmp_path_factory.mktemp("servers") / "valkey") as server:
        yield server


@pytest.fixture(scope="session")
def databases(postgres: Postgres) -> Databases:
    """Databases of that server."""
    return Databases(postgres)


@pytest.fixture
def database_url(databases: Databases) -> str:
    """A database with our schema and nothing in it; a test that changes the schema, or fills it, takes a fresh one."""
    return databases.emptied()


@pytest.fixture(scope="session")
def master_key() -> str:
    """What seals the credentials of every installation here."""
    return Fernet.generate_key().decode()


@pytest.fixture
def environment(database_url: str, valkey: Valkey, master_key: str) -> dict[str, str]:
    """How every process of this test's installation is configured; override it to add settings."""
    return {
        "VRELOCATE_DATABASE_URL": database_url,
        "VRELOCATE_REDIS_URL": valkey.url,
        "VRELOCATE_MASTER_KEY": master_key,
        # A proxy of the environment cannot reach this machine's loopback.
        "NO_PROXY": "127.0.0.1",
    }


@pytest.fixture
def installation(environment: dict[str, str]) -> Iterator[None]:
    """This very process as a part of the installation."""
    with installed(environment):
        yield
