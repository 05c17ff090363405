"""How a step leaves its job: back in line, failed, succeeded; slots and space go in the same transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import timedelta
from types import MappingProxyType
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.orm import Session

from app.db import Json, transaction
from app.inventory.offerings import give_offering
from app.jobs import attempts, leases, queries, stopping
from app.jobs.attempts import Failure, backoff_seconds
from app.jobs.leases import Claim
from app.jobs.states import JobState
from app.limits import limits
from app.migration import admission
from app.migration.admission import Wait
from app.migration.moved import moved_bytes
from app.telemetry import logger
from app.vsphere.errors import VCenterFault
from app.vsphere.remedies import remedy

log = logger(__name__)

WAIT_FOR_SLOT_SECONDS = 300.0
"""A waiting job is called up by whoever frees the slot, or by the next sweep; this is for what nobody foresees."""


def wait_for_slot(claim: Claim, wait: Wait) -> None:
    """Put the job into the line; its attempt stays open, for nothing was tried."""
    with transaction() as session:
        released = admission.release(session, claim.job_id)
        leases.move(
            session,
            claim,
            JobState.QUEUED,
            kind="waiting",
            detail={"for": wait.resource.key},
            waiting_for=wait.resource.key,
            phase=wait.phase,
            next_run_at=func.now() + timedelta(seconds=WAIT_FOR_SLOT_SECONDS),
        )
    # What was freed since it was refused, nobody called it up for: it could not be seen in line yet. And called up for
    # a slot that it cannot use without another one, it passes the first on to the next in line.
    admission.hurry({*released, *wait.needed})


def try_later(claim: Claim, seconds: float, why: str) -> None:
    """Put the job back into the line because nothing could even be tried; that costs it no attempt."""
    with transaction() as session:
        released = admission.release(session, claim.job_id)
        leases.move(
            session,
            claim,
            JobState.QUEUED,
            kind="waiting",
            detail={"why": why},
            phase=why,
            next_run_at=func.now() + timedelta(seconds=seconds),
        )
    admission.hurry(released)


def look_again(claim: Claim, why: str) -> None:
    """Keep state, slots and attempt: the sweep brings the job back when this lease has run out.

    For steps that must not be decided yet, because vCenter cannot be asked or its answer is not clear.
    """
    with transaction() as session:
        job = leases.held(session, claim)
        job.phase = why
        leases.record_event(session, claim.job_id, claim.owner, "looking again", detail={"why": why})


def succeed(
    claim: Claim,
    result: Json,
    detail: Json | None = None,
    *,
    offerings: Mapping[UUID, UUID] = MappingProxyType({}),
) -> None:
    """End the job: every disk was read back on its target; `detail` is what its history says of that.

    `offerings` are the disk offerings that volumes take with that, by volume. Raises `NotFound` when one is gone: then
    the job has not ended, and nothing has changed.
    """
    with transaction() as session:
        _end_attempt(session, claim, "succeeded", left=())
        released = admission.release(session, claim.job_id)
        for volume_id, offering_id in offerings.items():
            give_offering(session, volume_id, offering_id)
        leases.move(
            session,
            claim,
            JobState.SUCCEEDED,
            kind="finished",
            detail=detail,
            result=result,
            progress=100,
            phase="",
            error_text=None,
        )
    log.info("job.succeeded", job_id=str(claim.job_id))
    admission.hurry(released)


def fail(claim: Claim, failure: Failure, *, left: Collection[UUID] | None = None) -> None:
    """End the attempt; while attempts are left a retryable failure is tried again, any other ends the job.

    So does every failure of a job that is to stop. `left` are the volumes that are not on their targets; `None`: nobody
    has looked.
    """
    with transaction() as session:
        job = leases.held(session, claim)
        stops = job.stop_wish is not None
        again = failure.retryable and job.attempt < job.max_attempts and not stops
        state, outcome = stopping.end_of(job) if stops else (JobState.FAILED, "retried" if again else "failed")
        _end_attempt(session, claim, outcome, failure, left=left)
        released = admission.release(session, claim.job_id)
        if again:
            _retry(session, claim, job.attempt, failure)
        else:
            leases.move(
                session,
                claim,
                state,
                kind="finished",
                detail={"fault": failure.fault},
                error_code=failure.code,
                error_text=f"{stopping.why(job)}; {failure.message}" if stops else _told(failure, job.attempt),
                phase="",
            )
    if stops:
        log.info("job.stopped", job_id=str(claim.job_id), outcome=outcome, fault=failure.fault)
    else:
        log.info("job.retried" if again else "job.failed", job_id=str(claim.job_id), fault=failure.fault)
    admission.hurry(released)


def _end_attempt(
    session: Session, claim: Claim, outcome: str, failure: Failure | None = None, *, left: Collection[UUID] | None
) -> None:
    """End the open attempt, if there is one; `left` are the volumes that are not on their targets."""
    attempt = queries.open_attempt(session, claim.job_id)
    if attempt is not None:
        attempts.end(attempt, outcome, failure, moved_bytes=moved_bytes(session, attempt, left))


def _retry(session: Session, claim: Claim, attempt: int, failure: Failure) -> None:
    seconds = backoff_seconds(attempt, limits(session))
    leases.move(
        session,
        claim,
        JobState.QUEUED,
        kind="retried",
        detail={"fault": failure.fault, "message": failure.message, "in_seconds": round(seconds, 1)},
        phase=f"attempt {attempt} failed ({failure.fault}): trying again in {seconds:.0f} s",
        progress=0,
        next_run_at=func.now() + timedelta(seconds=seconds),
    )


def _told(failure: Failure, attempt: int) -> str:
    """Return the job's error text: what vCenter refused needs a word on what to do, and so do several attempts."""
    # Our own errors say what to do themselves, and some share their names with vSphere's (NotFound).
    advice = remedy(failure.fault) if failure.code == VCenterFault.code else ""
    text = f"{failure.message}: {advice}" if advice else failure.message
    return text if attempt <= 1 else f"{text} (after {attempt} attempts)"
