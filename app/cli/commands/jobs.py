"""`vrelocate jobs list|show|watch|cancel|retry`."""

# ruff: noqa: PLC0415  # the HTTP client is loaded when a command runs, for `--help` to be quick

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from app.cli import options, terminal
from app.cli.connection import Connection, find_connection
from app.cli.outcome import ExitCode

app = typer.Typer(no_args_is_help=True, help="Jobs: what was asked for, how far it is, how it ended.")


class StateName(StrEnum):
    """The states of a job, and `live` for all that are not over."""

    LIVE = "live"
    QUEUED = "queued"
    SUBMITTING = "submitting"
    RUNNING = "running"
    VERIFYING = "verifying"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


@app.command("list")
def list_jobs(
    *,
    state: Annotated[StateName | None, typer.Option(help="Only jobs in this state.")] = None,
    since: Annotated[str | None, typer.Option(metavar="TIME", help="Only jobs created since then, in UTC.")] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Only jobs created until then, in UTC.")] = None,
    account: Annotated[str | None, typer.Option(metavar="KEY", help="Only jobs asked for with that key.")] = None,
    command: Annotated[str | None, typer.Option(metavar="PART", help="Only commands with that in their name.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="The newest so many.")] = 50,
    as_json: options.Json = False,
    ready_file: options.ReadyFile = None,
    state_dir: options.ApiStateDir = None,
) -> None:
    """List jobs, the newest first."""
    from app.cli.apiclient import ApiClient
    from app.cli.joblist import newest, rows

    with ApiClient(find_connection(ready_file=ready_file, state_dir=state_dir)) as api:
        views = newest(
            api,
            state=state.value if state else None,
            limit=limit,
            startdate=since,
            enddate=until,
            account=account,
            keyword=command,
        )
        if as_json:
            terminal.show_json([view.raw for view in views])
        else:
            terminal.show_table(*rows(api, views), right=("DONE", "ATTEMPT"))


@app.command()
def show(
    job_id: Annotated[str, typer.Argument(metavar="ID", help="The job's id.")],
    *,
    as_json: options.Json = False,
    ready_file: options.ReadyFile = None,
    state_dir: options.ApiStateDir = None,
) -> None:
    """Show one job: what was asked, where it stands, its attempts, its history, its error or its disks."""
    from app.cli.apiclient import ApiClient
    from app.cli.jobdetails import print_job

    with ApiClient(find_connection(ready_file=ready_file, state_dir=state_dir)) as api:
        content = api.call("queryAsyncJobResult", jobid=job_id, details="attempts,events")
    if as_json:
        terminal.show_json(content)
    else:
        print_job(content)


@app.command()
def watch(
    job_ids: Annotated[list[str] | None, typer.Argument(metavar="ID", help="All live jobs when none is named.")] = None,
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a line whenever a job changed.")
    ] = False,
    ready_file: options.ReadyFile = None,
    state_dir: options.ApiStateDir = None,
) -> None:
    """Follow jobs to their ends; exits with 1 if one of them failed."""
    from app.cli.apiclient import ApiClient
    from app.cli.following import follow, look
    from app.cli.joblist import names_of, newest
    from app.cli.migrating import follow_jobs

    with ApiClient(find_connection(ready_file=ready_file, state_dir=state_dir)) as api:
        views = [look(api, job_id) for job_id in dict.fromkeys(job_ids)] if job_ids else newest(api, state="live")
        if not views:
            terminal.say("no job is live")
        if as_json:
            last = {view.id: view for view in views}
            for changed in follow(api, list(last)):
                last |= {view.id: view for view in changed}
                for view in changed:
                    terminal.show_json_line(view.raw)
        else:
            last = follow_jobs(api, names_of(api, views))
    failed = any(not view.succeeded for view in last.values())
    raise typer.Exit(ExitCode.JOB_FAILED if failed else ExitCode.SUCCESS)


_JobIds = Annotated[list[str], typer.Argument(metavar="ID", help="The jobs' ids.")]


@app.command()
def cancel(
    job_ids: _JobIds,
    *,
    wait: Annotated[
        bool, typer.Option("--wait", help="Follow the jobs to their ends; exit with 1 if one was not cancelled.")
    ] = False,
    as_json: options.Json = False,
    ready_file: options.ReadyFile = None,
    state_dir: options.ApiStateDir = None,
) -> None:
    """Cancel jobs: one that waits at once, one that runs as soon as vCenter has stopped. What has moved stays moved."""
    connection = find_connection(ready_file=ready_file, state_dir=state_dir)
    _tell(connection, "cancelAsyncJob", job_ids, "cancelled", wait=wait, as_json=as_json)


@app.command()
def retry(
    job_ids: _JobIds,
    *,
    wait: options.Wait = False,
    as_json: options.Json = False,
    ready_file: options.ReadyFile = None,
    state_dir: options.ApiStateDir = None,
) -> None:
    """Try jobs again that have failed or were cancelled; only what is left is moved."""
    connection = find_connection(ready_file=ready_file, state_dir=state_dir)
    _tell(connection, "retryAsyncJob", job_ids, "succeeded", wait=wait, as_json=as_json)


def _tell(connection: Connection, command: str, job_ids: list[str], wanted: str, *, wait: bool, as_json: bool) -> None:
    """Call a command for each job; with `wait` it is a success when all of them end in the state `wanted`."""
    from app.cli.apiclient import ApiClient
    from app.cli.telling import complain, ended_with, follow_told, print_told, tell

    with ApiClient(connection) as api:
        told = tell(api, command, job_ids)
        complain(told)
        if wait:
            told = follow_told(api, told)
    if as_json:
        terminal.show_json([it.as_json() for it in told])
    else:
        print_told(told)
    raise typer.Exit(ended_with(told, wanted=wanted if wait else None))
