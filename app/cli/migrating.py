"""Migrations asked for, and followed if the operator wants to wait."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any
from uuid import uuid4

from app.cli import terminal
from app.cli.apiclient import ApiClient, Entity
from app.cli.following import follow
from app.cli.jobview import JobView
from app.cli.naming import VM, Kind
from app.cli.outcome import ExitCode
from app.cli.progress import display
from app.errors import NotAuthenticated, PermissionDenied, ResourceUnavailable, VrelocateError

CALLS_PER_ORDER = 3
SECONDS_BETWEEN_CALLS = 1.0


@dataclass(frozen=True)
class Order:
    """One thing that shall go to a pool, and what became of the wish."""

    entity: Entity
    pool: Entity
    job_id: str = ""
    """Empty when the API refused."""
    refusal: str = ""

    @property
    def name(self) -> str:
        """What people call the VM or volume."""
        return str(self.entity.get("name") or self.entity["id"])

    def as_json(self, view: JobView | None = None) -> dict[str, Any]:
        """Return it for a program: with the API's whole job when there is a newest look."""
        what: dict[str, Any] = {"name": self.name, "id": self.entity["id"], "to": self.pool["id"]}
        if self.refusal:
            return what | {"refused": self.refusal}
        return what | {"jobid": self.job_id} | (view.raw if view else {})


def order(
    api: ApiClient, kind: Kind, entity: Entity, pool: Entity, *, pause: Callable[[float], None] = time.sleep
) -> Order:
    """Ask for one migration; a refusal is written down in the order, a refused key and a silent API raise.

    The job's id is chosen here: a call whose answer was lost is made again, and is still one job.
    """
    command, subject = ("migrateVirtualMachine", "virtualmachineid") if kind is VM else ("migrateVolume", "volumeid")
    parameters = {subject: entity["id"], "storageid": pool["id"], "customjobid": str(uuid4())}
    for calls in count(1):
        try:
            return Order(entity, pool, job_id=str(api.call(command, **parameters)["jobid"]))
        except ResourceUnavailable:
            if calls == CALLS_PER_ORDER:
                raise
            pause(SECONDS_BETWEEN_CALLS)
        except (NotAuthenticated, PermissionDenied):
            raise  # it is the key that is refused, not this migration
        except VrelocateError as error:
            return Order(entity, pool, refusal=str(error))
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
