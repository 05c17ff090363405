"""Migrations as clients ask for them: by volume, with a format, with or without the home; spellings and refusals."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from types import SimpleNamespace
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest
from cs import CloudStack, CloudStackApiException
from defusedxml.ElementTree import fromstring
from sqlalchemy.orm import Session

from app.jobs.models import Job
from app.migration.requests import MigrateVirtualMachine, MigrateVolume, request_from_json
from app.vsphere.facts import DiskFormat
from tests.running.jobs import remove_jobs

pytestmark = pytest.mark.integration

UNKNOWN = "6a1f0c7e-2b7d-4f43-9d0a-5b8c1e2f3a4d"
COMMAND = "migrateVirtualMachineWithVolume"
LASTS = {"get": timedelta(minutes=10), "post": timedelta(minutes=20)}
"""For both not to be the same request: that is carried out once."""
Call = Callable[..., httpx.Response]
Accepted = Callable[[str], Any]


@pytest.fixture
def accepted(session: Session) -> Iterator[Accepted]:
    """Return what a job was asked for; each of these jobs is gone afterwards, for the next one on the same VM."""
    jobs: list[UUID] = []

    def request_of(job_id: str) -> MigrateVirtualMachine | MigrateVolume:
        jobs.append(UUID(job_id))
        job = session.get_one(Job, UUID(job_id))
        return request_from_json(job.payload)

    yield request_of
    remove_jobs(session, jobs)


@pytest.mark.parametrize("method", ["get", "post"])
def test_cs_sends_each_volume_to_its_pool(
    api: Any,  # noqa: ANN401  # conftest's class
    keys: dict[str, tuple[str, str]],
    landscape: SimpleNamespace,
    accepted: Accepted,
    method: str,
) -> None:
    key, secret = keys["operator"]
    client = CloudStack(endpoint=api.url, key=key, secret=secret, method=method, expiration=LASTS[method])
    job = client.migrateVirtualMachineWithVolume(
        virtualmachineid=str(landscape.web.id),
        migrateto=[
            {"volume": str(landscape.web_root.id), "pool": str(landscape.new.id)},
            {"volume": str(landscape.web_data.id), "pool": str(landscape.wide.id)},
        ],
    )
    shown = client.queryAsyncJobResult(jobid=job["jobid"])
    assert (shown["cmd"], shown["jobinstancetype"]) == (COMMAND, "VirtualMachine")
    assert accepted(job["jobid"]) == MigrateVirtualMachine(
        vm_id=landscape.web.id,
        volumes={landscape.web_root.id: landscape.new.id, landscape.web_data.id: landscape.wide.id},
    )


@pytest.mark.parametrize(
    ("volume", "pool"),
    [
        ("migrateto[0].volume", "migrateto[0].pool"),
        ("migrateto[7].key", "migrateto[7].value"),  # cloudstack-go: a map of which its generator knows nothing better
        ("migrateTo[0].Volume", "MIGRATETO[0].POOL"),
    ],
)
def test_every_spelling_that_clients_send(
    call: Call, landscape: SimpleNamespace, accepted: Accepted, volume: str, pool: str
) -> None:
    ids = {volume: str(landscape.web_data.id), pool: str(landscape.new.id)}
    response = call("POST", command=COMMAND, virtualmachineid=str(landscape.web.id), response="json", **ids)
    assert response.status_code == 200, response.text
    request = accepted(response.json()["migratevirtualmachinewithvolumeresponse"]["jobid"])
    assert request.volumes == {landscape.web_data.id: landscape.new.id}


def test_the_rest_may_go_elsewhere_be_converted_and_leave_the_home(
    client: CloudStack, landscape: SimpleNamespace, accepted: Accepted
) -> None:
    job = client.migrateVirtualMachineWithVolume(
        virtualmachineid=str(landscape.web.id),
        migrateto={"volume": str(landscape.web_data.id), "pool": str(landscape.new.id)},
        storageid=str(landscape.wide.id),
        provisioningtype="sparse",
        movehome=False,
    )
    assert accepted(job["jobid"]) == MigrateVirtualMachine(
        vm_id=landscape.web.id,
        pool_id=landscape.wide.id,
        volumes={landscape.web_data.id: landscape.new.id},
        format=DiskFormat.THICK,
        with_home=False,
    )


def test_the_older_commands_convert_too(client: CloudStack, landscape: SimpleNamespace, accepted: Accepted) -> None:
    asked = {"storageid": str(landscape.new.id), "provisioningtype": "fat", "movehome": True}
    vm = client.migrateVirtualMachine(virtualmachineid=str(landscape.web.id), **asked)
    request = accepted(vm["jobid"])
    assert (request.format, request.with_home, request.volumes) == (DiskFormat.EAGER, True, {})
    volume = client.migrateVolume(volumeid=str(landscape.loose.id), **asked)
    assert accepted(volume["jobid"]) == MigrateVolume(
        volume_id=landscape.loose.id, pool_id=landscape.new.id, format=DiskFormat.EAGER, with_home=True
    )


@pytest.mark.parametrize("role", ["admin", "operator"])
def test_a_volume_may_take_another_offering(
    client_as: Callable[[str], CloudStack], landscape: SimpleNamespace, accepted: Accepted, role: str
) -> None:
    """Operators too, who may change no offering itself: what volumes are of is their users' business in CloudStack."""
    asked = {"volumeid": str(landscape.web_data.id), "storageid": str(landscape.new.id)}
    job = client_as(role).migrateVolume(**asked, newdiskofferingid=str(landscape.gold.id))
    assert accepted(job["jobid"]) == MigrateVolume(
        volume_id=landscape.web_data.id, pool_id=landscape.new.id, offering_id=landscape.gold.id
    )
    (volume,) = client_as(role).listVolumes(id=asked["volumeid"])["volume"]
    assert "diskofferingid" not in volume, "it takes it when it is on its target"


