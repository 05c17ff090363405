"""Failures are classified here, once (law 8).

Is another try worth anything, and what is known of the outcome? Faults are matched by vSphere type, the nearest class
first: NoDiskSpace and FileLocked are both FileFaults, and differ from one another. Whatever the class, a retry looks at
where the disks are before it does anything, so a wrong guess costs time, not data.

MethodDisabled passes: backup software disables RelocateVM_Task while it reads a VM (VDDK's PrepareForAccess), and
DuplicateName is met only by what we make ourselves, an earlier attempt's worker VM.

Two defaults where the API reference leaves it open:
- an unknown fault is permanent: vCenter understood the request and refuses it for a reason that we cannot weigh. Its
  own words reach the operator.
- a bare FileFault or SystemError is worth a retry: vCenter wraps the passing troubles of hosts and storage in them.
"""

from __future__ import annotations

import re
from http.client import HTTPException
from xml.parsers.expat import ExpatError

from app.errors import CapacityExceeded, ResourceInUse, ResourceUnavailable, VrelocateError
from app.vsphere.errors import CertificateRefused, ReplyLost, VCenterFault, VCenterLoginFailed
from app.vsphere.facts import FaultClass, FaultInfo
from app.vsphere.pyvmomi import VimObject, vmodl

__all__ = ["FaultClass", "FaultInfo", "classify"]

_BY_TYPE: dict[str, FaultClass] = {
    # Somebody asked for it.
    "RequestCanceled": FaultClass.CANCELLED,
    # Already there means done, or half done: look.
    "FileAlreadyExists": FaultClass.RECONCILE,
    "AlreadyExists": FaultClass.RECONCILE,
    "DuplicateName": FaultClass.RECONCILE,
    # Passes by itself.
    "TaskInProgress": FaultClass.RETRY,
    "VAppOperationInProgress": FaultClass.RETRY,
    "ConcurrentAccess": FaultClass.RETRY,
    "ResourceInUse": FaultClass.RETRY,
    "FileLocked": FaultClass.RETRY,
    "FileFault": FaultClass.RETRY,
    "NetworkCopyFault": FaultClass.RETRY,
    "TooManyConcurrentNativeClones": FaultClass.RETRY,
    "Timedout": FaultClass.RETRY,
    "HostCommunication": FaultClass.RETRY,
    "HostNotReachable": FaultClass.RETRY,
    "HostNotConnected": FaultClass.RETRY,
    "HostConnectFault": FaultClass.RETRY,
    "NotAuthenticated": FaultClass.RETRY,
    "MigrationNotReady": FaultClass.RETRY,
    "DatabaseError": FaultClass.RETRY,
    "SystemError": FaultClass.RETRY,
    "UnexpectedFault": FaultClass.RETRY,
    # Stays until somebody does something about storage, hosts or licences, or ends what stands in the way.
    "MethodDisabled": FaultClass.RETRY_WHEN_CHANGED,
    "NoDiskSpace": FaultClass.RETRY_WHEN_CHANGED,
    "InsufficientStorageSpace": FaultClass.RETRY_WHEN_CHANGED,
    "InsufficientStorageIops": FaultClass.RETRY_WHEN_CHANGED,
    "InsufficientResourcesFault": FaultClass.RETRY_WHEN_CHANGED,
    "InaccessibleDatastore": FaultClass.RETRY_WHEN_CHANGED,
    "DatastoreNotWritableOnHost": FaultClass.RETRY_WHEN_CHANGED,
    "InvalidDatastoreState": FaultClass.RETRY_WHEN_CHANGED,
    "InvalidHostState": FaultClass.RETRY_WHEN_CHANGED,
    "MaintenanceModeFileMove": FaultClass.RETRY_WHEN_CHANGED,
    "CannotAccessVmComponent": FaultClass.RETRY_WHEN_CHANGED,
    "CannotAccessFile": FaultClass.RETRY_WHEN_CHANGED,
    "FileNotWritable": FaultClass.RETRY_WHEN_CHANGED,
    "InvalidState": FaultClass.RETRY_WHEN_CHANGED,
    "NoCompatibleHost": FaultClass.RETRY_WHEN_CHANGED,
    "NotEnoughLicenses": FaultClass.RETRY_WHEN_CHANGED,
    # The same request fails the same way for ever. Named although it is the default where a base class says otherwise,
    # or where the reference for this table names it.
    "MigrationFault": FaultClass.PERMANENT,
    "VmConfigFault": FaultClass.PERMANENT,
    "InvalidDatastore": FaultClass.PERMANENT,
    "NotFound": FaultClass.PERMANENT,
    "InvalidArgument": FaultClass.PERMANENT,
    "NotSupported": FaultClass.PERMANENT,
    "NoPermission": FaultClass.PERMANENT,
    "InvalidPowerState": FaultClass.PERMANENT,
    "FileNotFound": FaultClass.PERMANENT,
    "FileTooLarge": FaultClass.PERMANENT,
    "FileNameTooLong": FaultClass.PERMANENT,
    "IncorrectFileType": FaultClass.PERMANENT,
    "NotAFile": FaultClass.PERMANENT,
    "NotADirectory": FaultClass.PERMANENT,
    "DiskMoveTypeNotSupported": FaultClass.PERMANENT,
    "CannotMoveVmWithDeltaDisk": FaultClass.PERMANENT,
    "DisallowedMigrationDeviceAttached": FaultClass.PERMANENT,
    "RDMNotSupported": FaultClass.PERMANENT,
    "RDMNotPreserved": FaultClass.PERMANENT,
    "RDMConversionNotSupported": FaultClass.PERMANENT,
    "MultiWriterNotSupported": FaultClass.PERMANENT,
    "SharedBusControllerNotSupported": FaultClass.PERMANENT,
    "ManagedObjectNotFound": FaultClass.PERMANENT,
    "MethodFault": FaultClass.PERMANENT,
}

