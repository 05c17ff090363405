"""`/api/v1/migrations`: ask for one, or for what one would do."""

from __future__ import annotations

from typing import Annotated
from uuid import uuid5

from fastapi import APIRouter, Depends, Header, Response

from app.access.keys import Caller
from app.api.rest.job_schemas import JobOut
from app.api.rest.migration_schemas import DryRunIn, DryRunOut, MigrationIn
from app.api.rest.responses import problems
from app.api.rest.roots import JOBS
from app.api.rest.serving import Route, who_may
from app.api.rest.shown import shown_job
from app.migration.accept import accept
from app.migration.dry_run import dry_run

router = APIRouter(prefix="/migrations", tags=["migrations"], route_class=Route)

_KEY_PATTERN = "^[\\x21-\\x7e]{1,255}$"
_Key = Annotated[
    str,
    Header(
        alias="Idempotency-Key",
        pattern=_KEY_PATTERN,
        description="A text of your own, new for each migration: however often it is sent, there is one job",
    ),
]


@router.post(
    "",
    status_code=202,
    summary="Ask for a migration",
    responses={
        **problems(400, 404, 409, 413, 422),
        202: {
            "description": "A job, durably written down, that is or will be at work on it",
            "headers": {"Location": {"description": "Where the job is shown", "schema": {"type": "string"}}},
        },
    },
)
def migrate(
    caller: Annotated[Caller, Depends(who_may("migrateVolume"))],
    asked: MigrationIn,
    response: Response,
    *,
    idempotency_key: _Key = "",
) -> JobOut:
    """Accept a job: it is durable before the answer is sent, and its checks are made when its turn comes.

    With an `Idempotency-Key` the same call made again gives the same job. Without one, a second call is refused while
    the first one's job is live, and that job is named.
    """
    job_id = accept(
        asked.move.request,
        user_id=caller.user_id,
        account_id=caller.account_id,
        # The account's own name space: nobody meets, or guesses, the keys of another one.
        job_id=uuid5(caller.account_id, idempotency_key) if idempotency_key else None,
        timeout_seconds=asked.timeout_seconds,
        priority=asked.priority,
    )
    response.headers["Location"] = f"{JOBS}/{job_id}"
    return shown_job(job_id)


@router.post("/dry-run", summary="What a migration would do", responses=problems(400, 404, 413, 422))
def try_out(_caller: Annotated[Caller, Depends(who_may("checkMigration"))], asked: DryRunIn) -> DryRunOut:
    """Ask vCenter as a job would, and change nothing: what would move, how, and all that speaks against it."""
    return DryRunOut.of(dry_run(asked.move.request))
