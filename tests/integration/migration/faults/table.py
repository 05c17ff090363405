"""Every fault that vrelocate classifies, as the tests plant it; docs/faults.md shows this very table.

What class a fault is of is said here once more, by what the vSphere facts and the API reference say of it: the tests
hold `app/vsphere/faults.py` against it, and do not read the expectation from there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from app.vsphere.facts import FaultClass
from app.vsphere.remedies import remedy

RETRIED = frozenset({FaultClass.RETRY, FaultClass.RETRY_WHEN_CHANGED, FaultClass.RECONCILE})
"""Classes that are worth another try."""

DOES = {
    FaultClass.RETRY: "tries again",
    FaultClass.RETRY_WHEN_CHANGED: "tries again: somebody may have mended it",
    FaultClass.PERMANENT: "ends the job",
    FaultClass.RECONCILE: "looks whether it is done, else tries again",
    FaultClass.CANCELLED: "ends the job",
}


@dataclass(frozen=True)
class Fault:
    """A fault of vSphere, and how it is planted."""

    name: str
    fault_class: FaultClass
    properties: Mapping[str, object] = field(default_factory=dict, compare=False)
    """Those that the API requires, or that name what it is about."""

    @property
    def is_retried(self) -> bool:
        return self.fault_class in RETRIED

    @property
    def of_files(self) -> bool:
        """Whether it is planted for MoveVirtualDisk_Task too."""
        return self.name in _OF_FILES


def _all(fault_class: FaultClass, *names: str) -> list[Fault]:
    return [Fault(name, fault_class) for name in names]


_RETRY, _CHANGED, _PERMANENT = FaultClass.RETRY, FaultClass.RETRY_WHEN_CHANGED, FaultClass.PERMANENT
_A_TASK = {"type": "Task", "value": "task-1"}
_A_HOST = {"type": "HostSystem", "value": "host-1"}
_A_DATASTORE = {"type": "Datastore", "value": "datastore-1"}
_A_DEVICE = {"device": "Hard disk 1"}

_OF_FILES = frozenset(
    {
        *("FileFault", "FileAlreadyExists", "FileLocked", "NetworkCopyFault", "TooManyConcurrentNativeClones"),
        *("NoDiskSpace", "CannotAccessFile", "FileNotWritable", "FileNotFound", "FileTooLarge", "FileNameTooLong"),
        *("IncorrectFileType", "NotAFile", "NotADirectory"),
        *("InvalidDatastore", "InaccessibleDatastore", "DatastoreNotWritableOnHost"),
        *("HostCommunication", "NotAuthenticated", "NoPermission", "RequestCanceled", "ManagedObjectNotFound"),
    }
)
"""What MoveVirtualDisk_Task declares (FileFault, InvalidDatastore), their kinds, some of what any method may raise."""

FAULTS: tuple[Fault, ...] = (
    Fault("RequestCanceled", FaultClass.CANCELLED),
    Fault("FileAlreadyExists", FaultClass.RECONCILE),
    Fault("AlreadyExists", FaultClass.RECONCILE, {"name": "data.vmdk"}),
    Fault("DuplicateName", FaultClass.RECONCILE, {"name": "worker", "object": _A_HOST}),
    Fault("TaskInProgress", _RETRY, {"task": _A_TASK}),
    *_all(_RETRY, "VAppOperationInProgress", "ConcurrentAccess", "ResourceInUse", "FileLocked", "FileFault"),
    *_all(_RETRY, "NetworkCopyFault", "TooManyConcurrentNativeClones", "Timedout", "HostCommunication"),
    *_all(_RETRY, "HostNotReachable", "HostNotConnected", "HostConnectFault", "NotAuthenticated"),
    Fault("MigrationNotReady", _RETRY, {"reason": "resuming"}),
    *_all(_RETRY, "DatabaseError"),
    Fault("SystemError", _RETRY, {"reason": "copying"}),
    Fault("UnexpectedFault", _RETRY, {"faultName": "SystemError"}),
    Fault("MethodDisabled", _CHANGED, {"source": "backup"}),
    Fault("NoDiskSpace", _CHANGED, {"datastore": "new"}),
    *_all(_CHANGED, "InsufficientStorageSpace"),
    Fault("InsufficientStorageIops", _CHANGED, {"datastoreName": "new"}),
    *_all(_CHANGED, "InsufficientResourcesFault"),
    Fault("InaccessibleDatastore", _CHANGED, {"name": "new"}),
    Fault("DatastoreNotWritableOnHost", _CHANGED, {"name": "new", "host": _A_HOST}),
    Fault("InvalidDatastoreState", _CHANGED, {"datastoreName": "new"}),
    *_all(_CHANGED, "InvalidHostState", "MaintenanceModeFileMove", "CannotAccessVmComponent", "CannotAccessFile"),
    *_all(_CHANGED, "FileNotWritable", "InvalidState", "NoCompatibleHost", "NotEnoughLicenses"),
    *_all(_PERMANENT, "MigrationFault", "VmConfigFault"),
    Fault("InvalidDatastore", _PERMANENT, {"name": "new"}),
    *_all(_PERMANENT, "NotFound"),
    Fault("InvalidArgument", _PERMANENT, {"invalidProperty": "spec.datastore"}),
    *_all(_PERMANENT, "NotSupported"),
    Fault("NoPermission", _PERMANENT, {"privilegeId": "Datastore.FileManagement"}),
    Fault("InvalidPowerState", _PERMANENT, {"existingState": "poweredOn"}),
    *_all(_PERMANENT, "FileNotFound"),
    Fault("FileTooLarge", _PERMANENT, {"datastore": "new"}),
    *_all(_PERMANENT, "FileNameTooLong", "IncorrectFileType", "NotAFile", "NotADirectory", "DiskMoveTypeNotSupported"),
    Fault("CannotMoveVmWithDeltaDisk", _PERMANENT, _A_DEVICE),
    *_all(_PERMANENT, "DisallowedMigrationDeviceAttached"),
    Fault("RDMNotSupported", _PERMANENT, _A_DEVICE),
    *_all(_PERMANENT, "RDMNotPreserved", "RDMConversionNotSupported"),
    Fault("MultiWriterNotSupported", _PERMANENT, _A_DEVICE),
    Fault("SharedBusControllerNotSupported", _PERMANENT, _A_DEVICE),
    Fault("ManagedObjectNotFound", _PERMANENT, {"obj": _A_DATASTORE}),
    *_all(_PERMANENT, "MethodFault"),
)


@dataclass(frozen=True)
class Subject:
    """What a fault is planted for."""

    fault: Fault
    is_vm: bool

    @property
    def id(self) -> str:
        """How the tests that plant it there are called between their brackets."""
        return f"{'vm' if self.is_vm else 'disk'}-{self.fault.name}"


SUBJECTS = [Subject(fault, is_vm) for fault in FAULTS for is_vm in (True, False) if is_vm or fault.of_files]


def as_table() -> str:
    """Return the table of docs/faults.md."""
    rows = ["| fault | class | vrelocate | what its error text tells to do | tests |", "|---|---|---|---|---|"]
    for fault in FAULTS:
        ids = ", ".join(f"`{subject.id}`" for subject in SUBJECTS if subject.fault is fault)
        rows.append(
            f"| `{fault.name}` | {fault.fault_class} | {DOES[fault.fault_class]} | {remedy(fault.name)} | {ids} |"
        )
    return "\n".join(rows)


if __name__ == "__main__":
    print(as_table())  # noqa: T201  # what the page is to show
