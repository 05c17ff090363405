"""The stop step: what works for a job that is to stop is asked to cancel; how that ends, its watcher sees (law 5)."""

from __future__ import annotations

from uuid import UUID

from app.db import transaction
from app.errors import ResourceUnavailable
from app.inventory.vcenters import session_to
from app.jobs.stopping import ToStop, stop_asked, stop_refused, take_stop
from app.secondary import transfers
from app.telemetry import logger
from app.vsphere.errors import VCenterFault
from app.vsphere.tasks import cancel_task

log = logger(__name__)


def stop(job_id: UUID, worker: str) -> None:
    """Ask for the stop of what works for the job, if that is due; whoever has it done by then is not disturbed."""
    task = take_stop(job_id)
    if task is None:
        return
    try:
        _ask(task)
    except VCenterFault as refused:
        # NotSupported: TaskInfo.cancelable is false. The task goes on, and the job with it.
        log.warning("job.cannot_be_stopped", job_id=str(job_id), task=task.reference, why=str(refused))
        stop_refused(job_id, task, worker, str(refused))
    except ResourceUnavailable as away:
        # The sweep has it asked again; meanwhile nobody says that the job is over.
        log.warning("job.stop_not_asked", job_id=str(job_id), task=task.reference, why=str(away))
    else:
        stop_asked(job_id, task, worker)


def _ask(task: ToStop) -> None:
    if task.reference is not None:
        cancel_task(session_to(task.system_id), task.reference)
        return
    with transaction() as session:
        transfers.abandon(session, task.task_id)
