"""Keys that are limited to zones: of other zones they learn nothing and change nothing, whatever they call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from cs import CloudStack, CloudStackApiException
from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from app.access.keys import create_key
from app.access.models import ApiKey
from app.access.roles import Role
from app.access.signature import sign
from app.access.tokens import create_token
from app.api.cloudstack.pods import Pod
from app.api.cloudstack.registry import SERVED
from app.errors import InvalidParameter
from app.inventory.models import Zone
from app.jobs.models import Job, JobEvent
from tests.running.jobs import remove_jobs

# ruff: noqa: PLR0917  # fixtures have names

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("inside")]

RestAs = Callable[..., httpx.Client]
SHARED = ("gold",)
"""What belongs to no zone."""


class Limited(SimpleNamespace):
    """A key with a token, limited to one zone."""

    zone_id: UUID
    key: str
    secret: str
    token: str
    id: UUID

    def cs(self, api: SimpleNamespace) -> CloudStack:
        return CloudStack(endpoint=api.url, key=self.key, secret=self.secret)


@pytest.fixture
def limited(session: Session) -> Callable[..., Limited]:
    """Make keys that are limited to a zone."""

    def make(zone_id: UUID, role: Role = Role.OPERATOR) -> Limited:
        key, secret = create_key(session, f"limited {uuid4()}", role, [zone_id])
        _, token = create_token(session, key.name)
        session.commit()
        return Limited(zone_id=zone_id, key=key.key, secret=secret, token=token, id=key.id)

    return make


@pytest.fixture
def elsewhere(limited: Callable[..., Limited]) -> Limited:
    """An operator of a zone in which nothing is."""
    return limited(uuid4())


@pytest.fixture
def ids(job_id: str, landscape: SimpleNamespace, session: Session) -> dict[str, str]:
    """What stands in for parameters of paths: all of it is in the one zone that there is."""
    key = session.scalars(select(ApiKey).where(ApiKey.name == "the admin")).one()
    found = {"job_id": job_id, "key_id": str(key.id), "token_id": str(uuid4())}
    session.rollback()
    names = {
        "zone_id": "zone", "cluster_id": "east", "host_id": "esx1", "pool_id": "new", "virtual_machine_id": "web",
        "volume_id": "loose", "offering_id": "gold", "vcenter_id": "vcenter",
    }  # fmt: skip
    return found | {parameter: str(getattr(landscape, name).id) for parameter, name in names.items()}


@pytest.fixture
def told_of(landscape: SimpleNamespace, ids: dict[str, str]) -> set[str]:
    """Every id, and the names that are nothing else's, of what is in the zone, and of who works there."""
    things = [thing for name, thing in vars(landscape).items() if name not in SHARED]
    found = {str(thing.id) for thing in [*things, Pod(landscape.zone)]} | {ids["job_id"], ids["key_id"]}
    return found | {thing.name for thing in things if thing.name not in {"new", "old", "local"}} | {"the admin"}


def leaves(value: object) -> Iterator[str]:
    """Return every text in a JSON value."""
    match value:
        case dict():
            for inner in value.values():
                yield from leaves(inner)
        case list():
            for inner in value:
                yield from leaves(inner)
        case str():
            yield value


def state_of(session: Session) -> tuple[object, ...]:
    """Return what a change would change."""
    jobs = session.execute(select(Job.id, Job.state, Job.stop_wish, Job.updated_at).order_by(Job.id)).all()
    lines = session.scalar(select(func.count()).select_from(JobEvent))
    keys = session.scalar(select(func.count()).select_from(ApiKey))
    session.rollback()
    return jobs, lines, keys


def body_of(path: str, ids: dict[str, str]) -> Any:  # noqa: ANN401  # whatever JSON holds
    if "/migrations" in path:
        return {"move": {"kind": "volume", "volume_id": ids["volume_id"], "pool_id": ids["pool_id"]}}
    return (
        {"tags": []} if "{pool_id}" in path else {"offering_id": ids["offering_id"]} if "{volume_id}" in path else None
    )


def test_no_operation_tells_of_another_zone_or_changes_it(
    rest_as: RestAs, elsewhere: Limited, ids: dict[str, str], told_of: set[str], session: Session
) -> None:
    client = rest_as(token=elsewhere.token)
    before = state_of(session)
    paths = client.get("/openapi.json").json()["paths"]
    served = [(method, path) for path, methods in paths.items() for method in methods]
    for method, path in served:
        answer = client.request(method, path.format_map(ids), json=body_of(path, ids))
        sent = {ids[name] for name in ids if f"{{{name}}}" in path}
        about_it = bool(sent - {ids["offering_id"]}) or "/migrations" in path
        allowed = {404, 403} if about_it else {200} if method == "get" else {403}
        assert answer.status_code in allowed, (method, path, answer.text)
        if answer.status_code == 200 and answer.headers["content-type"] == "application/json" and "openapi" not in path:
            assert not told_of.intersection(leaves(answer.json())), (method, path)
        elif answer.status_code == 200:
            assert not [it for it in told_of if it in answer.text], (method, path)
    assert state_of(session) == before


