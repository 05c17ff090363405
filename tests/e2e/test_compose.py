"""docker-compose.yml without Docker: read as `docker compose` reads it, its services' own commands run as processes.

What is run is what the file says: command, environment, health check, time to stop. Only what a container would give is
put in its place: hosts and ports are this machine's loopback, /tmp and the image's scenarios are folders of ours, and
the programs are those beside this Python.

PostgreSQL and Valkey run in images of others, whose start scripts cannot be run here. What the file adds to them is
tried on real servers all the same: the parameters of the one, the configuration of the other.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg
import pytest
import redis

from app.devstack.binaries import postgres_folder, valkey_program
from app.devstack.pipes import pipe_holding
from app.devstack.ports import LOOPBACK, free_port
from app.devstack.postgres import DATABASE, USER, Postgres
from app.devstack.processes import Process, Program

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
PATH = f"{BIN}{os.pathsep}/usr/bin{os.pathsep}/bin"

OURS = {"schema", "api", "worker", "simulator"}
SECRETS = ("VRELOCATE_DATABASE_PASSWORD", "VRELOCATE_REDIS_PASSWORD", "VRELOCATE_MASTER_KEY")
START_SECONDS = 90

Model = dict[str, Any]


def load(environment: dict[str, str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BIN / "compose-model", ROOT / "docker-compose.yml", "demo"],
        env=environment,
        check=False,
        capture_output=True,
        text=True,
        timeout=30,
    )


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What scripts/compose-secrets makes, by name."""
    folder = tmp_path_factory.mktemp("secrets")
    subprocess.run([ROOT / "scripts" / "compose-secrets", folder], check=True, capture_output=True, timeout=30)
    file = folder / ".env"
    assert file.stat().st_mode & 0o777 == 0o600
    pairs = (line.partition("=") for line in file.read_text(encoding="ascii").splitlines())
    return {name: value for name, _, value in pairs}


@pytest.fixture(scope="module")
def model(secrets: dict[str, str]) -> Model:
    """The compose file with those secrets put in."""
    loaded = load(secrets)
    assert loaded.returncode == 0, loaded.stderr
    content: Model = json.loads(loaded.stdout)
    return content


# -- what the file says ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("missing", SECRETS)
def test_without_a_secret_it_is_refused_saying_what_to_do(secrets: dict[str, str], missing: str) -> None:
    assert set(secrets) == set(SECRETS)
    loaded = load({name: value for name, value in secrets.items() if name != missing})
    assert loaded.returncode == 1
    assert f"required variable {missing} is missing a value: run scripts/compose-secrets" in loaded.stderr


def test_secrets_that_are_there_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("VRELOCATE_MASTER_KEY=precious\n", encoding="ascii")
    again = subprocess.run(
        [ROOT / "scripts" / "compose-secrets", tmp_path], check=False, capture_output=True, text=True, timeout=30
    )
    assert again.returncode == 1
    assert ".env exists" in again.stderr
    assert (tmp_path / ".env").read_text(encoding="ascii") == "VRELOCATE_MASTER_KEY=precious\n"


def test_no_secret_is_in_the_file_or_on_a_command_line(model: Model, secrets: dict[str, str]) -> None:
    for name, service in model["services"].items():
        assert not [it for it in secrets.values() if it in " ".join(service["command"])], name
        for variable, value in service["environment"].items():
            if "://" in value:
                assert urlsplit(value).password in secrets.values(), f"{name}: {variable}"
            elif re.search("PASSWORD|SECRET|KEY|AUTH", variable):
                # The simulated vCenter's is nobody's secret: empty, unless somebody wants one.
                assert value in {*secrets.values(), ""}, f"{name}: {variable}"
    assert f"requirepass {secrets['VRELOCATE_REDIS_PASSWORD']}\n" in model["configs"]["valkey"]["content"]


def test_what_runs_is_watched_restarted_and_kept_in_named_volumes(model: Model) -> None:
    services = model["services"]
    assert set(services) == OURS | {"postgres", "valkey"}
    for name, service in services.items():
        once = name == "schema"
        assert service["restart"] == ("no" if once else "unless-stopped"), name
        assert ("healthcheck" in service) is not once, name
        assert service["logging"]["options"]["max-size"], name
        assert "no-new-privileges:true" in service["security_opt"], name
    mounts = {(name, it["type"], it["source"]) for name in services for it in services[name].get("volumes", [])}
    assert mounts == {("postgres", "volume", "postgres"), ("valkey", "volume", "valkey")}
    assert set(model["volumes"]) == {"postgres", "valkey"}
    # PostgreSQL 18 keeps its data in a folder of the version below this one, not in …/data.
    assert services["postgres"]["volumes"][0]["target"] == "/var/lib/postgresql"


def test_what_needs_something_waits_until_it_is_there(model: Model) -> None:
    needs = {
        name: {on: it["condition"] for on, it in service.get("depends_on", {}).items()}
        for name, service in model["services"].items()
    }
    working = {"schema": "service_completed_successfully", "valkey": "service_healthy"}
    assert needs == {
        "postgres": {},
        "valkey": {},
        "schema": {"postgres": "service_healthy"},
        "api": working,
        "worker": working,
        "simulator": {},
    }


