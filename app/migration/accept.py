"""A call becomes a job: one transaction, then the bell (law 1)."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from uuid import UUID, uuid4

from sqlalchemy import ColumnElement, func
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.access.audit import Action, record
from app.db import transaction
from app.errors import CommitUnknown, DatabaseUnavailable, InvalidParameter, LiveJobExists
from app.jobs import queries
from app.jobs.leases import record_event
from app.jobs.models import Job
from app.jobs.priority import MOST_PRIORITY
from app.jobs.queue import Step, ring
from app.jobs.states import JobState
from app.limits import Limits, limits
from app.migration.plan import find_offering, find_pool, find_vm, find_volume, plan, subject_of
from app.migration.requests import (
    MigrateVolume,
    Request,
    new_offering_of,
    pool_ids_of,
    request_from_json,
    request_to_json,
)
from app.visibility import limited_to

_TRIES = 3
"""One whose outcome is not known, one that meets the first on its way, and one that sees what became of it."""

_LOOK_AGAIN_SECONDS = 3.0
"""For how long a database that took a commit and was lost is asked again: a cut line or a restart is over by then.

Clients wait half a minute; the commit itself, and a last try to reach the database, have taken the rest of it.
"""
_PAUSE_SECONDS = 0.1

WAITS_FOR_WORKER = "waiting for a worker"


class JobIdTaken(InvalidParameter):
    """The job id that a client chose belongs to another request, or to another account's."""


def accept(
    request: Request,
    *,
    user_id: UUID,
    account_id: UUID,
    job_id: UUID | None = None,
    timeout_seconds: int | None = None,
    priority: int = 0,
) -> UUID:
    """Write the job down and wake a worker; returns the job's id as soon as it is durable.

    vCenter may work on it for `timeout_seconds`; `None`: as long as the setting says. `priority` is its rank in every
    line, from -100 to 100, higher first.

    The same `job_id` with the same request gives the same job, however often it is sent; time and priority are those of
    the first call. Raises `NotFound` for unknown ids, `JobIdTaken` when `job_id` names another request's job,
    `InvalidParameter` when the pool is another vCenter's or `priority` is out of bounds, `LiveJobExists` while another
    job works on the same VM or volume, and `DatabaseUnavailable` when it could not be written down, or, as
    `CommitUnknown`, when nobody can tell now whether it was.
    """
    if not -MOST_PRIORITY <= priority <= MOST_PRIORITY:
        raise InvalidParameter(
            f"priority is an integer from {-MOST_PRIORITY} to {MOST_PRIORITY}, higher goes first: {priority} is not"
        )
    new_id = job_id or uuid4()
    unknown: CommitUnknown | None = None
    until, tries_left = 0.0, _TRIES
    while True:
        try:
            with transaction() as session:
                with limited_to(None):  # an id is taken, whoever sees its job
                    known = queries.get_job(session, new_id)
                if known is not None:
                    return _same(known, request, account_id)
                job = _job(session, new_id, request, user_id, account_id)
                job.timeout_seconds = timeout_seconds
                job.priority = priority
                session.add(job)
                session.flush()
                record_event(session, new_id, f"user:{user_id}", "accepted", after=JobState.QUEUED)
                resource = job.resource_type, job.resource_id
                record(session, Action.MIGRATE, resource, job=str(new_id), command=job.command)
            break
        except CommitUnknown as lost:
            # The next try sees the job, or writes it down itself: with this id it cannot become two.
            unknown, until = lost, time.monotonic() + _LOOK_AGAIN_SECONDS
            tries_left -= 1
            if not tries_left:
                raise
        except DatabaseUnavailable as away:
            if unknown is None or time.monotonic() > until:
                raise unknown or away from away
            time.sleep(_PAUSE_SECONDS)
        except IntegrityError:
            # Somebody was faster, with the same job id or with another job for the same subject: the next try sees
            # them. If they are gone by then, it is ours.
            tries_left -= 1
            if not tries_left:
                raise
    ring(Step.SUBMIT, [new_id])
    return new_id


def wait_until(bounds: Limits) -> ColumnElement[datetime]:
    """Return until when a job that begins to wait now may wait for its first task."""
    return func.now() + timedelta(seconds=bounds.job_wait_seconds)


def _same(known: Job, request: Request, account_id: UUID) -> UUID:
    """Return the id of a job that was accepted before, if it is the same request of the same account."""
    if request_from_json(known.payload) != request or known.account_id != account_id:
        raise JobIdTaken(f"the job id {known.id} belongs to another request: choose a new one")
    return known.id


def require_meaning(session: Session, request: Request) -> UUID:
    """Return the vCenter that a request is about; what cannot be meant is refused before there is a job for it.

    Raises `NotFound` for unknown ids, and `InvalidParameter` when nothing is to go anywhere or a pool is another
    vCenter's.
    """
    pools = [find_pool(session, pool_id) for pool_id in pool_ids_of(request)]
    if not pools:
        raise InvalidParameter("nothing is to go anywhere: name a storage pool, or one for each volume")
    if isinstance(request, MigrateVolume):
        vcenter_id = find_volume(session, request.volume_id).vcenter_id
    else:
        vcenter_id = find_vm(session, request.vm_id).vcenter_id
    for pool in pools:
        if pool.vcenter_id != vcenter_id:
            raise InvalidParameter(
                f"storage pool {pool.name} belongs to another vCenter: choose a pool of the vCenter that has it now"
            )
    offering_id = new_offering_of(request)
    if offering_id is not None:
        find_offering(session, offering_id)
    plan(session, request)
    return vcenter_id


def zone_of(session: Session, request: Request) -> UUID:
    """Return the zone of what a request is about."""
    if isinstance(request, MigrateVolume):
        return find_volume(session, request.volume_id).zone_id
    return find_vm(session, request.vm_id).zone_id


def _job(session: Session, job_id: UUID, request: Request, user_id: UUID, account_id: UUID) -> Job:
    vcenter_id = require_meaning(session, request)
    if isinstance(request, MigrateVolume):
        command, resource_type, resource_id = "migrateVolume", "Volume", request.volume_id
    else:
        command = "migrateVirtualMachineWithVolume" if request.volumes else "migrateVirtualMachine"
        resource_type, resource_id = "VirtualMachine", request.vm_id
    subject = subject_of(session, request)
    live = queries.live_job_on(session, subject)
    if live is not None and live.id != job_id:
        raise LiveJobExists(str(live.id))
    bounds = limits(session)
    return Job(
        id=job_id,
        command=command,
        subject=subject,
        resource_type=resource_type,
        resource_id=resource_id,
        system_id=vcenter_id,
        zone_id=zone_of(session, request),
        account_id=account_id,
        user_id=user_id,
        payload=request_to_json(request),
        phase=WAITS_FOR_WORKER,
        max_attempts=bounds.retry_max_attempts,
        deadline_at=wait_until(bounds),
        rung_at=func.now(),
    )
