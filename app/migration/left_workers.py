"""Worker VMs that nobody needs any more: the clean-up of their job could not remove them.

They are looked for after each sync. One of a live job is left alone: it may be at work, and its job removes it. One of
a job that is not known here may be another installation's that works with the same vCenter: it is only told.
"""

from __future__ import annotations

from uuid import UUID

from app.db import transaction
from app.errors import VrelocateError
from app.inventory.models import VMWARE
from app.inventory.vcenters import session_to
from app.jobs import queries
from app.jobs.states import LIVE
from app.migration import leftover_queries
from app.migration import queries as migration_queries
from app.telemetry import logger
from app.vsphere import worker_vm
from app.vsphere.facts import TaskState
from app.vsphere.session import Session as VSphereSession
from app.vsphere.task_end import ends_of, require_success
from app.vsphere.tasks import running_tasks_of
from app.vsphere.worker_vm import Worker

log = logger(__name__)

STEP_SECONDS = 60.0
"""How long a detaching or a destroying is waited for; what lasts longer is seen by the next sync."""


def remove_left_workers(vcenter_id: UUID) -> int:
    """Empty and destroy the worker VMs of jobs that are over; returns how many were destroyed.

    Their disks stay where they are. One that cannot be removed now is logged and left to the next sync. Raises
    `ResourceUnavailable` when the vCenter does not answer.
    """
    with transaction() as session:
        if migration_queries.vcenter(session, vcenter_id).hypervisor != VMWARE:
            return 0
        asked_at = leftover_queries.now(session)
    vcenter = session_to(vcenter_id)
    workers = worker_vm.list_workers(vcenter)
    jobs = {job_id for worker in workers if (job_id := _job_id(worker)) is not None}
    with transaction() as session:
        # A job is not forgotten before it is known that it has none.
        leftover_queries.save_worker_jobs(session, vcenter_id, asked_at, jobs)
    left = [worker for worker in workers if _is_left(worker)]
    return sum(_remove(vcenter, worker) for worker in left)


def _job_id(worker: Worker) -> UUID | None:
    """Return the id of the worker's job; `None` for what is none."""
    try:
        return UUID(worker.job_id)
    except ValueError:
        return None


def _is_left(worker: Worker) -> bool:
    """Say whether the worker's job is one of ours, and over."""
    job_id = _job_id(worker)
    job = None
    if job_id is not None:
        with transaction() as session:
            job = queries.get_job(session, job_id)
    if job is None:
        log.warning("worker_vm.unknown", worker=worker.name, job_id=worker.job_id)
        return False
    return job.state not in LIVE


def _remove(vcenter: VSphereSession, worker: Worker) -> bool:
    about = {"worker": worker.name, "job_id": worker.job_id}
    try:
        if running_tasks_of(vcenter, worker.moref):
            log.info("worker_vm.busy", **about)
            return False
        detaching = worker_vm.detach_disks(vcenter, worker.moref)
        if detaching is not None:
            _wait_for(vcenter, detaching, "detaching its disk")
        # Looks once more whether it has a disk, and refuses then.
        _wait_for(vcenter, worker_vm.destroy_worker(vcenter, worker.moref), "destroying it")
    except VrelocateError as error:
        log.warning("worker_vm.not_removed", why=str(error), **about)
        return False
    log.info("worker_vm.removed", **about)
    return True


def _wait_for(vcenter: VSphereSession, task: str, doing: str) -> None:
    """Wait until a task has succeeded; raises `VCenterFault` when it failed or takes longer than is worth it."""
    ended = ends_of(vcenter, [task], timeout_seconds=STEP_SECONDS, cancel_late=False)[task]
    if ended.state is not TaskState.GONE:  # over and forgotten: the next step sees what came of it
        require_success(ended, doing)
