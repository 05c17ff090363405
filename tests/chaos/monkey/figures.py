"""The figures of a run, from the database and the ledger, and the histories of jobs that something is wrong with."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.chaos.monkey.judge import rows
from tests.chaos.monkey.place import Place
from tests.chaos.monkey.schedule import Done
from tests.running.ledger import Page

_IDS = re.compile(
    r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|\[ds-\d\] \S+|\b(?:plain|pair|apart|thick|thin|pvc|ds|task|vm)-\d+"
)
_FAILED = "SELECT error_text FROM job WHERE state IN ('failed', 'cancelled')"
_SUCCESSES = "SELECT extract(epoch FROM finished_at) FROM job WHERE state = 'succeeded' ORDER BY finished_at"


@dataclass
class Figures:
    """How much of everything there was."""

    jobs: dict[str, int] = field(default_factory=dict)
    """By state."""
    attempts: dict[str, int] = field(default_factory=dict)
    """By outcome."""
    tasks: dict[str, int] = field(default_factory=dict)
    """Outside tasks by state."""
    events: dict[str, int] = field(default_factory=dict)
    most_attempts: int = 0
    longest_recovery_seconds: float = 0
    """From the end of a mischief to the next success of any job, at most."""
    longest_recovery_from: str = ""
    errors: Counter[str] = field(default_factory=Counter)
    """What failed jobs say, without names."""
    page: Page | None = None


def gather(place: Place, done: Done) -> Figures:
    """Read all of them."""
    (most,) = rows(place, "SELECT coalesce(max(attempt), 0) FROM job")[0]
    figures = Figures(
        jobs=_counted(place, "SELECT state::text, count(*) FROM job GROUP BY 1 ORDER BY 1"),
        attempts=_counted(place, "SELECT outcome, count(*) FROM job_attempt GROUP BY 1 ORDER BY 1"),
        tasks=_counted(
            place,
            "SELECT state || CASE WHEN adopted THEN ', adopted' ELSE '' END, count(*)"
            " FROM outside_task GROUP BY 1 ORDER BY 1",
        ),
        events=_counted(place, "SELECT kind, count(*) FROM job_event GROUP BY 1 ORDER BY 1"),
        most_attempts=int(str(most)),
        errors=Counter(_IDS.sub("…", str(text))[:160] for (text,) in rows(place, _FAILED)),
        page=place.ledger.page(),
    )
    successes = [float(str(at)) for (at,) in rows(place, _SUCCESSES)]
    for over, kind in done.undone_at:
        after = min((at - over for at in successes if at > over), default=0.0)
        if after > figures.longest_recovery_seconds:
            figures.longest_recovery_seconds, figures.longest_recovery_from = after, kind
    return figures


def _counted(place: Place, statement: str) -> dict[str, int]:
    return {str(what): int(str(count)) for what, count in rows(place, statement)}


_HISTORY = {
    "job": "SELECT subject, command, state, attempt, error_text, result::text, payload::text FROM job WHERE id = %s",
    "attempt": """
        SELECT number, strategy, outcome, fault, message FROM job_attempt WHERE job_id = %s ORDER BY number
    """,
    "task": """
        SELECT attempt, sequence, command->>'command', state, reference, adopted, fault, message, intended_at,
               submitted_at, settled_at
        FROM outside_task WHERE job_id = %s ORDER BY attempt, sequence
    """,
    "event": """
        SELECT at, actor, kind, from_state, to_state, detail::text FROM job_event WHERE job_id = %s ORDER BY id
    """,
}


def history(place: Place, job_id: str) -> Iterator[str]:
    """Tell all that is written down of a job."""
    for title, statement in _HISTORY.items():
        with place.connect() as connection:
            for row in connection.execute(statement.encode(), [job_id]).fetchall():
                yield f"{job_id} {title}: " + " | ".join(str(value) for value in row)
