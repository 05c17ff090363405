"""The demo itself: asks for every migration over the API, follows them live, and looks where the disks are then."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from uuid import UUID

from app.cli import terminal
from app.cli.apiclient import ApiClient
from app.cli.connection import find_connection
from app.cli.demo.cast import OFFERING, OFFERING_TAG, Expected, Part, casting
from app.cli.demo.judge import Verdict, judge
from app.cli.following import follow
from app.cli.installation import enter
from app.cli.jobview import JobView
from app.cli.migrating import Order, order
from app.cli.naming import VM, VOLUME
from app.cli.progress import display
from app.cli.wishes import Wish
from app.inventory.offerings import assign_offering, create_offering
from app.inventory.sync import sync_vcenter
from app.inventory.vcenters import list_vcenters

PATIENCE_SECONDS = 180
"""A job that is not over then counts as lost, and the demo as failed."""


def play(state_dir: Path) -> list[Verdict]:
    """Play every part against the running installation of `state_dir` and judge each."""
    enter(state_dir)
    with ApiClient(find_connection(ready_file=None, state_dir=state_dir)) as api:
        parts = casting(api)
        _ask_for_a_tag(parts)
        orders = _order(api, parts)
        last = _follow(api, orders)
        terminal.say("reading vCenter's inventory anew, to look where every disk really is")
        for vcenter in list_vcenters():
            sync_vcenter(vcenter.id)
        now = {str(volume["id"]): volume for volume in api.entities(VOLUME.command, VOLUME.key)}
        return [judge(part, one, last.get(one.job_id), now) for part, one in zip(parts, orders, strict=True)]


def _ask_for_a_tag(parts: Sequence[Part]) -> None:
    """Give the disks that shall be refused an offering whose tag their target does not have."""
    offering = create_offering(OFFERING, f"Only on pools with the storage tag {OFFERING_TAG}", [OFFERING_TAG])
    for part in parts:
        if part.expected is Expected.REFUSED_FOR_TAGS:
            terminal.say(f"{part.name} gets the disk offering {OFFERING!r}: only on pools tagged {OFFERING_TAG}")
            for disk in part.disks:
                assign_offering(UUID(disk["id"]), offering)


def _order(api: ApiClient, parts: Sequence[Part]) -> list[Order]:
    """Ask for everything at once."""
    for expected in Expected:
        group = [part for part in parts if part.expected is expected]
        terminal.say(f"asking for {_counted(group)} to {group[0].target['name']}; expected: {expected}")
    return [order(api, Wish(part.kind, part.entity, part.target)) for part in parts]


def _counted(group: Sequence[Part]) -> str:
    if len(group) == 1:
        return group[0].name
    vms = sum(part.kind is VM for part in group)
    return f"{vms} stopped VMs and {len(group) - vms} detached disks"


def _follow(api: ApiClient, orders: Sequence[Order]) -> dict[str, JobView]:
    """Show the jobs live until they end; return the last look at each, with its attempts."""
    names = {one.job_id: one.name for one in orders if one.job_id}
    last: dict[str, JobView] = {}
    deadline = time.monotonic() + PATIENCE_SECONDS
    with display(names) as shown:
        for changed in follow(api, list(names)):
            last |= {view.id: view for view in changed}
            shown.update(changed)
            if time.monotonic() > deadline:
                break
    return {job_id: JobView.parse(api.call("queryAsyncJobResult", jobid=job_id, details="attempts")) for job_id in last}
