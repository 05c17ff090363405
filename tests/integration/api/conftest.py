"""A real PostgreSQL with an inventory in it, the API as a process of its own, and the unmodified client `cs`."""

from __future__ import annotations

import itertools
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from cryptography.fernet import Fernet
from cs import CloudStack
from sqlalchemy import Engine
from sqlalchemy.orm import Session

import app.db
import app.sealing
import app.settings
from app.access.keys import create_key
from app.access.roles import Role
from app.access.signature import sign
from app.inventory.models import (
    Cluster,
    DiskOffering,
    Host,
    Mount,
    StoragePool,
    VCenter,
    VirtualMachine,
    Volume,
    Zone,
)
from tests.running.databases import Databases

GIB = 1024**3
START_SECONDS = 60
_HOURS = itertools.count(1)
_API = "import sys; from app.api.server import serve; serve('127.0.0.1', int(sys.argv[1]))"


class ApiProcess:
    """`serve()` in a process of its own; it is up when its log says where it listens."""

    def __init__(self, environment: dict[str, str], port: int = 0) -> None:
        self.log: list[str] = []
        self._grown = threading.Condition()
        self.process = subprocess.Popen(
            [sys.executable, "-c", _API, str(port)],
            env={**os.environ, **environment},
            stderr=subprocess.PIPE,
            text=True,
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        self.port = json.loads(self.logged('"event": "api.listening"', within_seconds=START_SECONDS))["port"]
        self.root = f"http://127.0.0.1:{self.port}"
        self.url = f"{self.root}/client/api"

    def logged(self, text: str, within_seconds: float = 10) -> str:
        """Wait for a line of the log that holds `text`, and return it."""

        def find() -> str | None:
            return next((line for line in self.log if text in line), None)

        with self._grown:
            found = self._grown.wait_for(find, within_seconds)
        assert found, f"no {text!r} in the log: {''.join(self.log)}"
        return found

    def tells_none_of(self, secrets: Iterable[str]) -> None:
        """Look for secrets in all that it has logged, and for what is made with them."""
        told = [line for line in self.log if "ignature=" in line or any(secret in line for secret in secrets)]
        assert not told, "a line of the log holds a secret: look for it there, it is not told here either"

    def _read(self) -> None:
        assert self.process.stderr
        with self.process.stderr as lines:
            for line in lines:
                with self._grown:
                    self.log.append(line)
                    self._grown.notify_all()

    def stop(self) -> int:
        """Send SIGTERM; return how the process ended."""
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout=30)
        self._reader.join(timeout=10)
        return code

    def kill(self) -> None:
        """End it, however it is."""
        self.process.kill()
        self.process.wait()
        self._reader.join(timeout=10)


@contextmanager
def _configured(environment: dict[str, str]) -> Iterator[None]:
    """Let this process be configured so for a while, and leave nothing of it behind."""

    def forget() -> None:
        for cached in (app.settings.settings, app.db.engine, app.db._sessions, app.sealing._box):
            cached.cache_clear()

    forget()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        try:
            yield
        finally:
            app.db.engine().dispose()
            forget()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy of the environment cannot reach this machine's loopback."""
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture(scope="session")
def database_url(databases: Databases) -> Iterator[str]:
    """One database for all: the API that answers from it is one process."""
    with databases.fresh() as url:
        yield url


@pytest.fixture(scope="session")
def environment(database_url: str) -> dict[str, str]:
    """How an installation with this database is configured; no broker hears the bell, which changes no answer."""
    return {
        "VRELOCATE_DATABASE_URL": database_url,
        "VRELOCATE_REDIS_URL": "redis://127.0.0.1:1/0",
        "VRELOCATE_MASTER_KEY": Fernet.generate_key().decode(),
        # Streams of events end soon, so that following along is following on.
        "VRELOCATE_STREAM_SECONDS": "0.3",
        # No name is looked up, and nothing is asked that is not on this machine.
        "VRELOCATE_VCENTER_ADDRESSES": "127.0.0.1",
    }


