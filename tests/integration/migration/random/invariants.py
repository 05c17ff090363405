"""What has to be true when every job is over, whatever happened meanwhile."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from uuid import UUID

from sqlalchemy import func, select

from app.db import transaction
from app.inventory.models import VirtualMachine
from app.inventory.sync import sync_vcenter
from app.jobs.models import Job
from app.jobs.states import JobState
from app.migration.requests import MigrateVolume
from app.secondary import leftovers
from app.secondary.models import Transfer
from app.vsphere.worker_vm import list_workers
from tests.integration import known
from tests.integration.jobs import rows
from tests.integration.migration.faults.truth import disagreements
from tests.integration.migration.random.files import Files
from tests.integration.migration.random.running import Run, Volumed
from tests.integration.migration.steps import NOTHING_TAKEN, admission
from tests.running.ledger import Ledger

WORKER = "vrelocate-worker-"
NOT_BY_PLACE = ("everything is on", "is already", "instead of", "compare it with a backup")
"""In the errors of jobs that fail although everything is on its target: nothing was to be done, or not as asked."""


def broken(run: Run) -> list[str]:
    """Return what is not as it has to be, in words."""
    after = run.volumes()
    halves = _halves(run, after)
    unknown = disagreements(run.steps.vcenter_id)
    found = [it for it in unknown if not any(path in it for path in halves)]
    found += [*_on_disk(run, after, halves), *_jobs(run, after), *_ledger(run), *_left_over(run)]
    sync_vcenter(run.steps.vcenter_id)
    synced = run.volumes()
    found += [f"a sync finds {it} at {_place(synced, it)}" for it in after if _place(synced, it) != _place(after, it)]
    new = {synced[it].path for it in synced.keys() - after.keys()}
    found += [f"a sync finds a new volume at {it}" for it in sorted(new - halves)]
    return found


def _halves(run: Run, after: dict[UUID, Volumed]) -> set[str]:
    """Return what vCenter has left on datastores that were lost while it copied to them: nobody can delete it there.

    The sync shows it as detached volumes when they are back.
    """
    lost = {f"[{it.pool}]" for it in run.example.mishaps if it.what == "cut"}
    files = run.files
    belonging = _belonging(files, after)
    return {it for it in files.disks.keys() - belonging if it.partition(" ")[0] in lost}


def _belonging(files: Files, volumes: dict[UUID, Volumed]) -> set[str]:
    """Return every disk that is a volume, or that one stands on."""
    return {link for it in volumes.values() if it.path in files.disks for link in files.chain(it.path)}


def _place(volumes: dict[UUID, Volumed], volume_id: UUID) -> tuple[str, str] | None:
    return (volumes[volume_id].path, volumes[volume_id].pool) if volume_id in volumes else None


def _changed(run: Run, after: dict[UUID, Volumed]) -> str:
    gone = [run.before[it].path for it in run.before.keys() - after.keys()]
    new = [after[it].path for it in after.keys() - run.before.keys()]
    return f"gone {sorted(gone)}, new {sorted(new)}"


def _on_disk(run: Run, after: dict[UUID, Volumed], halves: set[str]) -> Iterator[str]:
    """Every volume is in one place with the bytes that it had, and no file is there that belongs to nothing."""
    files = run.files
    yield from (f"stray file {it}" for it in files.strays())
    if after.keys() != run.before.keys():
        yield f"volumes {_changed(run, after)}"
    lost = {it.path for it in after.values()} - files.disks.keys()
    yield from (f"volume {it} is not on its datastore" for it in sorted(lost))
    nobodys = files.disks.keys() - _belonging(files, after) - halves
    yield from (f"disk {it} belongs to nothing" for it in sorted(nobodys))
    for volume_id in after.keys() & run.before.keys():
        was, now = run.before[volume_id].digest, after[volume_id].digest
        if len(was) == len(now) and was != now:
            yield f"volume {after[volume_id].path} has other bytes than before, {was} and {now}"
    with transaction() as session:
        configured = set(session.scalars(select(VirtualMachine.path).where(VirtualMachine.removed_at.is_(None))))
    if configured != files.machines:
        yield f"configurations of VMs {sorted(configured ^ files.machines)} are not where they are known to be"


def _left_over(run: Run) -> Iterator[str]:
    if (taken := admission()) != NOTHING_TAKEN:
        yield f"slots, reservations, marks are left: {taken}"
    yield from (f"worker VM {it.name} is left" for it in list_workers(run.operator.session))
    leftovers.sweep()
    with transaction() as session:
        pending = session.scalar(select(func.count()).where(Transfer.cleared_at.is_(None)))
    if pending:
        yield f"{pending} transfers are not cleared away"
    if run.store_id is not None:
        folder = run.files_root.parents[1] / "secondary" / "vrelocate"
        yield from (f"{it} is left on secondary storage" for it in folder.iterdir() if it.name != "store-id")


def _ledger(run: Run) -> Iterator[str]:
    """Nothing was begun twice at once, and nothing was relocated more often than there were attempts."""
    page = Ledger(run.steps.vcenter).page()
    yield from (f"{times} overlaps on {entity}" for entity, times in page.overlaps.items())
    if page.running:
        yield f"{page.running} tasks still run"
    asked = Counter(it for job_id in run.jobs for it in _copies(run, job_id))
    for method in ("RelocateVM_Task", "RelocateVStorageObject_Task", "MoveVirtualDisk_Task"):
        for entity, counts in page.operations.get(method, {}).items():
            if "vrelocate-worker-" in entity and method == "MoveVirtualDisk_Task":
                continue  # a disk gets its folder back
            known_as = WORKER if WORKER in entity else entity
            if counts.started > asked[known_as] or (known_as != WORKER and counts.succeeded > 1):
                yield f"{method} of {entity}: {counts}, and was asked for {asked[known_as]} times"


def _copies(run: Run, job_id: UUID) -> Iterator[str]:
    """Return the entity of each copy that a job has asked vCenter for: no intent stands for two of them."""
    for task in rows.tasks(job_id):
        command = task.command["command"]
        match command["kind"]:
            case "relocate-vm":
                yield run.jobs[job_id].subject[1]
            case "relocate-worker":
                yield WORKER
            case "move-virtual-disk":
                yield command["source_path"]
            case "relocate-first-class-disk":
                yield run.jobs[job_id].subject[1]


# -- whether what jobs say is true -----------------------------------------------------------------------------------


def _jobs(run: Run, after: dict[UUID, Volumed]) -> Iterator[str]:
    moved_by_a_job: set[UUID] = set()
    for job_id, wish in run.jobs.items():
        job = rows.job(job_id)
        goals = _goals(run, job_id)
        moved_by_a_job |= goals.keys()
        away = [it for it, pool in goals.items() if not _is_there(run, after.get(it), pool, wish.format)]
        home = _home_is_away(run, job_id)
        if job.state is JobState.SUCCEEDED:
            yield from (f"{wish} succeeded, and {after.get(it)} is not on {goals[it]}" for it in away)
            if home:
                yield f"{wish} succeeded, and {home}"
            yield from _result(job, wish, after)
        elif not job.error_text:
            yield f"{wish} failed and does not say why"
        elif not away and not home and not any(words in job.error_text for words in NOT_BY_PLACE):
            yield f"{wish} failed, and everything is on its target: {job.error_text}"
        elif _was_at_work(job_id) or any(it in after and run.before[it].path != after[it].path for it in goals):
            names = [after[it].path.rpartition("/")[2].removesuffix(".vmdk") for it in away if it in after]
            untold = [it for it in names if it not in job.error_text]
            yield from (f"{wish} failed, and does not tell of {it}: {job.error_text}" for it in untold)
    for volume_id, was in run.before.items():
        now = after.get(volume_id)
        if volume_id not in moved_by_a_job and now is not None and (was.path, was.pool) != (now.path, now.pool):
            yield f"{was.path} was nobody's wish, and is at {now.path}"


def _goals(run: Run, job_id: UUID) -> dict[UUID, str]:
    """Return where each volume of a job was to go."""
    wish, request = run.jobs[job_id], run.requests[job_id]
    if isinstance(request, MigrateVolume):
        return {request.volume_id: wish.to}
    disks = [disk.id for disk in known.disks(wish.subject[1])]
    each = {disks[number]: pool for number, pool in wish.each}
    return dict.fromkeys(disks, wish.to) | each if wish.whole else each


def _is_there(run: Run, volume: Volumed | None, pool: str, wanted: str | None) -> bool:
    if volume is None or volume.pool not in run.world.members(pool):
        return False
    return wanted is None or volume.format in {None, wanted}


def _home_is_away(run: Run, job_id: UUID) -> str | None:
    """Say that a VM's configuration is not where the job was to bring it, or was to leave it."""
    wish = run.jobs[job_id]
    kind, name, number = wish.subject
    if kind not in {"vm", "disk"}:
        return None
    [vm] = [vm for vm in run.world.vms if vm.name == name]
    goal = {vm.home}
    root = dict(wish.each).get(0)
    if wish.with_home is not False:
        if kind == "vm" and wish.whole:
            goal = set(run.world.members(wish.to))
        elif kind == "vm" and root is not None:
            goal = set(run.world.members(root))
        elif kind == "disk" and (number == 0 or wish.with_home):
            goal = set(run.world.members(wish.to))
    home = known.vm(name).path or ""
    return None if any(home.startswith(f"[{pool}] ") for pool in goal) else f"the VM is at {home} instead of {goal}"


def _was_at_work(job_id: UUID) -> bool:
    """Say whether the last attempt has got as far as vCenter."""
    last = rows.job(job_id).attempt
    return any(it.attempt == last and it.submitted_at is not None for it in rows.tasks(job_id))


def _result(job: Job, wish: object, after: dict[UUID, Volumed]) -> Iterator[str]:
    result = job.result or {"disks": []}
    for disk in result["disks"]:
        now = after.get(UUID(disk["volume_id"]))
        if not disk["verified"] or now is None or disk["to"] != now.pool or disk.get("path", now.path) != now.path:
            yield f"{wish} tells {disk}, and it is {now}"
