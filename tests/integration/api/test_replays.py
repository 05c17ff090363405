"""A signed request that expires changes something once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from types import SimpleNamespace
from uuid import UUID, uuid4

import httpx
import pytest
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.access.models import UsedSignature
from app.access.replays import USED
from app.access.signature import sign
from app.db import utc_now
from app.inventory.models import StoragePool
from app.jobs.models import Job
from tests.running.jobs import remove_jobs

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("inside")]

Signed = Callable[..., dict[str, str]]
_COUNT = iter(range(1, 1000))


@pytest.fixture
def signed(keys: dict[str, tuple[str, str]]) -> Signed:
    """Sign a request that expires, at a time that no other one has."""

    def request(command: str, **parameters: str) -> dict[str, str]:
        key, secret = keys["admin"]
        expires = utc_now() + timedelta(hours=2, seconds=next(_COUNT))
        made = {
            "apikey": key, "command": command, "response": "json", "signatureversion": "3",
            "expires": f"{expires:%Y-%m-%dT%H:%M:%S}+0000", **parameters,
        }  # fmt: skip
        return {**made, "signature": sign(made, secret)}

    return request


@pytest.fixture
def send(api: SimpleNamespace) -> Callable[[dict[str, str]], httpx.Response]:
    return lambda request: httpx.post(api.url, data=request, timeout=30, trust_env=False)


Send = Callable[[dict[str, str]], httpx.Response]


def text(answer: httpx.Response) -> str:
    [content] = answer.json().values()
    return str(content["errortext"])


@pytest.fixture
def _no_jobs(session: Session) -> Iterator[None]:
    remove_jobs(session)
    yield
    session.rollback()
    remove_jobs(session)


@pytest.mark.usefixtures("_no_jobs")
def test_a_migration_is_not_made_again_when_its_job_is_over(
    signed: Signed, send: Send, landscape: SimpleNamespace, session: Session
) -> None:
    request = signed("migrateVolume", volumeid=str(landscape.loose.id), storageid=str(landscape.new.id))
    job = send(request).json()["migratevolumeresponse"]["jobid"]
    again = send(request)
    assert (again.status_code, job in text(again)) == (536, True), "while the job lives, it is named"
    remove_jobs(session)
    replayed = send(request)
    assert (replayed.status_code, text(replayed), replayed.headers["x-description"]) == (401, USED, USED)
    # The signed text is in lower case: what differs in that alone is the same request.
    louder = {**request, "volumeid": request["volumeid"].upper()}
    assert (send(louder).status_code, text(send(louder))) == (401, USED)
    assert session.scalar(select(func.count()).select_from(Job)) == 0
    session.rollback()
    anew = signed("migrateVolume", volumeid=str(landscape.loose.id), storageid=str(landscape.new.id))
    assert send(anew).status_code == 200


@pytest.mark.usefixtures("_no_jobs")
def test_with_a_job_id_of_the_clients_it_stays_one_job(signed: Signed, send: Send, landscape: SimpleNamespace) -> None:
    wanted = {"volumeid": str(landscape.loose.id), "storageid": str(landscape.new.id), "customjobid": str(uuid4())}
    request = signed("migrateVolume", **wanted)
    assert {send(request).json()["migratevolumeresponse"]["jobid"] for _ in range(3)} == {wanted["customjobid"]}


def test_an_older_change_is_not_brought_back(
    signed: Signed, send: Send, landscape: SimpleNamespace, session: Session
) -> None:
    pool = str(landscape.wide.id)
    older, newer = (signed("updateStoragePool", id=pool, tags=tags) for tags in ("older", "newer"))
    try:
        assert [send(it).status_code for it in (older, newer, older, newer)] == [200, 200, 401, 401]
        assert session.get_one(StoragePool, UUID(pool), populate_existing=True).own_tags == ["newer"]
    finally:
        session.rollback()
        assert send(signed("updateStoragePool", id=pool, tags="")).status_code == 200


def test_of_many_at_once_one_is_carried_out(signed: Signed, send: Send) -> None:
    request = signed("createDiskOffering", name=f"o {uuid4()}", displaytext="x")
    with ThreadPoolExecutor(6) as pool:
        codes = sorted(answer.status_code for answer in pool.map(send, [request] * 6))
    assert codes[0] == 200
    assert set(codes[1:]) <= {401, 431}, "431: the name is taken, by the one that was carried out"


@pytest.mark.usefixtures("_no_jobs")
def test_what_was_refused_may_be_sent_again(
    signed: Signed, send: Send, landscape: SimpleNamespace, session: Session
) -> None:
    wanted = {"volumeid": str(landscape.loose.id), "storageid": str(landscape.new.id)}
    assert send(signed("migrateVolume", **wanted)).status_code == 200
    refused = signed("migrateVolume", **wanted)
    assert [send(refused).status_code for _ in range(2)] == [536, 536]
    remove_jobs(session)
    assert [send(refused).status_code for _ in range(2)] == [200, 536]


def test_looking_may_be_repeated(signed: Signed, send: Send) -> None:
    request = signed("listZones")
    assert [send(request).status_code for _ in range(3)] == [200] * 3


def test_what_cannot_be_used_any_more_is_forgotten(
    signed: Signed, send: Send, landscape: SimpleNamespace, session: Session
) -> None:
    session.add_all(
        UsedSignature(signature_hash=uuid4().bytes, expires_at=utc_now() - timedelta(days=1)) for _ in range(3)
    )
    session.commit()
    lapsed = select(func.count()).select_from(UsedSignature).where(UsedSignature.expires_at < func.now())
    assert session.scalar(lapsed) == 3
    session.rollback()
    request = signed("updateStoragePool", id=str(landscape.wide.id), tags="")
    answers = [send(request).status_code for _ in range(2)]
    assert session.scalar(lapsed) == 0
    assert answers == [200, 401]