def test_our_containers_hold_nothing_and_may_do_nothing(model: Model) -> None:
    for name in OURS:
        service = model["services"][name]
        assert service["read_only"], name
        assert service["tmpfs"] == ["/tmp"], name  # noqa: S108  # in the container
        assert service["cap_drop"] == ["ALL"], name
    assert model["services"]["simulator"]["profiles"] == ["demo"]
    assert not [name for name in OURS - {"simulator"} if model["services"][name].get("profiles")]
    published = {name: service["ports"] for name, service in model["services"].items() if service.get("ports")}
    assert [(name, it["host_ip"]) for name, ports in published.items() for it in ports] == [("api", "127.0.0.1")]


# -- what it does ------------------------------------------------------------------------------------------------------


@dataclass
class Here:
    """The services of the file as processes of this machine."""

    model: Model
    folder: Path
    database: Postgres
    broker_port: int
    api_port: int = field(default_factory=free_port)
    vcenter_port: int = field(default_factory=free_port)
    processes: dict[str, Process] = field(default_factory=dict)

    def text(self, text: str, replica: str) -> str:
        """Put in what a container would give."""
        if text == "8080":
            return str(self.api_port)
        here = {
            "@postgres:5432/": f"@{LOOPBACK}:{self.database.port}/",
            "@valkey:6379/": f"@{LOOPBACK}:{self.broker_port}/",
            "0.0.0.0:8989": f"{LOOPBACK}:{self.vcenter_port}",
            "0.0.0.0": LOOPBACK,  # noqa: S104  # it is what must not be listened on here
            "/usr/share/vrelocate/scenarios/": f"{ROOT}/simulator/scenarios/",
            "/tmp/": f"{self.folder}/{replica}-",  # noqa: S108  # the container's own
        }
        # In one go: what has been put in may be in this machine's /tmp.
        return re.sub("|".join(map(re.escape, here)), lambda there: here[there[0]], text)

    def environment(self, service: str, replica: str = "") -> dict[str, str]:
        """Return the whole environment of a container: nothing of ours is inherited."""
        given = self.model["services"][service]["environment"]
        put_in = {name: self.text(value, replica or service) for name, value in given.items()}
        return {"PATH": PATH, "HOME": "/nonexistent", **put_in}

    def start(self, service: str, replica: str = "") -> Process:
        replica = replica or service
        command = [self.text(it, replica) for it in self.model["services"][service]["command"]]
        program = shutil.which(command[0], path=PATH)
        assert program, command
        self.processes[replica] = Process(
            Program(
                name=replica,
                argv=[program, *command[1:]],
                log=self.folder / f"{replica}.log",
                environment=self.environment(service, replica),
                stop_timeout_seconds=seconds(self.model["services"][service].get("stop_grace_period", "10s")),
            )
        )
        return self.processes[replica]

    def is_healthy(self, service: str, replica: str = "") -> bool:
        """Carry out the health check as Docker does."""
        kind, *words = self.model["services"][service]["healthcheck"]["test"]
        command = [
            self.text(it, replica or service) for it in (["/bin/sh", "-c", *words] if "SHELL" in kind else words)
        ]
        program = shutil.which(command[0], path=PATH)
        assert program, command
        environment = self.environment(service, replica)
        done = subprocess.run(
            [program, *command[1:]], env=environment, check=False, capture_output=True, timeout=START_SECONDS
        )
        return done.returncode == 0

    def start_healthy(self, service: str, replica: str = "") -> None:
        process = self.start(service, replica)
        assert not self.is_healthy(service, replica), f"{service} is called healthy before it can be"
        until(lambda: self.is_healthy(service, replica) or not process.is_alive())
        assert process.is_alive(), process.last_words()

    def vrelocate(self, *arguments: str, **variables: str) -> str:
        """Do what `docker compose exec api vrelocate ARGUMENT…` does."""
        done = subprocess.run(
            [BIN / "vrelocate", *arguments],
            env={**self.environment("api"), **variables},
            check=False,
            capture_output=True,
            text=True,
            timeout=START_SECONDS,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


def seconds(duration: str) -> float:
    """Read a duration as Go writes it: `1m0s`."""
    minutes, rest = duration.removesuffix("s").rpartition("m")[::2]
    return int(minutes or 0) * 60 + float(rest)


def until(condition: Callable[[], bool]) -> None:
    deadline, never = time.monotonic() + START_SECONDS, threading.Event()
    while not condition():
        assert time.monotonic() < deadline, f"not within {START_SECONDS} s"
        never.wait(0.2)


@pytest.fixture(scope="module")
def database(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Postgres]:
    """PostgreSQL with the file's parameters, user, database and password."""
    service = model["services"]["postgres"]
    program, *flags = service["command"]
    assert (program, set(flags[::2])) == ("postgres", {"-c"})
    environment = service["environment"]
    assert (environment["POSTGRES_USER"], environment["POSTGRES_DB"]) == (USER, DATABASE)
    with Postgres(
        tmp_path_factory.mktemp("postgres"),
        password=environment["POSTGRES_PASSWORD"],
        parameters=dict(flag.split("=", 1) for flag in flags[1::2]),
    ) as server:
        yield server


@pytest.fixture(scope="module")
def broker_port(model: Model, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Valkey with the file's configuration; its address and its folder are ours."""
    assert model["services"]["valkey"]["command"] == [
        "valkey-server",
        model["services"]["valkey"]["configs"][0]["target"],
    ]
    folder, port = tmp_path_factory.mktemp("valkey"), free_port()
    configuration = model["configs"]["valkey"]["content"].replace("dir /data", f"dir {folder}")
    log = folder / "valkey.log"
    program = Program("valkey", [str(valkey_program()), "-"], log, {"PATH": os.defpath})
    with pipe_holding(f"{configuration}\nbind {LOOPBACK}\nport {port}\n") as stdin:
        server = Process(program, stdin=stdin)
    server.wait_until(lambda: "Ready to accept connections" in server.output(), timeout_seconds=START_SECONDS)
    yield port
    assert server.stop()


@pytest.fixture(scope="module")
def here(
    model: Model, database: Postgres, broker_port: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Here]:
    """Everything started in the file's order."""
    services = Here(model, tmp_path_factory.mktemp("services"), database, broker_port)
    try:
        for _ in range(2):  # at every `docker compose up` again
            process = services.start("schema")
            assert process.wait_for_end(timeout_seconds=START_SECONDS) == "exited with status 0", process.last_words()
        services.start_healthy("api")
        services.start_healthy("simulator")
        for number in range(model["services"]["worker"]["deploy"]["replicas"]):
            services.start_healthy("worker", f"worker-{number}")
        yield services
    finally:
        for process in services.processes.values():
            process.kill()


def test_the_database_takes_its_parameters_and_its_health_check_passes(model: Model, database: Postgres) -> None:
    with psycopg.connect(database.url) as connection:
        assert connection.execute("SHOW max_connections").fetchone() == ("200",)
        assert connection.execute("SHOW timezone").fetchone() == ("UTC",)
    kind, program, *arguments = model["services"]["postgres"]["healthcheck"]["test"]
    assert (kind, program) == ("CMD", "pg_isready")
    # The port is the image's default; everything else is as the file has it.
    check = [postgres_folder() / "pg_isready", *arguments]
    assert subprocess.run(check, env={"PGPORT": str(database.port)}, check=False, timeout=30).returncode == 0
    assert subprocess.run(check, env={"PGPORT": str(free_port())}, check=False, timeout=30).returncode != 0


def test_the_broker_takes_its_configuration(secrets: dict[str, str], broker_port: int) -> None:
    with redis.Redis(LOOPBACK, broker_port) as stranger, pytest.raises(redis.AuthenticationError):
        stranger.ping()
    with redis.Redis(LOOPBACK, broker_port, password=secrets["VRELOCATE_REDIS_PASSWORD"]) as client:
        configuration = client.config_get("appendonly", "save", "maxmemory-policy")
    assert configuration == {"appendonly": "yes", "save": "", "maxmemory-policy": "noeviction"}


def test_each_service_answers_its_health_check_and_a_disk_moves_through_all_of_them(here: Here) -> None:
    vcenter = f"https://{LOOPBACK}:{here.vcenter_port}/sdk"
    thumbprint = here.vrelocate("vcenter", "thumbprint", vcenter).strip()
    username = here.environment("simulator")["VCSIM_USERNAME"]
    trusted = ("--url", vcenter, "--username", username, "--thumbprint", thumbprint)
    here.vrelocate("vcenter", "add", "demo", *trusted, "--password-env", "VCENTER_PASSWORD", VCENTER_PASSWORD="pass")
    here.vrelocate("vcenter", "sync", "demo")
    key = json.loads(here.vrelocate("keys", "create", "operator", "--json"))
    client = {
        "VRELOCATE_API_URL": f"http://{LOOPBACK}:{here.api_port}/client/api",
        "VRELOCATE_API_KEY": key["api_key"],
        "VRELOCATE_SECRET_KEY": key["secret_key"],
    }
    volume = json.loads(here.vrelocate("volumes", "--detached", "--on", "ds-old", "--json", **client))[0]

    here.vrelocate("migrate", "volume", volume["id"], "--to", "ds-new", "--wait", **client)

    moved = {it["id"] for it in json.loads(here.vrelocate("volumes", "--on", "ds-new", "--json", **client))}
    assert volume["id"] in moved
    assert [name for name, process in here.processes.items() if not process.is_alive()] == ["schema"]


def test_each_service_stops_in_its_time_when_docker_asks(here: Here) -> None:
    running = {name: process for name, process in here.processes.items() if process.is_alive()}
    assert {name.partition("-")[0] for name in running} == OURS - {"schema"}
    for name, process in running.items():
        assert process.stop(), f"{name} had to be killed"
        assert process.end() == "exited with status 0", process.last_words()
