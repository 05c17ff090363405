"""The API's process: its start, its end, and a database that goes and comes back."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import httpx
import pytest
from cryptography.fernet import Fernet
from cs import CloudStack, CloudStackApiException
from sqlalchemy.orm import Session

from app.access.keys import create_key
from app.api.server import serve
from app.db import transaction
from app.devstack.postgres import Postgres
from app.errors import ConfigurationError
from app.jobs.models import Job
from app.jobs.states import JobState
from migrations.schema import upgrade
from tests.running.jobs import remove_jobs

pytestmark = pytest.mark.integration

StartApi = Callable[..., Any]


def test_sigterm_ends_it_cleanly(start_api: StartApi, environment: dict[str, str]) -> None:
    api = start_api(environment)
    assert httpx.get(f"{api.root}/healthz", trust_env=False).json() == {"status": "ok"}
    assert api.stop() == 0
    assert '"event": "api.stopped"' in api.log[-1]


def test_there_are_no_other_pages(api: Any) -> None:  # noqa: ANN401  # conftest's class
    for path in ("/", "/docs", "/redoc", "/openapi.json", "/client"):
        assert httpx.get(api.root + path, trust_env=False).status_code == 404


@pytest.mark.usefixtures("inside")
def test_a_port_in_use_is_named() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(ConfigurationError, match=f"cannot listen on 127.0.0.1 port {port}: Address already in use"):
            serve("127.0.0.1", port)


def test_a_broker_that_takes_connections_and_is_silent_delays_no_call_for_long(
    start_api: StartApi,
    environment: dict[str, str],
    keys: dict[str, tuple[str, str]],
    landscape: SimpleNamespace,
    session: Session,
) -> None:
    """The job is durable without it: it is accepted."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent_url = f"redis://127.0.0.1:{silent.getsockname()[1]}/0"
        api = start_api({**environment, "VRELOCATE_REDIS_URL": silent_url})
        client = CloudStack(endpoint=api.url, key=keys["admin"][0], secret=keys["admin"][1])
        began = time.monotonic()
        job = client.migrateVolume(volumeid=str(landscape.loose.id), storageid=str(landscape.new.id))
        took = time.monotonic() - began
    written = session.get_one(Job, UUID(job["jobid"]))
    assert written.state is JobState.QUEUED
    assert written.rung_at is None, "the next sweep finds it"
    assert took < 15, "clients wait for twice as long"
    remove_jobs(session)


def test_a_database_that_goes_and_comes_back(
    tmp_path: Path, start_api: StartApi, configured: Callable[[dict[str, str]], AbstractContextManager[None]]
) -> None:
    with Postgres(tmp_path / "postgres", parameters={"fsync": "off"}) as postgres:
        upgrade(postgres.url)
        environment = {
            "VRELOCATE_DATABASE_URL": postgres.url,
            "VRELOCATE_REDIS_URL": "redis://127.0.0.1:1/0",
            "VRELOCATE_MASTER_KEY": Fernet.generate_key().decode(),
        }
        with configured(environment), transaction() as session:
            key, secret = create_key(session, "operator")
        api = start_api(environment)
        client = CloudStack(endpoint=api.url, key=key.key, secret=secret)
        assert client.listZones() == {}

        postgres.stop()
        with pytest.raises(CloudStackApiException) as refused:
            client.listZones()
        assert refused.value.response.status_code == 503
        assert refused.value.response.headers["Retry-After"] == "5"
        assert refused.value.error["errorcode"] == 503
        assert "the database does not answer" in refused.value.error["errortext"]
        ill = httpx.get(f"{api.root}/healthz", trust_env=False)
        assert (ill.status_code, ill.headers["Retry-After"]) == (503, "5")
        assert ill.json()["status"] == "unavailable"
        assert "the database does not answer" in ill.json()["reason"]

        postgres.start()
        assert client.listZones() == {}
        assert httpx.get(f"{api.root}/healthz", trust_env=False).status_code == 200
        assert "Traceback" not in "".join(api.log)
