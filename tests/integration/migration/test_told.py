"""What is told of a migration over the API: what it would do, what it is doing, and where else it could go."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from defusedxml.ElementTree import fromstring
from sqlalchemy import func, select

from app.access.keys import create_key
from app.access.roles import Role
from app.access.signature import sign
from app.api.cloudstack.dispatch import Reply, answer
from app.api.cloudstack.requests import Request
from app.db import transaction
from app.inventory.models import DATASTORE_CLUSTER, StoragePool
from app.jobs.models import Job, JobEvent
from tests.integration import known
from tests.integration.in_turn import InTurn
from tests.integration.migration.steps import NOTHING_TAKEN, Steps, admission

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("steps")]

Send = Callable[..., Reply]
Tell = Callable[..., dict[str, Any]]


@pytest.fixture
def send(steps: Steps) -> Send:
    """Call a command with a key that may only read."""
    assert steps
    with transaction() as session:
        key, secret = create_key(session, "reader", Role.READ_ONLY)
        api_key = key.key

    def signed(command: str, **parameters: str) -> Reply:
        request = {"command": command, "apikey": api_key, **parameters}
        return answer(Request({**request, "signature": sign(request, secret)}))

    return signed


@pytest.fixture
def tell(send: Send) -> Tell:
    """Return the content of a command's JSON."""

    def content(command: str, **parameters: str) -> dict[str, Any]:
        reply = send(command, response="json", **parameters)
        assert reply.status == 200, reply.body
        ((wrapper, told),) = json.loads(reply.body).items()
        assert wrapper == f"{command.lower()}response"
        assert isinstance(told, dict)
        return told

    return content


def by_volume(vm: str, **goals: str) -> dict[str, str]:
    """Return the parameters that send a VM's disks (`disk0`, `disk1`) to pools."""
    fields = {}
    for number, (disk, pool) in enumerate(goals.items()):
        fields[f"migrateto[{number}].volume"] = str(known.disks(vm)[int(disk[-1])].id)
        fields[f"migrateto[{number}].pool"] = str(known.pool(pool).id)
    return {"virtualmachineid": str(known.vm(vm).id), **fields}


def test_what_would_start_is_told_disk_by_disk_and_changes_nothing(tell: Tell, unused: InTurn) -> None:
    vm = unused.vm("pair")
    told = tell("checkMigration", **by_volume(vm, disk1="gold"), provisioningtype="thin")["migration"]
    assert (told["wouldstart"], told["virtualmachine"], told["strategy"]) == (True, vm, "vmware-storage-motion")
    assert told["steps"] == ["relocating"]
    (disk,) = told["disks"]
    assert (disk["from"], disk["to"], disk["format"], disk["targetformat"]) == ("old", "gold", "thick", "thin")
    assert disk["volumeid"] == str(known.disks(vm)[1].id)
    assert "home" not in told, "it stays with ROOT"
    assert told["objections"] == []
    with transaction() as session:
        assert session.scalar(select(func.count()).select_from(Job)) == 0
        assert session.scalar(select(func.count()).select_from(JobEvent)) == 0
    assert admission() == NOTHING_TAKEN


def test_the_home_goes_with_root_or_as_it_is_told(tell: Tell, unused: InTurn) -> None:
    vm = unused.vm("pair")
    root = by_volume(vm, disk0="gold")
    assert tell("checkMigration", **root)["migration"]["home"] == {"from": "old", "to": "gold"}
    assert "home" not in tell("checkMigration", **root, movehome="false")["migration"]


def test_a_refusal_says_what_was_found_and_what_to_do(tell: Tell, send: Send) -> None:
    asked = {"virtualmachineid": str(known.vm("running-01").id), "storageid": str(known.pool("far").id)}
    told = tell("checkMigration", **asked)["migration"]
    assert told["wouldstart"] is False
    rules = {objection["rule"] for objection in told["objections"] if objection["severity"] == "refuses"}
    assert {"vm_is_stopped", "same_cluster"} <= rules
    root = fromstring(send("checkMigration", **asked).body.decode())
    assert root.findtext("migration/wouldstart") == "false"
    assert {it.findtext("rule") for it in root.findall("migration/objections")} >= rules
    assert all(it.findtext("todo") for it in root.findall("migration/objections"))


def test_a_live_job_is_an_objection(tell: Tell, steps: Steps, unused: InTurn) -> None:
    vm = unused.vm()
    job_id = steps.ask_vm(vm, "new")
    asked = {"virtualmachineid": str(known.vm(vm).id), "storageid": str(known.pool("gold").id)}
    (objection,) = tell("checkMigration", **asked)["migration"]["objections"]
    assert objection["rule"] == "no_other_job"
    assert str(job_id) in objection["found"]


def test_a_job_tells_its_steps_and_where_it_is_in_them(tell: Tell, steps: Steps, unused: InTurn) -> None:
    job_id = steps.ask_vm(unused.vm(), "new")
    steps.submit(job_id)

    def told() -> tuple[str, list[dict[str, Any]]]:
        (attempt,) = tell("queryAsyncJobResult", jobid=str(job_id), details="attempts")["attempts"]
        return attempt["strategy"], attempt["steps"]

    strategy, (step,) = told()
    assert (strategy, step["number"], step["doing"]) == ("vmware-storage-motion", 1, "relocating")
    assert step["state"] in {"queued", "running"}
    assert step["task"].startswith("task-")
    steps.watch()
    steps.finish(job_id)
    _, (step,) = told()
    assert (step["state"], step["progress"], step["tries"]) == ("success", 100, 1)
    assert {"began", "ended"} <= set(step)


def test_a_datastore_cluster_is_a_target_too_and_an_empty_one_says_so(tell: Tell, steps: Steps, unused: InTurn) -> None:
    facts = {"capacity_bytes": 0, "free_bytes": 0, "uncommitted_bytes": 0, "url": "", "accessible": True}
    with transaction() as session:
        for name in ("pod", "empty pod"):
            session.add(
                StoragePool(
                    vcenter_id=steps.vcenter_id,
                    zone_id=known.pool("new").zone_id,
                    name=name,
                    moref=name,
                    type=DATASTORE_CLUSTER,
                    scope="CLUSTER",
                    maintenance_mode="normal",
                    **facts,
                )
            )
    pod = known.pool("pod").id
    with transaction() as session:
        session.get_one(StoragePool, known.pool("new").id).parent_id = pod
    found = tell("findStoragePoolsForMigration", id=str(known.volume(unused.disk()).id))["storagepool"]
    pools = {pool["name"]: pool for pool in found}
    assert (pools["pod"]["suitableformigration"], pools["pod"]["type"]) == (True, DATASTORE_CLUSTER)
    assert pools["empty pod"]["suitableformigration"] is False
    (objection,) = pools["empty pod"]["objections"]
    assert (objection["rule"], objection["severity"]) == ("target_has_members", "refuses")
    assert "has no members" in pools["empty pod"]["unsuitablebecause"][0]