@pytest.fixture
def configured() -> Callable[[dict[str, str]], AbstractContextManager[None]]:
    return _configured


@pytest.fixture
def inside(environment: dict[str, str]) -> Iterator[None]:
    """Let the test itself use the code of the installation."""
    with _configured(environment):
        yield


@pytest.fixture(scope="session")
def database(database_url: str) -> Iterator[Engine]:
    engine = app.db.make_engine(database_url, pool_size=2)
    yield engine
    engine.dispose()


@pytest.fixture
def session(database: Engine) -> Iterator[Session]:
    """A transaction for the test to put things into the database; `commit()` shows them to the API."""
    with Session(database, expire_on_commit=False) as opened:
        yield opened


@pytest.fixture(scope="session")
def keys(environment: dict[str, str], database: Engine) -> dict[str, tuple[str, str]]:
    """Key and secret of one caller for each role."""
    made = {}
    with _configured(environment), Session(database) as session:
        for role in Role:
            key, secret = create_key(session, f"the {role}", role)
            made[role.value] = key.key, secret
        session.commit()
    return made


@pytest.fixture(scope="session")
def api(environment: dict[str, str], secrets: list[str]) -> Iterator[ApiProcess]:
    process = ApiProcess(environment)
    yield process
    assert process.stop() == 0, "".join(process.log[-20:])
    process.tells_none_of(secrets)


@pytest.fixture(scope="session")
def secrets(environment: dict[str, str], keys: dict[str, tuple[str, str]]) -> list[str]:
    """What no log may hold."""
    return [environment["VRELOCATE_MASTER_KEY"], *(secret for _, secret in keys.values())]


@pytest.fixture
def start_api(secrets: list[str]) -> Iterator[Callable[..., ApiProcess]]:
    started: list[ApiProcess] = []

    def start(environment: dict[str, str], port: int = 0) -> ApiProcess:
        started.append(ApiProcess(environment, port))
        return started[-1]

    yield start
    for process in started:
        process.kill()
    for process in started:
        process.tells_none_of(secrets)


def signing(api: ApiProcess, key: str, secret: str) -> CloudStack:
    """Return a client whose requests expire at other times than those of others: the same one is carried out once."""
    lasts = timedelta(hours=next(_HOURS))
    return CloudStack(endpoint=api.url, key=key, secret=secret, poll_interval=0.05, expiration=lasts)


@pytest.fixture
def client(api: ApiProcess, keys: dict[str, tuple[str, str]]) -> CloudStack:
    """The PyPI client, as its users make it."""
    return signing(api, *keys["admin"])


@pytest.fixture
def client_as(api: ApiProcess, keys: dict[str, tuple[str, str]]) -> Callable[[str], CloudStack]:
    return lambda role: signing(api, *keys[role])


@pytest.fixture
def call(api: ApiProcess, keys: dict[str, tuple[str, str]]) -> Callable[..., httpx.Response]:
    """Send a signed request whose parameters are the test's alone: nothing is added but key and signature."""

    def send(method: str = "GET", /, role: str = "admin", **parameters: str) -> httpx.Response:
        key, secret = keys[role]
        request = {"apikey": key, **parameters}
        request["signature"] = sign(request, secret)
        place = {"params": request} if method == "GET" else {"data": request}
        return httpx.request(method, api.url, timeout=30, trust_env=False, **place)

    return send


