"""What went wrong, in the terms that decide what happens next.

Every failure, vCenter's and ours, has its class from `app/vsphere/faults.py`, and from there alone (law 8).
"""

from __future__ import annotations

from app.errors import VrelocateError
from app.jobs.attempts import Failure
from app.jobs.models import OutsideTask
from app.vsphere.facts import FaultClass
from app.vsphere.faults import classify

_RETRYABLE = frozenset({FaultClass.RETRY, FaultClass.RETRY_WHEN_CHANGED, FaultClass.RECONCILE})


def of_error(error: Exception) -> Failure:
    """Classify what a step raised."""
    if isinstance(error, VrelocateError):
        info = classify(error)
        retryable = info.classification in _RETRYABLE
        return Failure(info.name, info.classification, str(error), error.code, retryable=retryable)
    # A bug of ours: nothing says that it would go better next time, and a loop would hide it.
    text = f"an unexpected error stopped this step ({type(error).__name__}): the worker's log has the details"
    return Failure(type(error).__name__, FaultClass.PERMANENT, text)


def of_task(task: OutsideTask) -> Failure:
    """Classify how a vCenter task ended that did not succeed."""
    name = task.fault or "Unknown"
    return of_fault(name, FaultClass(task.fault_class or FaultClass.PERMANENT), task.message or name)


def of_fault(name: str, fault_class: FaultClass, message: str) -> Failure:
    """Turn a classified vSphere fault into a failure; one that is worth another try says so."""
    return Failure(name, fault_class, message, retryable=fault_class in _RETRYABLE)


def stopped(message: str) -> Failure:
    """Return the failure of a step that was not made because the job is to stop; vSphere's own word for it."""
    return Failure("RequestCanceled", FaultClass.CANCELLED, message)
