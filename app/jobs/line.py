"""The line: in which order jobs that contend for something get it, and every statement that asks for that order.

Higher priority first. Among equals the zone goes first that holds the fewest slots of the resource, in it the account
that holds the fewest, then whoever had a turn longest ago, then the oldest job. Those ahead are counted as if they held
theirs already, so that the order of a whole line is known at any moment, and each job's place in it.

Who stands in line for a resource: every job that waits for it, until it has its slot. Whatever takes slots asks `ahead`
under a lock and leaves one for each of those; whatever frees them calls `call_up`. The statements read live jobs, slots
and turns alone.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.jobs.models import HELD_SQL, IN_LINE_SQL

_NOWHERE = "'00000000-0000-0000-0000-000000000000'::uuid"
_FACTS = f"job.id, job.priority, job.created_at, COALESCE(job.zone_id, {_NOWHERE}) AS zone, job.account_id AS account"

_WAITS = f"""
    job.waiting_for = asked.resource AND job.{IN_LINE_SQL}
    AND NOT EXISTS (SELECT FROM slot WHERE slot.resource = asked.resource AND slot.job_id = job.id)
"""

_SLOTS_HELD = f"""
    SELECT asked.resource, COALESCE(job.zone_id, {_NOWHERE}) AS zone, job.account_id AS account, count(*) AS held
    FROM asked JOIN slot ON slot.resource = asked.resource JOIN job ON job.id = slot.job_id GROUP BY 1, 2, 3
"""

_TURNS = """
    SELECT asked.resource, slot_turn.zone_id AS zone, slot_turn.account_id AS account, slot_turn.taken_at
    FROM asked JOIN slot_turn ON slot_turn.resource = asked.resource
"""


def _in_order(candidates: str, held: str, turns: str) -> str:
    """Return the CTEs that give each of `candidates` its `place`, from 1, in the `line` of its resource.

    At one level (held, and ahead of it) whoever has fewer ahead was served before those ahead of others would be.
    """
    return f"""
        candidate AS ({candidates}),
        holder AS ({held}),
        turn AS ({turns}),
        zone_holder AS (SELECT resource, zone, sum(held) AS held FROM holder GROUP BY 1, 2),
        zone_turn AS (SELECT resource, zone, max(taken_at) AS taken_at FROM turn GROUP BY 1, 2),
        of_account AS (
            SELECT candidate.*, row_number() OVER (
                PARTITION BY resource, zone, account ORDER BY priority DESC, created_at, id) AS nth
            FROM candidate),
        of_zone AS (
            SELECT of_account.*, row_number() OVER (
                PARTITION BY resource, zone
                ORDER BY priority DESC, COALESCE(held, 0) + nth, nth, taken_at NULLS FIRST, created_at, id
            ) AS nth_of_zone
            FROM of_account
            LEFT JOIN holder USING (resource, zone, account) LEFT JOIN turn USING (resource, zone, account)),
        line AS (
            SELECT resource, id, row_number() OVER (
                PARTITION BY resource
                ORDER BY priority DESC, COALESCE(held, 0) + nth_of_zone, nth_of_zone, taken_at NULLS FIRST,
                         created_at, id
            ) AS place
            FROM of_zone
            LEFT JOIN zone_holder USING (resource, zone) LEFT JOIN zone_turn USING (resource, zone))
    """


_LINE_OF_SLOTS = _in_order(f"SELECT asked.resource, {_FACTS} FROM asked JOIN job ON {_WAITS}", _SLOTS_HELD, _TURNS)

AHEAD = text(
    f"""
    WITH asked AS (SELECT unnest(CAST(:resources AS text[])) AS resource),
    {
        _in_order(
            f'''
            SELECT asked.resource, {_FACTS} FROM asked JOIN job ON {_WAITS} AND job.id <> :job_id
            UNION ALL SELECT asked.resource, {_FACTS} FROM asked, job WHERE job.id = :job_id
            ''',
            _SLOTS_HELD,
            _TURNS,
        )
    }
    SELECT resource, place - 1 AS ahead FROM line WHERE id = :job_id
    """
)
"""How many stand before a job in each line, wherever it stands itself."""

PLACES = text(
    f"""
    WITH asked AS (
        SELECT DISTINCT waiting_for AS resource FROM job WHERE id = ANY(:job_ids) AND {IN_LINE_SQL}),
    {_LINE_OF_SLOTS}
    SELECT id, place FROM line WHERE id = ANY(:job_ids)
    """
)

CALL_UP = text(
    f"""
    WITH asked AS (
        SELECT resource, free FROM (
            SELECT named.resource,
                   named.slots - (SELECT count(*) FROM slot WHERE slot.resource = named.resource) AS free
            FROM unnest(CAST(:resources AS text[]), CAST(:slots AS integer[])) AS named (resource, slots)) AS counted
        WHERE free > 0),
    {_LINE_OF_SLOTS},
    first AS (
        SELECT job.id, line.place FROM line JOIN asked USING (resource) JOIN job ON job.id = line.id
        WHERE line.place <= asked.free
          AND job.state = 'queued' AND job.waiting_for = asked.resource AND job.next_run_at > now()
        FOR NO KEY UPDATE OF job SKIP LOCKED),
    called AS (
        UPDATE job SET next_run_at = now() FROM first WHERE job.id = first.id
        RETURNING job.id, job.priority, first.place, job.created_at)
    SELECT id FROM called ORDER BY priority DESC, place, created_at, id
    """
)
"""Those in line for whom slots stand free become due at once; who is due already is left to the sweep's bell."""