@pytest.fixture(scope="session")
def landscape(database: Engine) -> SimpleNamespace:
    """One datacenter: clusters `east` (two hosts) and `west` (one), five pools, three VMs, loose disks, an offering."""
    with Session(database, expire_on_commit=False) as session:
        vcenter = VCenter(name="vc", url="https://vc.example", username="u", password_sealed=b"x")
        session.add(vcenter)
        session.flush()

        def add(kind: type[Any], name: str, **values: object) -> Any:  # noqa: ANN401  # an instance of `kind`
            if hasattr(kind, "moref"):
                values = {"moref": f"{kind.__name__}-{name}", **values}
            thing = kind(vcenter_id=vcenter.id, name=name, **values)
            session.add(thing)
            session.flush()
            return thing

        zone = add(Zone, "dc1")
        east = add(Cluster, "east", zone_id=zone.id, standalone=False)
        west = add(Cluster, "west", zone_id=zone.id, standalone=True)
        esx1 = add(Host, "esx1", cluster_id=east.id, connected=True, in_maintenance=False)
        esx2 = add(Host, "esx2", cluster_id=east.id, connected=False, in_maintenance=True)
        esx3 = add(Host, "esx3", cluster_id=west.id, connected=True, in_maintenance=False)

        def pool(name: str, scope: str, hosts: list[Host], **values: object) -> StoragePool:
            facts = {
                "type": "VMFS",
                "url": f"ds:///vmfs/volumes/{name}/",
                "accessible": True,
                "maintenance_mode": "normal",
            }
            sizes = {"capacity_bytes": 1000 * GIB, "free_bytes": 600 * GIB, "uncommitted_bytes": 100 * GIB}
            made: StoragePool = add(StoragePool, name, zone_id=zone.id, scope=scope, **{**facts, **sizes, **values})
            for host in hosts:
                session.add(Mount(pool_id=made.id, host_id=host.id, mounted=True, accessible=True, writable=True))
            return made

        def vm(name: str, power: str, cluster: Cluster, host: Host, home: StoragePool) -> VirtualMachine:
            where = {"zone_id": zone.id, "cluster_id": cluster.id, "host_id": host.id, "home_pool_id": home.id}
            facts = {"power_state": power, "path": f"[{home.name}] {name}/{name}.vmx", "is_template": False}
            shape = {"guest_id": "debian12_64Guest", "cpu_count": 2, "memory_mib": 4096, "instance_uuid": name}
            made: VirtualMachine = add(VirtualMachine, name, **where, **facts, **shape)
            return made

        def disk(
            name: str, on: StoragePool, of: VirtualMachine | None = None, key: int | None = None, **values: object
        ) -> Volume:
            path = f"[{on.name}] {of.name if of else 'loose'}/{name}.vmdk"
            facts = {"path": path, "capacity_bytes": 10 * GIB, "physical_bytes": 4 * GIB, "thin": True}
            where = {"zone_id": zone.id, "pool_id": on.id, "vm_id": of.id if of else None, "device_key": key}
            made: Volume = add(Volume, name, **{**where, **facts, **values})
            return made

        old = pool("old", "CLUSTER", [esx1, esx2], vsphere_tags=["slow"])
        new = pool("new", "CLUSTER", [esx1, esx2], vsphere_tags=["fast"], own_tags=["backup"])
        far = pool("far", "CLUSTER", [esx3])
        local = pool("local", "HOST", [esx3], maintenance_mode="inMaintenance")
        wide = pool("wide", "ZONE", [esx1, esx3], type="NFS", accessible=False)
        gold = DiskOffering(name="gold", display_text="Gold <fast>", tags=["fast"])
        session.add(gold)
        session.flush()
        web, db = vm("web-1", "poweredOff", east, esx1, old), vm("db-1", "poweredOn", west, esx3, far)
        asleep = vm("asleep", "suspended", east, esx2, old)
        made = SimpleNamespace(
            vcenter=vcenter, zone=zone, east=east, west=west, esx1=esx1, esx2=esx2, esx3=esx3,
            old=old, new=new, far=far, local=local, wide=wide, gold=gold, web=web, db=db, asleep=asleep,
            web_data=disk("web-1_1", old, web, 2001, physical_bytes=None, thin=False),
            web_root=disk("web-1", old, web, 2000),
            db_root=disk("db-1", far, db, 2000),
            loose=disk("loose", old, disk_offering_id=gold.id),
            spare=disk("spare & co", wide, thin=None),
        )  # fmt: skip
        gone = app.db.utc_now()
        made.gone = disk("gone", old, removed_at=gone)
        session.commit()
    return made
