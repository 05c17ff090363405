"""The SQL of those who watch: their lease, what there is to follow, and what they write in batches."""

from __future__ import annotations

from sqlalchemy import text

TAKE_WATCH = text(
    """
    INSERT INTO watch_lease (system_id, owner, expires_at)
    VALUES (:system_id, :owner, now() + make_interval(secs => :lease_seconds))
    ON CONFLICT (system_id) DO UPDATE
      SET owner = :owner, expires_at = now() + make_interval(secs => :lease_seconds),
          fence = watch_lease.fence + CASE WHEN watch_lease.owner = :owner THEN 0 ELSE 1 END
      WHERE watch_lease.owner = :owner OR watch_lease.expires_at < now()
    RETURNING fence
    """
)
"""Take the watch over a system, or keep one's own; no row when another worker has it."""

RENEW_WATCH = text(
    """
    UPDATE watch_lease SET expires_at = now() + make_interval(secs => :lease_seconds)
    WHERE system_id = :system_id AND owner = :owner AND fence = :fence
    """
)
"""Keep one's own watch and nothing else: a watcher that was replaced must not take it back without knowing."""

DROP_WATCH = text("DELETE FROM watch_lease WHERE system_id = :system_id AND owner = :owner AND fence = :fence")

UNWATCHED_SYSTEMS = text(
    """
    SELECT DISTINCT t.system_id FROM outside_task t
    LEFT JOIN watch_lease w ON w.system_id = t.system_id AND w.expires_at >= now()
    WHERE t.settled_at IS NULL AND t.reference IS NOT NULL AND w.system_id IS NULL
    """
)
"""Systems in which something runs that nobody follows."""

FOLLOWED_TASKS = text(
    """
    SELECT id, job_id, reference, command ->> 'vm' AS entity,
           EXTRACT(epoch FROM now() - COALESCE(submitted_at, intended_at))::float AS age_seconds
    FROM outside_task
    WHERE system_id = :system_id AND settled_at IS NULL AND reference IS NOT NULL
    """
)

FRESH_TASKS = text(f"{FOLLOWED_TASKS.text.rstrip()} AND submitted_at > now() - make_interval(secs => :within_seconds)")
"""The same, but only what was submitted lately: asked for several times a second, and there are thousands in all."""

SAVE_PROGRESS = text(
    """
    WITH told AS (
        SELECT unnest(CAST(:ids AS uuid[])) AS id, unnest(CAST(:states AS text[])) AS state,
               unnest(CAST(:progress AS smallint[])) AS progress),
    saved AS (
        UPDATE outside_task t SET state = told.state::task_state, progress = GREATEST(t.progress, told.progress)
        FROM told, watch_lease w
        WHERE t.id = told.id AND t.settled_at IS NULL AND t.id = ANY(CAST(:ids AS uuid[]))
          AND w.system_id = t.system_id AND w.fence = :fence AND w.owner = :owner
        RETURNING t.job_id, t.state, t.progress, t.command, t.stop_refused)
    UPDATE job SET progress = CASE WHEN COALESCE((t.command ->> 'copies')::boolean, true)
                                   THEN GREATEST(job.progress, t.progress) ELSE job.progress END,
                   phase = CASE WHEN job.stop_wish IS NULL THEN ''
                                WHEN t.stop_refused IS NOT NULL THEN 'to be stopped, but it cannot be cancelled: '
                                ELSE 'stopping: ' END
                        || CASE WHEN t.state = 'queued' THEN 'queued by vCenter'
                                ELSE COALESCE(t.command ->> 'doing', 'relocating') END,
                   updated_at = now()
    FROM saved t
    WHERE job.id = t.job_id AND job.state = 'running'
    """
)
"""One statement for many tasks and their jobs. A task that is over never goes back, nor does progress.

One, because only tasks that it has locked itself lead to their jobs: a job whose task has ended meanwhile is about to
be claimed, and whoever finds it locked passes it by.
"""

SETTLE_TASKS = text(
    """
    WITH ended AS (
        SELECT unnest(CAST(:ids AS uuid[])) AS id, unnest(CAST(:states AS text[])) AS state,
               unnest(CAST(:faults AS text[])) AS fault, unnest(CAST(:fault_classes AS text[])) AS fault_class,
               unnest(CAST(:messages AS text[])) AS message)
    UPDATE outside_task t SET state = ended.state::task_state, settled_at = now(),
           fault = ended.fault, fault_class = ended.fault_class, message = ended.message,
           progress = CASE WHEN ended.state = 'success' THEN 100 ELSE t.progress END
    FROM ended
    WHERE t.id = ended.id AND t.settled_at IS NULL AND t.id = ANY(CAST(:ids AS uuid[]))
    RETURNING t.id, t.job_id
    """
)
"""What `SETTLE_TASK` does, for all that ended at once; a row for each that was not settled before."""
