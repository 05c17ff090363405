"""Jobs as a list: which ones, what they work on, a row each."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

from app.cli.apiclient import LARGEST_PAGE, ApiClient
from app.cli.jobview import JobView
from app.cli.naming import VM, VOLUME, Kind
from app.errors import InvalidParameter

_KINDS: dict[str, Kind] = {"virtualmachine": VM, "volume": VOLUME}
_LIVE = "queued,submitting,running,verifying"
_ONE_BY_ONE = 10
_COMMANDS: dict[str, Kind] = {
    "migratevirtualmachine": VM,
    "migratevirtualmachinewithvolume": VM,
    "migratevolume": VOLUME,
}

HEADINGS = ("JOB", "COMMAND", "WHAT", "STATE", "DONE", "ATTEMPT", "DOING", "CREATED")


def newest(
    api: ApiClient, *, state: str | None = None, limit: int | None = None, **filters: str | None
) -> list[JobView]:
    """Return the newest jobs in `state` (`live`: all that are not over; `None`: every one), the newest first.

    `filters` are other parameters of `listAsyncJobs`.
    """
    states = _LIVE if state == "live" else state
    page_size = min(limit or LARGEST_PAGE, LARGEST_PAGE)
    found = api.entities("listAsyncJobs", "asyncjobs", page_size=page_size, state=states, **filters)
    return [JobView.parse(raw) for raw in islice(found, limit)]


def rows(api: ApiClient, views: Sequence[JobView]) -> tuple[Sequence[str], list[tuple[str, ...]]]:
    """Return headings and cells for a table of jobs."""
    names = names_of(api, views)
    return HEADINGS, [
        (
            view.id,
            view.command,
            names[view.id],
            view.state,
            f"{view.progress} %",
            f"{view.attempt}/{view.max_attempts}" if view.max_attempts else str(view.attempt),
            view.error_text.split("\n", maxsplit=1)[0] if view.over else view.doing_in_line(),
            str(view.raw.get("created") or ""),
        )
        for view in views
    ]


def names_of(api: ApiClient, views: Sequence[JobView]) -> dict[str, str]:
    """Return what people call the thing that each job works on, by the job's id."""
    wanted: dict[Kind, set[str]] = {VM: set(), VOLUME: set()}
    for view in views:
        if (kind := _kind_of(view)) is not None and view.instance_id:
            wanted[kind].add(view.instance_id)
    names = {kind: _names(api, kind, ids) for kind, ids in wanted.items()}
    return {
        view.id: names.get(_kind_of(view) or VM, {}).get(view.instance_id) or view.instance_id or view.id
        for view in views
    }


def _kind_of(view: JobView) -> Kind | None:
    return _KINDS.get(str(view.raw.get("jobinstancetype", "")).lower()) or _COMMANDS.get(view.command.lower())


def _names(api: ApiClient, kind: Kind, ids: set[str]) -> dict[str, str]:
    """Ask for a few by their ids, for many by one list."""
    if len(ids) > _ONE_BY_ONE:
        return {str(it["id"]): str(it.get("name") or "") for it in api.entities(kind.command, kind.key)}
    found = {}
    for identifier in ids:
        try:
            it = next(api.entities(kind.command, kind.key, id=identifier), None)
        except InvalidParameter:
            it = None  # gone since: the job still knows its id
        if it is not None:
            found[identifier] = str(it.get("name") or "")
    return found