def test_no_command_tells_of_another_zone_or_changes_it(
    api: SimpleNamespace, elsewhere: Limited, ids: dict[str, str], landscape: SimpleNamespace, told_of: set[str],
    session: Session,
) -> None:  # fmt: skip
    kinds = {type(thing): thing for name, thing in vars(landscape).items() if name != "gone"} | {
        Pod: Pod(landscape.zone)
    }
    kinds |= {type(it): it for it in (landscape.loose, landscape.new)}
    before = state_of(session)

    def call(command: str, **parameters: str) -> httpx.Response:
        request = {"apikey": elsewhere.key, "command": command, "response": "json", **parameters}
        request["signature"] = sign(request, elsewhere.secret)
        return httpx.get(api.url, params=request, timeout=30, trust_env=False)

    for name, served in SERVED.items():
        given = {it.name: str(kinds[it.entity].id) for it in served.parameters if it.entity in kinds}
        given |= {"jobid": ids["job_id"]} if any(it.name == "jobid" for it in served.parameters) else {}
        for sent in ({}, given):
            answer = call(name, **sent)
            assert answer.status_code in {200, 431, 531}, (name, answer.text)
            found = told_of.intersection(leaves(answer.json()))
            assert not found - set(sent.values()), (name, found)
            if sent and answer.status_code == 200:
                # A list that was narrowed to what there is not; or about a thing that all zones share.
                assert not found, (name, found)
    assert state_of(session) == before


def test_in_its_own_zone_it_sees_what_everybody_sees(
    api: SimpleNamespace, client: CloudStack, rest: httpx.Client, rest_as: RestAs, limited: Callable[..., Limited],
    landscape: SimpleNamespace, job_id: str,
) -> None:  # fmt: skip
    mine = limited(landscape.zone.id)
    for path in ("/zones", "/clusters", "/hosts", "/pools", "/virtual-machines", "/volumes", "/vcenters", "/offerings"):
        assert rest_as(token=mine.token).get(path).json() == rest.get(path).json(), path
    for command in ("listZones", "listPods", "listClusters", "listHosts", "listStoragePools", "listVolumes",
                    "listVirtualMachines", "listStorageTags"):  # fmt: skip
        seen = getattr(mine.cs(api), command)()
        assert seen == getattr(client, command)(), command
        assert seen["count"] > 0, command
    assert rest_as(token=mine.token).post(f"/jobs/{job_id}/cancel").status_code == 202


def test_in_its_own_zone_it_migrates(
    api: SimpleNamespace, limited: Callable[..., Limited], landscape: SimpleNamespace, session: Session
) -> None:
    client = limited(landscape.zone.id).cs(api)
    to = {"storageid": str(landscape.new.id)}
    jobs = [
        client.migrateVolume(volumeid=str(landscape.loose.id), **to)["jobid"],
        client.migrateVirtualMachine(virtualmachineid=str(landscape.web.id), **to)["jobid"],
    ]
    try:
        with pytest.raises(CloudStackApiException, match=jobs[0]):
            client.migrateVolume(volumeid=str(landscape.loose.id), storageid=str(landscape.far.id))
        assert {job["jobid"] for job in client.listAsyncJobs()["asyncjobs"]} >= set(jobs)
        assert [client.queryAsyncJobResult(jobid=job)["jobstatus"] for job in jobs] == [0, 0]
        assert [client.cancelAsyncJob(jobid=job)["state"] for job in jobs] == ["cancelled"] * 2
        assert client.retryAsyncJob(jobid=jobs[0])["state"] == "queued"
    finally:
        remove_jobs(session, jobs)


@pytest.fixture
def both(landscape: SimpleNamespace, session: Session, job_id: str) -> Iterator[SimpleNamespace]:
    """A job in the zone, and one in another zone with a line in its history."""
    here = session.get_one(Job, UUID(job_id))
    there = Job(
        command="migrateVolume", subject=f"volume:{uuid4()}", resource_type="Volume", resource_id=uuid4(),
        system_id=landscape.vcenter.id, zone_id=uuid4(), account_id=here.account_id, user_id=here.user_id,
        payload=here.payload, phase="waits", max_attempts=5, rung_at=func.now(),
    )  # fmt: skip
    session.add(there)
    session.flush()
    session.add(JobEvent(job_id=there.id, actor="worker", kind="accepted"))
    found = SimpleNamespace(here=str(here.id), there=str(there.id))
    session.commit()
    yield found
    remove_jobs(session, [found.there])


