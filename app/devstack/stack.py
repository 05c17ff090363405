"""Everything that one `vrelocate up` runs: put together, started in order, kept alive, stopped in order."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import urlsplit

from app.devstack.bootstrap import Bootstrap
from app.devstack.commands import Commands
from app.devstack.environment import DATABASE_URLS, REDIS_URLS, configured, for_children, installation
from app.devstack.options import UpOptions
from app.devstack.ports import kept_port
from app.devstack.postgres import Postgres
from app.devstack.processes import Pause
from app.devstack.programs import START_TIMEOUT_SECONDS, Api, Worker
from app.devstack.ready import Pids, Ready, ReadyFiles
from app.devstack.simulator import START_TIMEOUT_SECONDS as SIMULATOR_TIMEOUT_SECONDS
from app.devstack.simulator import Simulator
from app.devstack.state import StateFolder
from app.devstack.supervisor import Stage, Supervisor
from app.devstack.valkey import Valkey
from app.devstack.vcenter import Vcenter, real_vcenter
from app.errors import ConfigurationError

LEFTOVER_TIMEOUT_SECONDS = 30
"""How long the servers of an `up` that was killed may take to end before we give up."""


class Stack:
    """The processes of one `up`: `start` them, `keep` them, and `stop` them in any case."""

    def __init__(self, options: UpOptions, state: StateFolder, report: Callable[[str], None]) -> None:
        """Prepare, start nothing."""
        self._options = options
        self._state = state
        self._report = report
        self._ready_files = ReadyFiles(state.ready_file, options.ready_file)
        self._ready: Ready | None = None
        self._supervisor = Supervisor(report, self._announce)

    def start(self, pause: Pause) -> Ready:
        """Start everything and wait until everything answers; `pause` is how it waits, and may end it by raising.

        Raises `ConfigurationError` that says which part failed and how.
        """
        self._ready_files.remove()  # of an earlier run that was killed
        try:
            return self._start(pause)
        except ConfigurationError as error:
            # What failed may have failed for want of something that is gone by now.
            raise ConfigurationError("\n".join([str(error), *self._supervisor.obituaries(str(error))])) from error

    def keep(self, wait: Pause) -> None:
        """Start again what ends, for ever; `wait` returns early when a child ends, and ends this by raising."""
        while True:
            wait(self._supervisor.check())

    def stop(self, wait: Pause, hurry: Callable[[], bool]) -> None:
        """Stop what has been started, in order (see `Supervisor.stop`)."""
        self._ready = None
        try:
            self._ready_files.remove()
        finally:
            self._supervisor.stop(wait, hurry)

    # -- the parts -------------------------------------------------------------------------------------------------

    def _start(self, pause: Pause) -> Ready:
        vcenter_when_it_answers = self._launch_vcenter()
        database_url = self._start_database(pause)
        redis_url = self._start_broker(pause)
        environment = for_children(installation(database_url, redis_url, self._state.master_key_file()))
        with Commands(environment, self._state.fresh_log("setup"), pause) as commands:
            bootstrap = Bootstrap(commands)
            self._report("upgrading the database schema")
            bootstrap.upgrade_schema()
            api = Api(self._api_port(), environment=environment, log=self._state.fresh_log("api"))
            api_process = self._supervisor.launch(api, Stage.API)  # it starts while the inventory is read
            vcenter = vcenter_when_it_answers(pause)
            self._report(f"reading the inventory of {vcenter.url}")
            bootstrap.add_vcenter(vcenter)
            key = bootstrap.api_key(self._key_file(database_url))
        self._report(f"starting {self._options.workers} workers")
        self._start_workers(environment, pause)
        api_process.wait_until(api.answers, timeout_seconds=START_TIMEOUT_SECONDS, pause=pause)
        self._ready = Ready(api.url, key, database_url, redis_url, vcenter)
        self._ready_files.write(self._ready.content(self._pids()))
        return self._ready

    def _start_database(self, pause: Pause) -> str:
        if url := configured(DATABASE_URLS):
            self._report(f"PostgreSQL: yours, at {urlsplit(url).hostname}")
            return url
        server = Postgres(
            self._state.folder("postgres"),
            password=self._state.password("database-password"),
            log=self._state.fresh_log("postgres"),
        )
        server.start(pause=pause, lock_timeout_seconds=LEFTOVER_TIMEOUT_SECONDS)
        self._supervisor.watch(server, server.process, Stage.DATABASE)
        self._report(f"PostgreSQL answers on port {server.port}")
        return server.url

    def _start_broker(self, pause: Pause) -> str:
        if url := configured(REDIS_URLS):
            self._report(f"Redis: yours, at {urlsplit(url).hostname}")
            return url
        server = Valkey(
            self._state.folder("valkey"),
            password=self._state.password("redis-password"),
            log=self._state.fresh_log("valkey"),
        )
        server.start(pause=pause, lock_timeout_seconds=LEFTOVER_TIMEOUT_SECONDS)
        self._supervisor.watch(server, server.process, Stage.BROKER)
        self._report(f"Valkey answers on port {server.port}")
        return server.url

    def _launch_vcenter(self) -> Callable[[Pause], Vcenter]:
        """Launch the simulated vCenter, unless there is a real one; return what waits until it answers."""
        if self._options.vcenter:
            vcenter = real_vcenter(self._options)
            return lambda _pause: vcenter
        simulator = Simulator(
            self._state.folder("simulator"),
            password=self._state.password("simulator-password"),
            log=self._state.fresh_log("simulator"),
            scenario=self._options.scenario,
            speed=self._options.speed,
        )
        process = self._supervisor.launch(simulator, Stage.VCENTER)

        def wait(pause: Pause) -> Vcenter:
            process.wait_until(simulator.answers, timeout_seconds=SIMULATOR_TIMEOUT_SECONDS, pause=pause)
            self._report(f"the simulated vCenter answers at {simulator.vcenter().url}")
            return simulator.vcenter()

        return wait

    def _api_port(self) -> int:
        return self._options.port or kept_port(self._state.path / "api.port")

    def _start_workers(self, environment: Mapping[str, str], pause: Pause) -> None:
        starting = []
        for number in range(1, self._options.workers + 1):
            worker = Worker(
                number,
                environment=environment,
                log=self._state.fresh_log(f"worker-{number}"),
                ready_file=self._state.folder("run") / f"worker-{number}.ready",
            )
            starting.append((worker, self._supervisor.launch(worker, Stage.WORKER)))
        for worker, process in starting:
            process.wait_until(worker.answers, timeout_seconds=START_TIMEOUT_SECONDS, pause=pause)

    def _key_file(self, database_url: str) -> Path:
        """Return where the key is kept: beside the database that knows it, or, if that is elsewhere, under its name."""
        if not configured(DATABASE_URLS):
            return self._state.folder("postgres") / "api-key.json"
        parts = urlsplit(database_url)
        name = hashlib.sha256(f"{parts.hostname}:{parts.port}{parts.path}".encode()).hexdigest()[:8]
        return self._state.secret_file(f"api-key-{name}.json")

    # -- telling the world -----------------------------------------------------------------------------------------

    def _announce(self) -> None:
        """Write down changed process ids; a full disk must not end the supervision."""
        if self._ready is None:
            return
        try:
            self._ready_files.write(self._ready.content(self._pids()))
        except OSError as error:
            self._report(f"the ready file cannot be written: {error.strerror}")

    def _pids(self) -> Pids:
        def only(stage: Stage) -> int | None:
            return next(iter(self._supervisor.pids(stage)), None)

        (api,) = self._supervisor.pids(Stage.API)
        return Pids(
            api=api,
            workers=self._supervisor.pids(Stage.WORKER),
            postgres=only(Stage.DATABASE),
            valkey=only(Stage.BROKER),
            simulator=only(Stage.VCENTER),
        )
