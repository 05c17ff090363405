"""Old jobs are forgotten, but not while something of them may still have to be cleared away.

What is left of a job is cleared away by whoever finds it and knows the job: worker VMs behind a sync, partial copies
and the folders on secondary storage by the carriers' sweep. Forgotten too early, it would stay for ever.
"""

from __future__ import annotations

from collections.abc import Callable
from uuid import UUID

from app.db import transaction
from app.jobs.retention import BEGINNING, forget, lock_old
from app.limits import limits
from app.migration.leftover_queries import with_leftovers

BATCH = 100
"""Jobs a transaction: it is over in a fraction of a second."""
MOST_BATCHES = 20
"""The next round takes the rest."""


def forget_old_jobs(stops: Callable[[], bool] = lambda: False) -> int:
    """Forget the jobs whose time is over, a batch after the other, until `stops()`; returns how many."""
    with transaction() as session:
        days = limits(session).job_retention_days
    if days == "forever":
        return 0
    forgotten, place = 0, BEGINNING
    for _ in range(MOST_BATCHES):
        if stops():
            break
        with transaction() as session:
            old = lock_old(session, days, place, BATCH)
            ids: set[UUID] = {it.id for it in old}
            over = ids - with_leftovers(session, ids)
            forget(session, over)
        forgotten += len(over)
        if len(old) < BATCH:
            break
        place = old[-1]
    return forgotten