LINES = text(f"SELECT DISTINCT waiting_for FROM job WHERE {IN_LINE_SQL}")

STAND_IN = text(
    """
    UPDATE job SET waiting_for = :resource
    WHERE id = :job_id AND waiting_for IS NOT NULL AND waiting_for <> :resource
    """
)

TAKE_TURN = text(
    f"""
    INSERT INTO slot_turn (resource, zone_id, account_id, taken_at)
    SELECT resource, COALESCE(job.zone_id, {_NOWHERE}), job.account_id, clock_timestamp()
    FROM unnest(CAST(:resources AS text[])) AS resource, job WHERE job.id = :job_id
    ON CONFLICT (resource, zone_id, account_id) DO UPDATE SET taken_at = EXCLUDED.taken_at
    """
)

_DUE = """
    state = 'queued' AND next_run_at <= now()
    AND (rung_at IS NULL OR rung_at < next_run_at OR rung_at < now() - make_interval(secs => :quiet_seconds))
"""
_AT_WORK = f"""
    SELECT '' AS resource, COALESCE(zone_id, {_NOWHERE}) AS zone, account_id AS account, count(*) AS held
    FROM (SELECT zone_id, account_id FROM job WHERE state = 'running'
          UNION ALL SELECT zone_id, account_id FROM job WHERE {HELD_SQL}) AS at_work
    GROUP BY 2, 3
"""
_NO_TURNS = f"SELECT '' AS resource, {_NOWHERE} AS zone, {_NOWHERE} AS account, now() AS taken_at WHERE false"

RING_QUEUED = text(
    f"""
    WITH {_in_order(f"SELECT '' AS resource, {_FACTS} FROM job WHERE {_DUE}", _AT_WORK, _NO_TURNS)},
    forgotten AS (
        SELECT job.id, line.place FROM line JOIN job ON job.id = line.id WHERE {_DUE}
        ORDER BY line.place LIMIT :most FOR UPDATE OF job SKIP LOCKED),
    rung AS (
        UPDATE job SET rung_at = now() FROM forgotten WHERE job.id = forgotten.id RETURNING job.id, forgotten.place)
    SELECT id FROM rung ORDER BY place
    """
)
"""What is due and was not rung for, whatever it needs: of equals those go first who have the fewest jobs at work."""


def ahead(session: Session, job_id: UUID, resources: Collection[str]) -> dict[str, int]:
    """Return how many jobs are before this one in the line for each of `resources`, none of which it has a slot of."""
    rows = session.execute(AHEAD, {"job_id": job_id, "resources": list(resources)})
    return {row.resource: row.ahead for row in rows}


def places(session: Session, job_ids: Collection[UUID]) -> dict[UUID, int]:
    """Return the place, from 1, of each of these jobs that stands in line for a slot; others are left out."""
    rows = session.execute(PLACES, {"job_ids": list(job_ids)})
    return {row.id: row.place for row in rows}


def call_up(session: Session, slots: Mapping[str, int]) -> list[UUID]:
    """Make those due for whom slots stand free, and return them in their order; `slots`: how many a resource has."""
    given = {"resources": list(slots), "slots": list(slots.values())}
    return list(session.execute(CALL_UP, given).scalars())


def lines(session: Session) -> list[str]:
    """Return the resources that somebody stands in line for."""
    return list(session.execute(LINES).scalars())


def stand_in(session: Session, job_id: UUID, resource: str) -> None:
    """Let a job that stands in a line stand in this one instead; one that stands in none yet does not move."""
    session.execute(STAND_IN, {"job_id": job_id, "resource": resource})


def take_turn(session: Session, job_id: UUID, resources: Collection[str]) -> None:
    """Write down that it is the job's account, in its zone, that was served now."""
    session.execute(TAKE_TURN, {"job_id": job_id, "resources": list(resources)})
