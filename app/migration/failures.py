"""What went wrong, in the terms that decide what happens next.

A fault of vCenter's has its class from `app/vsphere/faults.py`, and from there alone (law 8).
"""

from __future__ import annotations

from app.errors import ResourceInUse, ResourceUnavailable, VrelocateError
from app.jobs.attempts import Failure
from app.jobs.models import OutsideTask
from app.vsphere.errors import CertificateRefused, VCenterFault, VCenterLoginFailed
from app.vsphere.facts import FaultClass

_RETRYABLE = frozenset({FaultClass.RETRY, FaultClass.RETRY_WHEN_CHANGED, FaultClass.RECONCILE})
_UNREACHABLE_UNTIL_MENDED = (CertificateRefused, VCenterLoginFailed)


def of_error(error: Exception) -> Failure:
    """Classify what a step raised."""
    if isinstance(error, VCenterFault):
        return of_fault(error.fault.name, error.fault.classification, str(error))
    if isinstance(error, _UNREACHABLE_UNTIL_MENDED):
        # A password that is being changed, a certificate that is being renewed: tell, and try again.
        return Failure(type(error).__name__, FaultClass.RETRY_WHEN_CHANGED, str(error), error.code, retryable=True)
    if isinstance(error, ResourceUnavailable | ResourceInUse):
        return Failure(type(error).__name__, FaultClass.RETRY, str(error), error.code, retryable=True)
    if isinstance(error, VrelocateError):
        return Failure(type(error).__name__, FaultClass.PERMANENT, str(error), error.code)
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
