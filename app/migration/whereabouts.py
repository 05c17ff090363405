"""Where the commands of a job have left a detached disk, and what an attempt that failed still owes it."""

from __future__ import annotations

from collections.abc import Sequence

from app.hypervisors.commands import (
    CarryDisk,
    CarryImage,
    Command,
    CreateWorker,
    DestroyWorker,
    DetachWorkerDisks,
    MoveVirtualDisk,
    PlaceDisk,
)
from app.hypervisors.vmware import folder_left
from app.migration import worker_commands
from app.migration.programs import Asked, Program
from app.vsphere import inventory
from app.vsphere.paths import datastore_of
from app.vsphere.session import Session


def places(vcenter: Session, history: Sequence[Asked]) -> list[str]:
    """Return the datastore paths where a job's commands may have left the disk, the surest first.

    What is in the folder of a worker VM is ours; what has the name that the disk was to get may be somebody else's. A
    worker that still has the disk is asked for the path.
    """
    of_workers: list[str | None] = []
    wanted: list[str | None] = []
    for asked in reversed(history):
        match asked.command:
            case MoveVirtualDisk() | PlaceDisk() | CarryDisk() | CarryImage():
                wanted.append(asked.command.target_path)
            case DetachWorkerDisks():
                of_workers.append(asked.command.disk_path)
            case CreateWorker():
                of_workers.append(worker_commands.disk_path(vcenter, asked.command.worker))
            case _:
                pass
    return list(dict.fromkeys(path for path in [*of_workers, *wanted] if path))


def as_its_worker_had_it(pool: str, history: Sequence[Asked]) -> DetachWorkerDisks | None:
    """Return what the last worker VM that had the disk on the datastore of this name has said of it."""
    for asked in reversed(history):
        command = asked.command
        if isinstance(command, DetachWorkerDisks) and datastore_of(command.disk_path or "") == pool:
            return command
    return None


def owed(vcenter: Session, programs: Sequence[Program], history: Sequence[Asked]) -> tuple[Command, ...]:
    """Return the commands that give a disk its folder and name back, which it should have got after its worker.

    Empty unless a worker has brought it to its target and it is in the worker's folder now. `programs` and `history`
    are of all attempts, in order.
    """
    let_go = {it.command.worker: it.command for it in history if isinstance(it.command, DetachWorkerDisks)}
    for program in reversed(programs):
        placing = next((it for it in program.commands if isinstance(it, PlaceDisk)), None)
        detaching = next((it for it in program.commands if isinstance(it, DetachWorkerDisks)), None)
        if placing is None or detaching is None:
            continue
        attached = worker_commands.disk_path(vcenter, detaching.worker)
        path = attached or let_go.get(detaching.worker, detaching).disk_path
        if not path or path == placing.target_path or datastore_of(path) != datastore_of(placing.target_path):
            continue  # its relocation came to nothing: it has not left its place
        if inventory.disk_exists(vcenter, placing.datacenter, path) is None:
            return ()
        rest: tuple[Command, ...] = (
            placing.model_copy(update={"source_path": path}),
            DestroyWorker(worker=detaching.worker),
            # A worker that was destroyed while the disk was in its folder has left the folder.
            *folder_left(path, placing.datacenter),
        )
        return (detaching, *rest) if attached else rest
    return ()