_VAGUE = {
    "MethodFault", "RuntimeFault", "VimFault", "SystemError", "UnexpectedFault", "MigrationFault", "VmConfigFault",
    "GenericVmConfigFault", "FileFault", "InvalidState", "InvalidDatastore",
}  # fmt: skip
"""Types that say only that something failed: when they name a cause, the cause decides."""

_TELLING_FIELDS = ("file", "datastore", "name", "invalidProperty", "reason")
"""Fields of faults that name what the fault is about; often the only place where the file or datastore stands."""


def classify(error: BaseException) -> FaultInfo:
    """Return name, readable message and class of a vSphere fault, or of any other exception.

    Takes the faults that calls raise and those found in `TaskInfo.error` (pyVmomi makes both exceptions), a
    LocalizedMethodFault, and Python's own.
    """
    if isinstance(error, vmodl.LocalizedMethodFault):
        localized: VimObject = error
        localized.fault.msg = localized.fault.msg or localized.localizedMessage
        return classify(localized.fault)
    if isinstance(error, vmodl.MethodFault):
        return _classify_fault(error)
    if isinstance(error, VCenterFault):
        return error.fault
    return FaultInfo(type(error).__name__, str(error) or _in_words(type(error).__name__), _class_of_exception(error))


def _classify_fault(fault: VimObject) -> FaultInfo:
    cause = fault.faultCause
    name = _vsphere_name(type(fault))
    if cause is not None and name in _VAGUE:
        root = classify(cause)
        own = _message(fault)
        return FaultInfo(root.name, own if root.message in own else f"{own}: {root.message}", root.classification)
    for parent in type(fault).__mro__:
        known = _BY_TYPE.get(_vsphere_name(parent))
        if known is not None:
            return FaultInfo(name, _message(fault), known)
    return FaultInfo(name, _message(fault), FaultClass.PERMANENT)


def _class_of_exception(error: BaseException) -> FaultClass:
    match error:
        case ReplyLost():
            return FaultClass.RECONCILE
        case CertificateRefused() | VCenterLoginFailed() | CapacityExceeded():
            return FaultClass.RETRY_WHEN_CHANGED
        case ResourceUnavailable() | ResourceInUse():
            return FaultClass.RETRY
        case VrelocateError():
            # Errors of what is not vSphere's know their class themselves.
            return FaultClass(getattr(error, "fault_class", FaultClass.PERMANENT))
        case OSError() | HTTPException() | ExpatError():
            return FaultClass.RETRY
        case _:
            return FaultClass.PERMANENT


def _message(fault: VimObject) -> str:
    """Join what the fault says of itself, once each: its text, its detail messages, what it is about."""
    said = [str(fault.msg).strip()] if fault.msg else []
    said += [str(detail.message).strip() for detail in fault.faultMessage or [] if detail.message]
    text = ": ".join(dict.fromkeys(part.rstrip(".") for part in said if part)) or _in_words(_vsphere_name(type(fault)))
    about = [
        f"{field} {value}"
        for field in _TELLING_FIELDS
        if isinstance(value := getattr(fault, field, None), str) and value and not _mentions(text, value)
    ]
    return f"{text} ({', '.join(about)})" if about else text


def _mentions(text: str, value: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(value)}(?!\w)", text) is not None


def _vsphere_name(fault_type: type) -> str:
    """`vim.fault.FileLocked` is how pyVmomi calls the class; vSphere calls it FileLocked."""
    return fault_type.__name__.rpartition(".")[2]


def _in_words(name: str) -> str:
    """`NoDiskSpace` → `no disk space`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()
