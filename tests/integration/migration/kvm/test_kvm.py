"""KVM hosts with file pools: their guru answers None, so their volumes go through secondary storage."""

from __future__ import annotations

import fcntl
import hashlib
import os
import struct
import threading
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select

from app.db import transaction
from app.errors import InvalidParameter
from app.inventory.file_pools import add_file_pools
from app.inventory.models import Volume
from app.inventory.sync import sync_vcenter
from app.jobs.models import Job
from app.jobs.states import JobState
from app.migration.accept import accept
from app.migration.requests import MigrateVolume
from app.migration.submit import submit
from app.migration.verify import finish
from app.secondary.carry import carry
from app.secondary.hold import take
from app.secondary.stores import add_store
from tests.integration import known
from tests.integration.jobs import rows
from tests.integration.migration.steps import ACCOUNT, NOTHING_TAKEN, USER, admission

pytestmark = pytest.mark.integration

MIB = 1 << 20


@pytest.fixture
def pools(installation: None, tmp_path: Path) -> dict[str, Path]:
    """Two pools; an image with holes and a qcow2 in the first."""
    assert installation is None
    folders = {name: tmp_path / name for name in ("kvm-old", "kvm-new")}
    for folder in folders.values():
        folder.mkdir()
    (folders["kvm-old"] / "web").mkdir()
    with (folders["kvm-old"] / "web" / "root.raw").open("wb") as file:
        file.truncate(64 * MIB)
        file.seek(30 * MIB)
        file.write(os.urandom(MIB))
    header = struct.pack(">4sIQIIQI", b"QFI\xfb", 3, 0, 0, 16, 1 << 30, 0).ljust(104, b"\0")
    (folders["kvm-old"] / "data.qcow2").write_bytes(header + os.urandom(3 * MIB))
    overlay = struct.pack(">4sIQIIQI", b"QFI\xfb", 3, 104, 10, 16, 1 << 30, 0).ljust(104, b"\0") + b"base.qcow2"
    (folders["kvm-old"] / "overlay.qcow2").write_bytes(overlay + bytes(1000))
    return folders


@pytest.fixture
def system_id(pools: dict[str, Path]) -> UUID:
    system_id = add_file_pools("hosts", pools)
    report = sync_vcenter(system_id)
    assert (report.zones, report.clusters, report.pools, report.volumes) == (1, 1, 2, 3)
    return system_id


@pytest.fixture
def store_id(system_id: UUID, tmp_path: Path) -> UUID:
    assert system_id
    mount = tmp_path / "secondary"
    mount.mkdir()
    return add_store("nfs-1", mount)


def ask(path: str, to: str = "kvm-new") -> UUID:
    request = MigrateVolume(volume_id=known.volume(path).id, pool_id=known.pool(to).id)
    return accept(request, user_id=USER, account_id=ACCOUNT)


def run(job_id: UUID, store_id: UUID) -> Job:
    submit(job_id, "worker")
    job = rows.job(job_id)
    if job.state is JobState.RUNNING:
        hold = take("carrier", {store_id}, threading.Event())
        assert hold
        carry(hold)
        finish(job_id, "worker")
        job = rows.job(job_id)
    return job


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("path", ["web/root.raw", "data.qcow2"])
def test_an_image_moves_and_stays_what_it_was(pools: dict[str, Path], store_id: UUID, path: str) -> None:
    before, volume = digest(pools["kvm-old"] / path), known.volume(f"[kvm-old] {path}")
    job = run(ask(f"[kvm-old] {path}"), store_id)
    assert (job.state, job.error_text) == (JobState.SUCCEEDED, None)
    [attempt] = rows.attempts(job.id)
    assert attempt.strategy == "storage-migration"
    assert attempt.bytes == (pools["kvm-new"] / path).stat().st_size
    assert digest(pools["kvm-new"] / path) == before
    assert not (pools["kvm-old"] / path).exists()
    after = known.volume_of_id(volume.id)
    assert (after.path, after.pool_id) == (f"[kvm-new] {path}", known.pool("kvm-new").id)
    assert after.capacity_bytes == volume.capacity_bytes
    assert admission() == NOTHING_TAKEN