@pytest.mark.parametrize("command", ["migrateVolume", "checkMigration"])
@pytest.mark.parametrize("form", ["json", "xml"])
def test_an_unknown_offering_is_refused_before_there_is_a_job(
    call: Call, client: CloudStack, landscape: SimpleNamespace, command: str, form: str
) -> None:
    jobs = client.listAsyncJobs()
    asked = {"volumeid": str(landscape.loose.id), "storageid": str(landscape.new.id), "newdiskofferingid": UNKNOWN}
    response = call(command=command, response=form, **asked)
    assert response.status_code == 431
    assert f"Invalid parameter newdiskofferingid value={UNKNOWN}" in response.text
    assert client.listAsyncJobs() == jobs


def test_the_same_job_id_with_another_offering_is_refused(
    client: CloudStack, landscape: SimpleNamespace, accepted: Accepted
) -> None:
    asked = {"volumeid": str(landscape.loose.id), "storageid": str(landscape.new.id), "customjobid": str(uuid4())}
    job = client.migrateVolume(**asked, newdiskofferingid=str(landscape.gold.id))
    assert accepted(job["jobid"]).offering_id == landscape.gold.id
    assert client.migrateVolume(**asked, newdiskofferingid=str(landscape.gold.id)) == job
    with pytest.raises(CloudStackApiException, match="belongs to another request"):
        client.migrateVolume(**asked)


@pytest.mark.parametrize(
    ("fields", "code", "text"),
    [
        ({}, 431, "migrateto must be passed for migrating the VM"),
        ({"migrateto[0].volume": "web_data"}, 431, "due to missing parameter migrateto[0].pool"),
        ({"migrateto[3].pool": "new"}, 431, "due to missing parameter migrateto[3].volume"),
        ({"migrateto[0].volume": "", "migrateto[0].pool": "new"}, 431, "missing parameter migrateto[0].volume"),
        (
            {"migrateto[0].volume": UNKNOWN, "migrateto[0].pool": "new"},
            431,
            "There is no volume present with the given",
        ),
        ({"migrateto[0].volume": "x", "migrateto[0].pool": "new"}, 431, "no volume present with the given id x"),
        ({"migrateto[0].volume": "web_data", "migrateto[0].pool": UNKNOWN}, 431, "There is no storage pool present"),
        ({"migrateto[0].volume": "web_data", "migrateto[0].pool": "web_data"}, 431, "no storage pool present with"),
        ({"migrateto[0].volume": "db_root", "migrateto[0].pool": "new"}, 431, "is not attached to VM web-1"),
        ({"migrateto[0].volume": "gone", "migrateto[0].pool": "new"}, 431, "is not attached to VM web-1"),
        ({"migrateto": "web_data:new"}, 431, "for parameter migrateto"),
        ({"migrateto[0]": "new"}, 430, "Unable to decode parameter migrateto[0]; if specifying an object array"),
        ({"migrateto[0].volume": "web_data", "migrateto[00].volume": "web_root"}, 430, "Unable to decode"),
        ({"hostid": "esx2", "migrateto[0].volume": "web_data", "migrateto[0].pool": "new"}, 431, "leave hostid out"),
        (
            {
                f"migrateto[{n}].{half}": value
                for n in (0, 1)
                for half, value in {"volume": "web_data", "pool": "new"}.items()
            },
            431,
            "is in migrateto more than once: name one pool for it",
        ),
        (
            {"migrateto[0].volume": "web_data", "migrateto[0].pool": "new", "provisioningtype": "thick"},
            431,
            "due to invalid value thick for parameter provisioningtype",
        ),
    ],
)
def test_what_cannot_be_meant(
    call: Call, landscape: SimpleNamespace, fields: dict[str, str], code: int, text: str
) -> None:
    given = {name: str(getattr(getattr(landscape, value, value), "id", value)) for name, value in fields.items()}
    response = call("POST", command=COMMAND, virtualmachineid=str(landscape.web.id), response="json", **given)
    content = response.json()["migratevirtualmachinewithvolumeresponse"]
    assert (response.status_code, content["errorcode"]) == (code, code)
    assert text in content["errortext"]


