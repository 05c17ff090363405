"""Jobs that are told something, to stop or to be tried again: each on its own, and followed if somebody waits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from app.cli import terminal
from app.cli.apiclient import ApiClient
from app.cli.joblist import names_of
from app.cli.jobview import JobView
from app.cli.migrating import follow_jobs
from app.cli.outcome import ExitCode
from app.errors import NotAuthenticated, PermissionDenied, ResourceUnavailable, VrelocateError


@dataclass(frozen=True)
class Told:
    """One job, and what it answered."""

    job_id: str
    view: JobView | None = None
    """The newest look at it; `None` when it was refused."""
    refusal: str = ""

    def as_json(self) -> dict[str, Any]:
        """Return it for a program: the API's whole job."""
        return self.view.raw if self.view else {"jobid": self.job_id, "refused": self.refusal}


def tell(api: ApiClient, command: str, job_ids: Sequence[str]) -> list[Told]:
    """Call `command` for each job; a refusal is kept, a refused key and a silent API raise.

    A call whose answer was lost can be made again: it changes nothing more.
    """
    return [_told(api, command, job_id) for job_id in dict.fromkeys(job_ids)]


def _told(api: ApiClient, command: str, job_id: str) -> Told:
    try:
        return Told(job_id, JobView.parse(api.call(command, jobid=job_id)))
    except (NotAuthenticated, PermissionDenied, ResourceUnavailable):
        raise  # it is the key that is refused, or nobody is there
    except VrelocateError as error:
        return Told(job_id, refusal=str(error))


def follow_told(api: ApiClient, told: Sequence[Told]) -> list[Told]:
    """Show those that are live until they end; return all with the last look at each."""
    live = [it.view for it in told if it.view is not None and not it.view.over]
    last = follow_jobs(api, names_of(api, live)) if live else {}
    return [Told(it.job_id, last.get(it.job_id, it.view), it.refusal) for it in told]


def print_told(told: Sequence[Told]) -> None:
    """Write each job that answered and its state, a line each, to standard output."""
    for it in told:
        if it.view is not None:
            terminal.show(f"{it.job_id}  {it.view.state}")


def complain(told: Sequence[Told]) -> None:
    """Say on standard error which were refused, and why."""
    for it in told:
        if it.refusal:
            terminal.complain(f"{it.job_id}: {it.refusal}")


def ended_with(told: Sequence[Told], *, wanted: str | None) -> ExitCode:
    """Return the exit code: a job that was waited for and is not in the state `wanted` weighs more than a refusal."""
    if wanted is not None and any(it.view is not None and it.view.state != wanted for it in told):
        return ExitCode.JOB_FAILED
    return ExitCode.BAD_INPUT if any(it.refusal for it in told) else ExitCode.SUCCESS