def test_a_sync_finds_everything_again_under_its_id(system_id: UUID, store_id: UUID) -> None:
    volume = known.volume("[kvm-old] data.qcow2")
    assert run(ask(volume.path), store_id).state is JobState.SUCCEEDED
    sync_vcenter(system_id)
    with transaction() as session:
        present = session.scalars(select(Volume).where(Volume.removed_at.is_(None)).order_by(Volume.path)).all()
    assert [it.path for it in present] == ["[kvm-new] data.qcow2", "[kvm-old] overlay.qcow2", "[kvm-old] web/root.raw"]
    assert present[0].id == volume.id


def test_without_a_secondary_storage_it_is_refused_with_every_reason(system_id: UUID) -> None:
    assert system_id
    job_id = ask("[kvm-old] data.qcow2")
    submit(job_id, "worker")
    job = rows.job(job_id)
    assert job.state is JobState.FAILED
    assert "storage-migration: no secondary storage is configured" in (job.error_text or "")


def test_an_image_that_a_qemu_has_open_stays(pools: dict[str, Path], store_id: UUID) -> None:
    with (pools["kvm-old"] / "data.qcow2").open("r+b") as file:
        fcntl.fcntl(file, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_RDLCK, os.SEEK_SET, 101, 1, 0))
        job = run(ask("[kvm-old] data.qcow2"), store_id)
    assert job.state is JobState.FAILED
    assert "a QEMU has [kvm-old] data.qcow2 open" in (job.error_text or "")
    assert (pools["kvm-old"] / "data.qcow2").exists()


def test_an_image_that_a_qemu_opens_after_it_was_copied_stays(pools: dict[str, Path], store_id: UUID) -> None:
    """What it writes from then on is in no copy: the copy goes, and not the image."""
    job_id, before = ask("[kvm-old] data.qcow2"), digest(pools["kvm-old"] / "data.qcow2")
    submit(job_id, "worker")
    hold = take("carrier", {store_id}, threading.Event())
    assert hold
    carry(hold)
    assert digest(pools["kvm-new"] / "data.qcow2") == before
    with (pools["kvm-old"] / "data.qcow2").open("r+b") as file:
        fcntl.fcntl(file, fcntl.F_OFD_SETLK, struct.pack("hhqqi4x", fcntl.F_RDLCK, os.SEEK_SET, 101, 1, 0))
        finish(job_id, "worker")
    job = rows.job(job_id)
    assert job.state is JobState.FAILED
    assert "a QEMU has" in (job.error_text or "")
    [attempt] = rows.attempts(job_id)
    assert attempt.bytes == (pools["kvm-old"] / "data.qcow2").stat().st_size, "it was written, and deleted again"
    assert digest(pools["kvm-old"] / "data.qcow2") == before
    assert not (pools["kvm-new"] / "data.qcow2").exists()
    assert known.volume("[kvm-old] data.qcow2").removed_at is None


def test_an_overlay_stays_with_what_it_stands_on(store_id: UUID) -> None:
    job = run(ask("[kvm-old] overlay.qcow2"), store_id)
    assert job.state is JobState.FAILED
    assert "stands on base.qcow2" in (job.error_text or "")


def test_a_name_that_is_taken_is_never_overwritten(pools: dict[str, Path], store_id: UUID) -> None:
    (pools["kvm-new"] / "data.qcow2").write_bytes(b"somebody else's")
    job = run(ask("[kvm-old] data.qcow2"), store_id)
    assert job.state is JobState.FAILED
    assert (pools["kvm-new"] / "data.qcow2").read_bytes() == b"somebody else's"


@pytest.mark.parametrize(
    ("pools_given", "why"),
    [
        ({}, "nothing to add"),
        ({"a": Path("relative")}, "is no folder"),
        ({"a[b]": Path("/")}, "is no name"),
        ({"a": Path("/usr"), "b": Path("/usr/lib")}, "lies in pool a"),
    ],
)
def test_what_cannot_be_pools_is_refused(installation: None, pools_given: dict[str, Path], why: str) -> None:
    assert installation is None
    with pytest.raises(InvalidParameter, match=why):
        add_file_pools("hosts", pools_given)
