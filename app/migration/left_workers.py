"""Worker VMs that nobody needs any more: a job's clean-up could not remove them, or the job is not known here.

They are looked for after each sync. One of a live job is left alone: it may be at work, and its job removes it.
"""

from __future__ import annotations

import time
from uuid import UUID

from app.db import transaction
from app.errors import VrelocateError
from app.inventory.models import VMWARE
from app.inventory.vcenters import session_to
from app.jobs import queries
from app.jobs.states import LIVE
from app.migration import queries as migration_queries
from app.telemetry import logger
from app.vsphere import worker_vm
from app.vsphere.errors import VCenterFault
from app.vsphere.facts import TaskState
from app.vsphere.session import Session as VSphereSession
from app.vsphere.tasks import TaskWatch, running_tasks_of
from app.vsphere.worker_vm import Worker

log = logger(__name__)

STEP_SECONDS = 60.0
"""How long a detaching or a destroying is waited for; what lasts longer is seen by the next sync."""


def remove_left_workers(vcenter_id: UUID) -> int:
    """Empty and destroy the worker VMs of jobs that are over, or unknown; returns how many were destroyed.

    Their disks stay where they are. One that cannot be removed now is logged and left to the next sync. Raises
    `ResourceUnavailable` when the vCenter does not answer.
    """
    with transaction() as session:
        if migration_queries.vcenter(session, vcenter_id).hypervisor != VMWARE:
            return 0
    vcenter = session_to(vcenter_id)
    left = [worker for worker in worker_vm.list_workers(vcenter) if not _is_needed(worker)]
    return sum(_remove(vcenter, worker) for worker in left)


def _is_needed(worker: Worker) -> bool:
    """Say whether the worker's job is live."""
    try:
        job_id = UUID(worker.job_id)
    except ValueError:
        return False
    with transaction() as session:
        job = queries.get_job(session, job_id)
        return job is not None and job.state in LIVE


def _remove(vcenter: VSphereSession, worker: Worker) -> bool:
    about = {"worker": worker.name, "job_id": worker.job_id}
    try:
        if running_tasks_of(vcenter, worker.moref):
            log.info("worker_vm.busy", **about)
            return False
        detaching = worker_vm.detach_disks(vcenter, worker.moref)
        if detaching is not None:
            _wait_for(vcenter, detaching)
        # Looks once more whether it has a disk, and refuses then.
        _wait_for(vcenter, worker_vm.destroy_worker(vcenter, worker.moref))
    except VrelocateError as error:
        log.warning("worker_vm.not_removed", why=str(error), **about)
        return False
    log.info("worker_vm.removed", **about)
    return True


def _wait_for(vcenter: VSphereSession, task: str) -> None:
    """Wait until a task has succeeded; raises `VCenterFault` when it failed, and `StillAtWork`."""
    watch, deadline = TaskWatch(vcenter), time.monotonic() + STEP_SECONDS
    try:
        if watch.watch([task]):
            return  # over and forgotten: the next step sees what came of it
        while (left_seconds := deadline - time.monotonic()) > 0:
            for snapshot in watch.wait(left_seconds):
                if snapshot.state is TaskState.ERROR and snapshot.fault is not None:
                    raise VCenterFault(snapshot.fault)
                if snapshot.ended:
                    return
    finally:
        watch.close()
    raise StillAtWork(f"{task} is not over after {STEP_SECONDS:.0f} seconds")


class StillAtWork(VrelocateError):
    """A task of vCenter's lasts longer than is worth waiting for here."""
