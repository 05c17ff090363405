"""Against vcsim as govmomi ships it, whose `/folder` takes files, and answers a DELETE with 200 and keeps the file."""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from uuid import uuid4

import pytest
from pydantic import SecretStr
from sqlalchemy import update

from app.db import transaction
from app.inventory.models import VCenter
from app.secondary.stores import add_store
from app.vsphere.endpoint import Endpoint
from app.vsphere.pyvmomi import vim
from app.vsphere.session import Session
from tests.integration import known
from tests.integration.jobs import rows
from tests.integration.migration.steps import NOTHING_TAKEN, Steps, admission
from tests.integration.migration.storage.things import at, failed, files
from tests.integration.migration.storage.ways import Ways
from tests.integration.operating import Operator
from tests.running.vcenter import RunningVCenter

pytestmark = pytest.mark.integration

MIB = 1 << 20


@pytest.fixture
def somebody(plain: RunningVCenter) -> Iterator[Operator]:
    session = Session(
        Endpoint(plain.url, plain.username, SecretStr(plain.password), plain.thumbprint), timeout_seconds=30
    )
    yield Operator(session)
    session.close()


@pytest.fixture
def plain_ways(plain_steps: Steps, somebody: Operator, mount: Path) -> Ways:
    with transaction() as session:
        session.execute(update(VCenter).values(native_motion=False))
    return Ways(plain_steps, somebody.session, add_store("nfs-1", mount), mount)


def test_a_source_that_is_not_deleted_fails_the_job(plain_ways: Ways, somebody: Operator) -> None:
    """The copy is whole; but the disk would be there twice, so the job does not say that it has moved."""
    path = f"[LocalDS_0] loose-{uuid4().hex[:8]}.vmdk"
    spec = vim.VirtualDiskManager.FileBackedVirtualDiskSpec(adapterType="lsiLogic", diskType="thin", capacityKb=1024)
    somebody.do(
        lambda content: content.virtualDiskManager.CreateVirtualDisk_Task(
            name=path, datacenter=content.rootFolder.childEntity[0], spec=spec
        )
    )
    flat = path.replace(".vmdk", "-flat.vmdk")
    content = bytes(range(256)) * (MIB // 256)
    with files(plain_ways.steps.vcenter) as writer:
        writer.write(at(flat, "DC0"), [content], size_bytes=MIB)
    known.sync(plain_ways.steps.vcenter_id)
    volume = known.volume(path)

    job = failed(plain_ways, plain_ways.steps.ask_disk(path, "LocalDS_1"), "deleting the source", "still on LocalDS_0")
    tasks = plain_ways.asked(job.id)
    assert tasks[0] == "carry-disk"
    assert {"remove-sources", "discard-targets"} == set(tasks[1:])
    assert [attempt.outcome for attempt in rows.attempts(job.id)] == ["failed"]
    after = known.volume_of_id(volume.id)
    assert (after.path, after.pool_id, after.removed_at) == (path, known.pool("LocalDS_0").id, None)
    assert admission() == NOTHING_TAKEN
    with files(plain_ways.steps.vcenter) as reader:
        for there in (flat, flat.replace("LocalDS_0", "LocalDS_1")):
            with reader.reading(at(there, "DC0")) as pieces:
                assert sha256(b"".join(pieces)).digest() == sha256(content).digest(), there
