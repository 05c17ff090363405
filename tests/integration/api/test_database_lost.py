"""The database is lost in every way: each call is answered 503 in time, with what to do; what was accepted is there."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4
from xml.etree.ElementTree import fromstring

import httpx
import psycopg
import pytest
from psycopg import sql

from app.access.signature import sign
from app.api.cloudstack.registry import SERVED
from tests.running.toxiproxy import Proxied, running_toxiproxy
from tests.running.waiting import until

pytestmark = pytest.mark.integration

BOUND_SECONDS = 28
"""Clients of CloudStack, our own command line among them, wait for half a minute."""
WAIT_SECONDS = 20
_LOCK = 4711

Call = Callable[..., httpx.Response]


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory, database_url: str) -> Iterator[Proxied]:
    """The way from the API to its database."""
    port = urlsplit(database_url).port
    assert port
    with running_toxiproxy(tmp_path_factory.mktemp("toxiproxy")) as toxiproxy:
        yield toxiproxy.proxy("postgres", port)


@pytest.fixture(scope="module")
def api_behind(
    proxied: Proxied, environment: dict[str, str], database_url: str, keys: object
) -> Iterator[Any]:  # conftest's class
    from tests.integration.api.conftest import ApiProcess  # noqa: PLC0415  # a conftest is no module for others

    assert keys
    behind = database_url.replace(f":{urlsplit(database_url).port}/", f":{proxied.port}/")
    process = ApiProcess({**environment, "VRELOCATE_DATABASE_URL": behind})
    yield process
    process.kill()


@pytest.fixture
def call(api_behind: Any, keys: dict[str, tuple[str, str]]) -> Call:  # noqa: ANN401  # conftest's class
    def send(command: str, **parameters: str) -> httpx.Response:
        key, secret = keys["admin"]
        request = {"apikey": key, "command": command, "response": "json", **parameters}
        request["signature"] = sign(request, secret)
        return httpx.post(api_behind.url, data=request, timeout=60, trust_env=False)

    return send


@pytest.fixture(autouse=True)
def _let_through_again(proxied: Proxied, call: Call, database_url: str) -> Iterator[None]:
    """Each test begins with an API that has connections, and leaves no job to others."""
    assert call("listZones").status_code == 200
    yield
    proxied.proxy.reset()
    with psycopg.connect(database_url) as connection:
        connection.execute("DELETE FROM job_event")
        connection.execute("DELETE FROM job")


def unavailable(answer: httpx.Response) -> str:
    """Return the text of an answer that says in CloudStack's envelope that the database is not there."""
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    if answer.headers["Content-Type"].startswith("application/json"):
        [content] = answer.json().values()
    else:
        content = {element.tag: element.text for element in fromstring(answer.text)}  # noqa: S314  # our own
    assert (int(content["errorcode"]), int(content["cserrorcode"])) == (503, 4380)
    assert content["errortext"] == answer.headers["X-Description"]
    return str(content["errortext"])


GIVEN = {"login": {"username": "the admin", "password": "x"}}
"""What is refused before the database is asked, if it is not given."""


@pytest.mark.parametrize("form", ["json", "xml"])
def test_every_command_says_that_the_database_is_away(call: Call, proxied: Proxied, form: str) -> None:
    with proxied.refused(), ThreadPoolExecutor(5) as pool:
        answers = list(pool.map(lambda command: call(command, response=form, **GIVEN.get(command, {})), SERVED))
    assert {unavailable(answer) for answer in answers} == {
        "the database does not answer: try again when PostgreSQL is back"
    }


@pytest.mark.parametrize("stream", ["upstream", "downstream"])
def test_a_half_open_connection_holds_nobody_for_long(
    call: Call,
    proxied: Proxied,
    api_behind: Any,  # noqa: ANN401  # conftest's class
    stream: str,
) -> None:
    """More calls than there are threads for them, and all of them are answered in time."""
    began = time.monotonic()
    with proxied.swallowed(stream), ThreadPoolExecutor(30) as pool:
        calls = [pool.submit(call, "queryAsyncJobResult", jobid=str(uuid4())) for _ in range(29)]
        alive = pool.submit(httpx.get, f"{api_behind.root}/healthz", timeout=60, trust_env=False)
        texts = {unavailable(answered.result()) for answered in calls}
        assert alive.result().status_code == 503
        took = time.monotonic() - began
    assert texts <= {
        "the database does not answer: try again when PostgreSQL is back",
        "too many calls wait for the database: try again in a moment",
    }
    assert took < BOUND_SECONDS
    assert call("listZones").status_code == 200


# -- the commit is on its way when the connection is lost --------------------------------------------------------------


@contextmanager
def held_back(database_url: str) -> Iterator[tuple[psycopg.Connection[Any], Callable[[], None]]]:
    """Let commits of new jobs wait inside PostgreSQL; yields a connection to look, and what lets them go on."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            sql.SQL(
                """
                CREATE FUNCTION wait_in_commit() RETURNS trigger LANGUAGE plpgsql AS
                $$ BEGIN PERFORM pg_advisory_xact_lock_shared({}); RETURN NULL; END $$
                """
            ).format(_LOCK)
        )
        connection.execute(
            "CREATE CONSTRAINT TRIGGER wait_in_commit AFTER INSERT ON job DEFERRABLE INITIALLY DEFERRED "
            "FOR EACH ROW EXECUTE FUNCTION wait_in_commit()"
        )
        connection.execute("SELECT pg_advisory_lock(%s)", [_LOCK])
        released = threading.Event()

        def release() -> None:
            if not released.is_set():
                released.set()
                connection.execute("SELECT pg_advisory_unlock(%s)", [_LOCK])

        try:
            yield connection, release
        finally:
            release()
            connection.execute("DROP FUNCTION wait_in_commit CASCADE")


def commits(connection: psycopg.Connection[Any]) -> bool:
    """Say whether somebody's commit waits."""
    waiting = "SELECT FROM pg_stat_activity WHERE wait_event = 'advisory' AND query = 'COMMIT'"
    return connection.execute(waiting).fetchone() is not None


