"""Carrying a transfer to its end: the copy, what becomes of it, and the clean-up when it fails."""

from __future__ import annotations

from contextlib import suppress

from app.db import transaction
from app.errors import LostLease, ResourceUnavailable, VrelocateError
from app.jobs.outside import Ending
from app.jobs.states import TaskState
from app.secondary.access import Places
from app.secondary.copying import Copy
from app.secondary.errors import Abandoned, CarryError
from app.secondary.hold import Hold, WorkerStops
from app.secondary.leftovers import remove_folder
from app.secondary.models import SecondaryStore
from app.secondary.removal import delete_targets
from app.telemetry import logger
from app.vsphere.facts import FaultClass

log = logger(__name__)

CANCELLED = "RequestCanceled"
"""vSphere's name for what somebody asked to stop; the job's records speak with one voice."""


def carry(hold: Hold) -> None:
    """Carry what is held until it is done, has failed, is somebody else's, or this worker stops."""
    about = {"job_id": str(hold.transfer.job_id), "transfer_id": str(hold.transfer.id)}
    with hold.kept_alive():
        try:
            ending, clean = _carried(hold)
            hold.settle(ending)
            log.info("carry.ended", **about, state=ending.state.value, fault=ending.fault)
            if clean:
                _remove_folder(hold)
        except LostLease as lost:
            log.warning("carry.lost", **about, why=str(lost))
        except WorkerStops:
            hold.release()
        except ResourceUnavailable as away:
            # Nothing more can be written down now: whoever takes it next goes on from here.
            log.warning("carry.waits", **about, why=str(away))
            with suppress(ResourceUnavailable):
                hold.release()


def _carried(hold: Hold) -> tuple[Ending, bool]:
    """Run the copy; return how it ended, and whether what is on secondary storage is of no more use to anybody."""
    with Places(hold.check) as places:
        try:
            hold.check()
            Copy(hold, _store_of(hold), places).run()
        except Abandoned as stop:
            failure = Ending(TaskState.ERROR, CANCELLED, FaultClass.CANCELLED, str(stop))
        except (LostLease, WorkerStops, ResourceUnavailable):
            raise
        except CarryError as error:
            failure = Ending(TaskState.ERROR, type(error).__name__, error.fault_class, str(error))
        except VrelocateError as error:
            failure = Ending(TaskState.ERROR, type(error).__name__, FaultClass.PERMANENT, str(error))
        except Exception as error:
            log.exception("carry.failed", job_id=str(hold.transfer.job_id))
            text = f"an unexpected error stopped the copy ({type(error).__name__}): the worker's log has the details"
            failure = Ending(TaskState.ERROR, type(error).__name__, FaultClass.PERMANENT, text)
        else:
            return Ending(TaskState.SUCCESS), False
    return failure, _targets_deleted(hold)


def _targets_deleted(hold: Hold) -> bool:
    """Delete what a failed transfer has begun at targets, before anybody may begin anew.

    `False` leaves it to the sweep, which compares it with what is on secondary storage.
    """
    hold.require()
    try:
        with Places() as places:
            delete_targets(places, hold.transfer, hold.files)
    except (VrelocateError, OSError) as trouble:
        log.warning("secondary.not_cleared", job_id=str(hold.transfer.job_id), why=str(trouble))
        return False
    return True


def _remove_folder(hold: Hold) -> None:
    """Remove the folder on secondary storage, once nobody can take the transfer any more."""
    try:
        remove_folder(_store_of(hold), hold.transfer.id)
    except (VrelocateError, OSError) as trouble:
        log.warning("secondary.not_cleared", job_id=str(hold.transfer.job_id), why=str(trouble))


def _store_of(hold: Hold) -> SecondaryStore:
    with transaction() as session:
        return session.get_one(SecondaryStore, hold.transfer.store_id)
