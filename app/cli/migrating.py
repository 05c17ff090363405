"""Migrations asked for, and followed if the operator wants to wait."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any
from uuid import uuid4

from app.cli import terminal
from app.cli.apiclient import ApiClient
from app.cli.following import follow
from app.cli.jobview import JobView
from app.cli.outcome import ExitCode
from app.cli.progress import display
from app.cli.wishes import Wish
from app.errors import NotAuthenticated, PermissionDenied, ResourceUnavailable, VrelocateError

CALLS_PER_ORDER = 3
SECONDS_BETWEEN_CALLS = 1.0


@dataclass(frozen=True)
class Order:
    """One wish, and what became of it."""

    wish: Wish
    job_id: str = ""
    """Empty when the API refused."""
    refusal: str = ""

    @property
    def name(self) -> str:
        """What people call the VM or volume."""
        return self.wish.name

    def as_json(self, view: JobView | None = None) -> dict[str, Any]:
        """Return it for a program: with the API's whole job when there is a newest look."""
        what = self.wish.as_json()
        if self.refusal:
            return what | {"refused": self.refusal}
        return what | {"jobid": self.job_id} | (view.raw if view else {})


def order(api: ApiClient, wish: Wish, *, pause: Callable[[float], None] = time.sleep) -> Order:
    """Ask for one migration; a refusal is written down in the order, a refused key and a silent API raise.

    The job's id is chosen here: a call whose answer was lost is made again, and is still one job.
    """
    parameters = wish.parameters() | {"customjobid": str(uuid4())}
    for calls in count(1):
        try:
            return Order(wish, job_id=str(api.call(wish.command, **parameters)["jobid"]))
        except ResourceUnavailable:
            if calls == CALLS_PER_ORDER:
                raise
            pause(SECONDS_BETWEEN_CALLS)
        except (NotAuthenticated, PermissionDenied):
            raise  # it is the key that is refused, not this migration
        except VrelocateError as error:
            return Order(wish, refusal=str(error))
    raise AssertionError("count() does not end")


def follow_orders(api: ApiClient, orders: Sequence[Order]) -> dict[str, JobView]:
    """Show the orders' jobs until they end and return the last look at each, by its id.

    Ctrl-C ends the looking, not the jobs: that is said, and the `KeyboardInterrupt` goes on.
    """
    return follow_jobs(api, {order.job_id: order.name for order in orders if order.job_id})


def follow_jobs(api: ApiClient, names: dict[str, str]) -> dict[str, JobView]:
    """Show jobs, each with what people call it, until they end; return the last look at each."""
    last: dict[str, JobView] = {}
    try:
        with display(names) as shown:
            for changed in follow(api, list(names)):
                last |= {view.id: view for view in changed}
                shown.update(changed)
    except KeyboardInterrupt:
        going_on = [job_id for job_id in names if job_id not in last or not last[job_id].over]
        terminal.say(
            f"interrupted: {len(going_on)} job{'s go' if len(going_on) != 1 else ' goes'} on; "
            f"`vrelocate jobs watch {' '.join(going_on)}` follows"
        )
        raise
    return last


def ended_with(orders: Sequence[Order], last: dict[str, JobView] | None) -> ExitCode:
    """Return the exit code: a failed job weighs more than a refused order. `last` is `None` without `--wait`."""
    if last is not None and any(not view.succeeded for view in last.values()):
        return ExitCode.JOB_FAILED
    return ExitCode.BAD_INPUT if any(order.refusal for order in orders) else ExitCode.SUCCESS