def jobs_about(connection: psycopg.Connection[Any], volume: object) -> list[str]:
    found = connection.execute("SELECT id FROM job WHERE resource_id = %s AND state = 'queued'", [volume])
    return [str(id_) for (id_,) in found]


def test_a_commit_whose_answer_was_lost_is_looked_up(
    call: Call, proxied: Proxied, database_url: str, landscape: SimpleNamespace
) -> None:
    """The database is back in a moment: the client never learns of it."""
    wish = {"volumeid": str(landscape.loose.id), "storageid": str(landscape.new.id)}
    with held_back(database_url) as (connection, release), ThreadPoolExecutor(1) as pool:
        asked = pool.submit(call, "migrateVolume", **wish)
        until(lambda: commits(connection), WAIT_SECONDS, "the commit is on its way")
        with proxied.refused():
            release()
            about = landscape.loose.id
            until(lambda: jobs_about(connection, about) != [], WAIT_SECONDS, "it was written down")
        answer = asked.result(WAIT_SECONDS)
        assert answer.status_code == 200, answer.text
        assert jobs_about(connection, landscape.loose.id) == [answer.json()["migratevolumeresponse"]["jobid"]]


def test_a_commit_of_which_nobody_knows_is_told_and_can_be_repeated(
    call: Call, proxied: Proxied, database_url: str, landscape: SimpleNamespace
) -> None:
    job_id = str(uuid4())
    wish = {"volumeid": str(landscape.web_data.id), "storageid": str(landscape.new.id)}
    with held_back(database_url) as (connection, release), ThreadPoolExecutor(1) as pool:
        asked: Future[httpx.Response] = pool.submit(call, "migrateVolume", customjobid=job_id, **wish)
        until(lambda: commits(connection), WAIT_SECONDS, "the commit is on its way")
        proxied.down()
        text = unavailable(asked.result(BOUND_SECONDS))
        assert "nobody knows whether it was" in text
        assert "customjobid" in text
        release()
        until(lambda: jobs_about(connection, landscape.web_data.id) == [job_id], WAIT_SECONDS, "it was written down")

        proxied.up()
        again = call("migrateVolume", customjobid=job_id, **wish)
        assert again.json() == {"migratevolumeresponse": {"jobid": job_id}}
        without = call("migrateVolume", **wish)
        assert without.status_code == 536
        assert job_id in json.dumps(without.json())
        assert jobs_about(connection, landscape.web_data.id) == [job_id]


# -- it answers, and cannot write --------------------------------------------------------------------------------------


@contextmanager
def refusing(database_url: str, sqlstate: str) -> Iterator[None]:
    """Let PostgreSQL refuse every new job with an error that is hard to have for real."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(
            sql.SQL(
                "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = {}; END $$"
            ).format(sqlstate)
        )
        connection.execute("CREATE TRIGGER refuse BEFORE INSERT ON job FOR EACH ROW EXECUTE FUNCTION refuse()")
        try:
            yield
        finally:
            connection.execute("DROP FUNCTION refuse CASCADE")


@pytest.mark.parametrize(
    ("sqlstate", "text"),
    [
        ("53100", "the database's disk is full, so nothing can be written down: make room, then try again"),
        ("58030", "the database cannot read or write its files: see PostgreSQL's log, then try again"),
        ("40P01", "the database is busy: try again in a moment"),
    ],
)
def test_what_cannot_be_written_is_not_accepted(
    call: Call, database_url: str, landscape: SimpleNamespace, sqlstate: str, text: str
) -> None:
    with refusing(database_url, sqlstate):
        answer = call("migrateVolume", volumeid=str(landscape.spare.id), storageid=str(landscape.new.id))
    assert unavailable(answer) == text


def test_a_standby_accepts_nothing_and_its_successor_is_found(
    call: Call, database_url: str, landscape: SimpleNamespace
) -> None:
    """New connections lead to the new primary; the old ones must not be kept."""
    name = sql.Identifier(urlsplit(database_url).path.lstrip("/"))
    wish = {"volumeid": str(landscape.spare.id), "storageid": str(landscape.new.id)}
    with psycopg.connect(database_url, autocommit=True) as connection:
        terminate = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'vrelocate'"
        connection.execute(sql.SQL("ALTER DATABASE {} SET default_transaction_read_only = on").format(name))
        try:
            connection.execute(terminate)
            text = unavailable(call("migrateVolume", **wish))
        finally:
            connection.execute("SET default_transaction_read_only = off")
            connection.execute(sql.SQL("ALTER DATABASE {} RESET default_transaction_read_only").format(name))
    assert text == "the database is read-only, a standby perhaps: try again when there is a primary"
    # The sessions that were read-only would be so until somebody closes them.
    assert call("migrateVolume", **wish).status_code == 200
