"""One installation for the tests of a file: workers reach its database and its broker through toxiproxy alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count, islice
from pathlib import Path
from urllib.parse import urlsplit
from uuid import UUID

import pytest
import redis
from cryptography.fernet import Fernet

from app.devstack.postgres import Postgres
from app.devstack.valkey import Valkey
from migrations.schema import upgrade
from tests.chaos.workers.crew import Crew
from tests.chaos.workers.outcome import all_end, all_succeeded_once, over, running
from tests.integration import known
from tests.integration.migration.steps import Steps
from tests.running.installation import installed
from tests.running.ledger import Ledger
from tests.running.toxiproxy import Proxied, running_toxiproxy
from tests.running.vcenter import running_vcenter
from tests.running.waiting import until

SCENARIO = Path(__file__).with_name("scenario.yaml")
END_SECONDS = 60


@dataclass
class Land:
    """What a test may break, and how it asks for migrations and sees what becomes of them."""

    steps: Steps
    crew: Crew
    postgres: Postgres
    database: Proxied
    broker: Valkey
    bell: Proxied
    jobs: dict[UUID, str] = field(default_factory=dict)
    """What each job moves."""
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def ask(self, many: int, family: str = "quick", to: str = "quicker") -> None:
        """Ask for so many migrations, each of a VM that has not moved yet."""
        for number in islice(self._numbers, many):
            name = f"{family}-{number:03}"
            self.jobs[self.steps.ask_vm(name, to)] = name

    def running(self) -> int:
        """How many jobs vCenter is at work for."""
        return running(self.jobs)

    def over(self) -> int:
        """How many jobs are over."""
        return over(self.jobs)

    def all_succeed_once(self, within_seconds: float = END_SECONDS) -> None:
        """Wait until every job is over: each has succeeded, and vCenter has moved each VM once."""
        all_end(self.jobs, within_seconds)
        all_succeeded_once(self.steps, self.jobs)
        assert Ledger(self.steps.vcenter).total("RelocateVM_Task", "overlapping") == 0

    def listening(self, port: int | None = None) -> int:
        """How many workers wait for messages at the broker, or at another one with the same password."""
        connection = redis.Redis(port=port or self.broker.port, password=self.broker.password)
        try:
            return sum(client["cmd"] == "brpop" for client in connection.client_list())
        finally:
            connection.close()

    def all_listen(self, port: int | None = None) -> None:
        """Wait until every worker waits for messages again."""
        alive = len(self.crew.alive)
        until(lambda: self.listening(port) == alive, END_SECONDS, "every worker listens")


@pytest.fixture(scope="module")
def land(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Land]:
    """Without workers at first. Jobs are accepted in this process, which rings by the same proxy."""
    folder = tmp_path_factory.mktemp("loss")
    crew: Crew | None = None
    with (
        running_vcenter(folder, "--scenario", SCENARIO, "--admin", "127.0.0.1:0") as vcenter,
        Postgres(folder / "postgres", parameters={"fsync": "off", "full_page_writes": "off"}) as postgres,
        Valkey(folder / "valkey") as broker,
        running_toxiproxy(folder) as toxiproxy,
    ):
        upgrade(postgres.url)
        database, bell = toxiproxy.proxy("postgres", postgres.port), toxiproxy.proxy("valkey", broker.port)
        environment = {
            "VRELOCATE_LEASE_SECONDS": "3",
            "VRELOCATE_SWEEP_INTERVAL_SECONDS": "0.5",
            "VRELOCATE_WATCH_LEASE_SECONDS": "3",
            "VRELOCATE_WATCH_WAIT_SECONDS": "1",
            "VRELOCATE_RETRY_BASE_SECONDS": "1",
            **{f"VRELOCATE_SLOTS_PER_{what}": "30" for what in ("HOST", "SOURCE_POOL", "TARGET_POOL")},
            "VRELOCATE_DATABASE_URL": postgres.url,
            "VRELOCATE_REDIS_URL": _behind(broker.url, bell),
            "VRELOCATE_MASTER_KEY": Fernet.generate_key().decode(),
            "NO_PROXY": "127.0.0.1",
        }
        # The test itself looks past the proxy: what it breaks for workers it needs in order to judge.
        with installed(environment):
            crew = Crew(folder, environment | {"VRELOCATE_DATABASE_URL": _behind(postgres.url, database)})
            try:
                yield Land(Steps(known.add(vcenter), vcenter), crew, postgres, database, broker, bell)
            finally:
                crew.kill_all()
                print(crew.said())  # noqa: T201  # pytest shows it when a test fails


def _behind(url: str, proxied: Proxied) -> str:
    return url.replace(f":{urlsplit(url).port}/", f":{proxied.port}/")


@pytest.fixture
def staffed(land: Land) -> Land:
    """The same with two workers that listen."""
    if not land.crew.alive:
        land.crew.start(2)
    return land


@pytest.fixture(autouse=True)
def _as_it_was(land: Land) -> Iterator[None]:
    """Let everything through again, and see that workers went on by themselves: none has ended."""
    before = land.crew.alive
    yield
    land.database.proxy.reset()
    assert [process for process in before if not process.is_alive()] == [], "nobody asked it to end"