def test_of_two_jobs_it_knows_one(
    api: SimpleNamespace, rest: httpx.Client, rest_as: RestAs, limited: Callable[..., Limited], both: SimpleNamespace,
    landscape: SimpleNamespace,
) -> None:  # fmt: skip
    mine = limited(landscape.zone.id)
    jobs = mine.cs(api).listAsyncJobs(resourcetype="Volume", jobstatus=0)
    assert (jobs["count"], [job["jobid"] for job in jobs["asyncjobs"]]) == (1, [both.here])
    assert [it["id"] for it in rest_as(token=mine.token).get("/jobs").json()["items"]] == [both.here]
    assert {both.here, both.there} <= {it["id"] for it in rest.get("/jobs").json()["items"]}
    with pytest.raises(CloudStackApiException, match=both.there):
        mine.cs(api).queryAsyncJobResult(jobid=both.there)


def test_the_stream_of_all_jobs_tells_of_its_own(
    rest: httpx.Client, rest_as: RestAs, limited: Callable[..., Limited], both: SimpleNamespace,
    landscape: SimpleNamespace,
) -> None:  # fmt: skip
    mine = limited(landscape.zone.id)
    from_the_beginning = {"Last-Event-ID": "0"}
    told = rest_as(token=mine.token).get("/events", headers=from_the_beginning).text
    assert both.here in told
    assert both.there not in told
    # Somebody limited was first: those who come after are told of everything all the same.
    everything = rest.get("/events", headers=from_the_beginning).text
    assert both.here in everything
    assert both.there in everything
    assert both.there not in rest_as(token=limited(landscape.zone.id).token).get("/events").text


def test_a_job_id_of_another_zone_is_taken_and_nothing_else_is_told(
    api: SimpleNamespace, limited: Callable[..., Limited], both: SimpleNamespace, landscape: SimpleNamespace
) -> None:
    mine = limited(landscape.zone.id)
    with pytest.raises(CloudStackApiException, match="belongs to another request: choose a new one"):
        mine.cs(api).migrateVolume(
            volumeid=str(landscape.spare.id), storageid=str(landscape.new.id), customjobid=both.there
        )


def test_a_pool_of_another_zone_is_none(
    api: SimpleNamespace, limited: Callable[..., Limited], landscape: SimpleNamespace, session: Session
) -> None:
    other = Zone(vcenter_id=landscape.vcenter.id, moref="datacenter-other", name="other")
    session.add(other)
    session.flush()
    landscape.far.zone_id, home = other.id, landscape.far.zone_id
    session.merge(landscape.far)
    session.commit()
    mine = limited(home)
    try:
        pools = {pool["id"] for pool in mine.cs(api).listStoragePools()["storagepool"]}
        assert str(landscape.far.id) not in pools
        with pytest.raises(CloudStackApiException, match="storageid"):
            mine.cs(api).migrateVolume(volumeid=str(landscape.spare.id), storageid=str(landscape.far.id))
        targets = mine.cs(api).findStoragePoolsForMigration(id=str(landscape.spare.id))["storagepool"]
        assert str(landscape.far.id) not in {pool["id"] for pool in targets}
    finally:
        landscape.far.zone_id = home
        session.merge(landscape.far)
        session.flush()
        session.execute(delete(Zone).where(Zone.id == other.id))
        session.commit()


def test_who_can_be_limited(rest: httpx.Client, session: Session, landscape: SimpleNamespace) -> None:
    zone_id = str(landscape.zone.id)
    made = rest.post("/keys", json={"name": f"z {uuid4()}", "role": "operator", "zone_ids": [zone_id]})
    assert (made.status_code, made.json()["zone_ids"]) == (201, [zone_id])
    entry = rest.get("/audit", params={"resource_id": made.json()["id"]}).json()["items"][0]
    assert entry["detail"]["zones"] == [zone_id]
    unlimited = rest.post("/keys", json={"name": f"z {uuid4()}", "role": "operator"})
    assert unlimited.json()["zone_ids"] is None
    for role, zones, status in (("admin", [zone_id], 422), ("operator", [], 422), ("operator", [str(uuid4())], 404)):
        answer = rest.post("/keys", json={"name": f"z {uuid4()}", "role": role, "zone_ids": zones})
        assert answer.status_code == status, answer.text
    with pytest.raises(InvalidParameter, match="needs a zone"):
        create_key(session, f"z {uuid4()}", Role.READ_ONLY, [])


def test_it_knows_itself_and_no_other_key(
    api: SimpleNamespace, rest_as: RestAs, elsewhere: Limited, keys: dict[str, tuple[str, str]]
) -> None:
    client = elsewhere.cs(api)
    assert [it["id"] for it in client.listUsers()["user"]] == [str(elsewhere.id)]
    assert client.getUser(userapikey=elsewhere.key)["user"]["id"] == str(elsewhere.id)
    with pytest.raises(CloudStackApiException, match="does not exist"):
        client.getUser(userapikey=keys["admin"][0])
    items = rest_as(token=elsewhere.token).get("/keys").json()["items"]
    assert [it["id"] for it in items] == [str(elsewhere.id)]
