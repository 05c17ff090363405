"""Jobs followed to their ends by asking the API again and again, gently, through its restarts."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

from app.cli.apiclient import ApiClient
from app.cli.joblist import newest
from app.cli.jobview import JobView
from app.errors import ResourceUnavailable

ROUND_SECONDS = 0.5
A_FEW = 10
"""So many jobs are asked for one by one; of more, one list is cheaper for the API."""
PATIENCE_SECONDS = 120
"""How long the API may be silent while jobs are followed: long enough for it to be restarted or upgraded."""


def look(api: ApiClient, job_id: str) -> JobView:
    """Ask for one job once."""
    return JobView.parse(api.call("queryAsyncJobResult", jobid=job_id))


def follow(
    api: ApiClient, job_ids: Sequence[str], *, pause: Callable[[float], None] = time.sleep
) -> Iterator[list[JobView]]:
    """Yield what changed, round after round, until every job is over; the first round yields every job.

    Raises `ResourceUnavailable` when the API stays silent for `PATIENCE_SECONDS`. The jobs don't mind: nobody needs
    to watch them.
    """
    seen: dict[str, JobView] = {}
    live = list(job_ids)
    silent_since: float | None = None
    while live:
        try:
            views = _look_at(api, live)
            silent_since = None
        except ResourceUnavailable:
            if silent_since is None:
                silent_since = time.monotonic()
            if time.monotonic() - silent_since > PATIENCE_SECONDS:
                raise
            views = []
        changed = [view for view in views if seen.get(view.id) != view]
        seen |= {view.id: view for view in views}
        yield changed
        live = [job_id for job_id in live if job_id not in seen or not seen[job_id].over]
        if live:
            pause(ROUND_SECONDS)


def _look_at(api: ApiClient, job_ids: Sequence[str]) -> list[JobView]:
    """Look at each of the jobs once; of many, those that the list of live jobs lacks are over and tell how."""
    if len(job_ids) <= A_FEW:
        return [look(api, job_id) for job_id in job_ids]
    live = {view.id: view for view in newest(api, state="live")}
    return [live.get(job_id) or look(api, job_id) for job_id in job_ids]