def test_a_changed_half_breaks_the_signature(api: Any, call: Call, landscape: SimpleNamespace) -> None:  # noqa: ANN401
    volume, pool = str(landscape.web_data.id), str(landscape.new.id)
    fields = {"migrateto[0].volume": volume, "migrateto[0].pool": pool}
    sent = call(command=COMMAND, virtualmachineid=str(uuid4()), **fields).request.url.params
    changed = {**dict(sent), "migrateto[0].pool": str(landscape.wide.id)}
    assert httpx.get(api.url, params=dict(sent), trust_env=False).status_code == 431, "the VM is unknown"
    assert httpx.get(api.url, params=changed, trust_env=False).status_code == 401


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ({}, "Exactly one of volumeid and virtualmachineid must be specified"),
        ({"volumeid": "loose", "virtualmachineid": "web"}, "Exactly one of volumeid and virtualmachineid"),
        ({"volumeid": "loose"}, "Unable to execute API command checkmigration due to missing parameter storageid"),
        (
            {"volumeid": "loose", "migrateto[0].volume": "loose", "migrateto[0].pool": "new"},
            "migrateto is for the volumes",
        ),
        ({"virtualmachineid": "web"}, "nothing is to go anywhere: name a storage pool"),
        (
            {"virtualmachineid": "web", "storageid": "new", "newdiskofferingid": "gold"},
            "newdiskofferingid is for one volume: specify it with volumeid",
        ),
        ({"virtualmachineid": UNKNOWN, "storageid": "new"}, "Invalid parameter virtualmachineid"),
    ],
)
def test_a_check_of_what_cannot_be_meant(
    call: Call, landscape: SimpleNamespace, asked: dict[str, str], text: str
) -> None:
    given = {name: str(getattr(getattr(landscape, value, value), "id", value)) for name, value in asked.items()}
    response = call(command="checkMigration", response="json", role="read-only", **given)
    assert response.status_code == 431
    assert text in response.json()["checkmigrationresponse"]["errortext"]


def test_a_read_only_key_migrates_nothing(client_as: Callable[[str], CloudStack], landscape: SimpleNamespace) -> None:
    with pytest.raises(CloudStackApiException) as refused:
        client_as("read-only").migrateVirtualMachineWithVolume(virtualmachineid=str(landscape.web.id))
    assert refused.value.error["errorcode"] == 531


def test_pools_tell_every_objection_in_both_formats(call: Call, landscape: SimpleNamespace) -> None:
    asked = {"command": "findStoragePoolsForMigration", "id": str(landscape.loose.id)}
    pools = call(response="json", **asked).json()["findstoragepoolsformigrationresponse"]["storagepool"]
    objections = {pool["name"]: pool.get("objections", []) for pool in pools}
    assert objections["new"] == []
    assert {objection["severity"] for objection in objections["far"]} == {"refuses"}
    assert {"rule", "severity", "found", "todo"} == set(objections["far"][0])
    assert {objection["rule"] for objection in objections["far"]} >= {"tags_fit", "same_cluster"}
    root = fromstring(call(**asked).text)
    rules = {
        pool.findtext("name"): [it.text for it in pool.findall("objections/rule")] for pool in root.iter("storagepool")
    }
    assert "tags_fit" in rules["far"]
