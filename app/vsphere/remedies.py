"""What an operator can do about a fault that ended a job: the last clause of its error text.

vCenter says what it did not like; what to do about it is left to whoever reads it at night. Matched by type, the
nearest class first, as in `faults`; what every fault is, MethodFault, says where to read on.
"""

from __future__ import annotations

from pyVmomi.VmomiSupport import GuessWsdlType

_ROOM = "free some space there, or choose another pool"
_HOST = "check in vCenter that its hosts are connected and answer, then migrate again"
_DATASTORE = "check in vCenter that its hosts reach both pools and may write to the target, then migrate again"
_FILE = "look at that file in the datastore browser: it is not what the inventory takes it for; sync the vCenter"
_RAW = "a raw device stays where it is: migrate the other disks by themselves, or convert it first"
_WORDS = "read vCenter's log of the task (vpxd.log), remove the cause, then migrate again"
_AT_WORK = "wait until what works on it in vCenter has ended, then migrate again"
_AGAIN = "migrate again when vCenter and its hosts are calm; if it stays, its log of the task (vpxd.log) says more"
_TAKEN = "something of that name is there already: rename or remove it, then migrate again"

_BY_TYPE: dict[str, str] = {
    "RequestCanceled": "somebody cancelled it in vCenter: migrate again if that was a mistake",
    "FileAlreadyExists": _TAKEN,
    "AlreadyExists": _TAKEN,
    "DuplicateName": _TAKEN,
    "TaskInProgress": _AT_WORK,
    "VAppOperationInProgress": _AT_WORK,
    "ConcurrentAccess": _AT_WORK,
    "ResourceInUse": "find in vCenter what uses it, end that, then migrate again",
    "FileLocked": "find what has the file open (a backup, another host, a VM that runs), end that, then migrate again",
    "FileFault": "look in vCenter whether its hosts can read and write that file, then migrate again",
    "NetworkCopyFault": "check the management network between the hosts of both pools, then migrate again",
    "TooManyConcurrentNativeClones": "wait until the storage array has ended its other clones, then migrate again",
    "Timedout": _AGAIN,
    "HostCommunication": _HOST,
    "HostNotReachable": _HOST,
    "HostNotConnected": _HOST,
    "HostConnectFault": _HOST,
    "NotAuthenticated": "check that vrelocate's account in vCenter is not locked and its password has not changed",
    "MigrationNotReady": "wait until the VM is wholly off, then migrate again",
    "DatabaseError": "check that vCenter's database runs and has room, then migrate again",
    "SystemError": _AGAIN,
    "UnexpectedFault": _AGAIN,
    "MethodDisabled": "backup software or another solution has locked the VM: wait until it is done, or unlock the VM",
    "NoDiskSpace": _ROOM,
    "InsufficientStorageSpace": _ROOM,
    "InsufficientStorageIops": "choose a pool with more I/O left, or lower what the VM has reserved",
    "InsufficientResourcesFault": "give the VM's resource pool or cluster what it lacks, then migrate again",
    "InaccessibleDatastore": _DATASTORE,
    "DatastoreNotWritableOnHost": _DATASTORE,
    "InvalidDatastoreState": "end the datastore's maintenance, or choose another pool",
    "InvalidHostState": "end the host's maintenance, or connect it again, then migrate again",
    "MaintenanceModeFileMove": "end the maintenance of the VM's host, or give the VM another one",
    "CannotAccessVmComponent": _DATASTORE,
    "CannotAccessFile": "give the hosts access to that file (permissions of the NFS export), then migrate again",
    "FileNotWritable": "make the file writable for the hosts, then migrate again",
    "InvalidState": "bring the VM and its host into an ordinary state (a question may be pending), then migrate again",
    "NoCompatibleHost": _HOST,
    "NotEnoughLicenses": "license the hosts for it, then migrate again",
    "MigrationFault": _WORDS,
    "VmConfigFault": "mend the VM's configuration in vCenter, then migrate again",
    "InvalidDatastore": "sync the vCenter, and choose a pool that is still there",
    "NotFound": "sync the vCenter: what the inventory knows is not there any more",
    "InvalidArgument": "sync the vCenter and migrate again: what was asked for does not fit what it has now",
    "NotSupported": "this vCenter cannot do that: change what it names, or move it by hand",
    "NoPermission": "give vrelocate's account in vCenter the missing privilege, then migrate again",
    "InvalidPowerState": "stop the VM: a cold migration moves stopped VMs",
    "FileNotFound": _FILE,
    "FileTooLarge": "choose a pool whose file system takes files of that size",
    "FileNameTooLong": "give the VM or the disk a shorter name, then migrate again",
    "IncorrectFileType": _FILE,
    "NotAFile": _FILE,
    "NotADirectory": _FILE,
    "DiskMoveTypeNotSupported": "delete the snapshots or consolidate the disks, then migrate again",
    "CannotMoveVmWithDeltaDisk": "delete the snapshots or consolidate the disks, then migrate again",
    "DisallowedMigrationDeviceAttached": "disconnect the device that is named (ISO, floppy, USB)",
    "RDMNotSupported": _RAW,
    "RDMNotPreserved": _RAW,
    "RDMConversionNotSupported": _RAW,
    "MultiWriterNotSupported": "end the sharing of the disk in the VM's settings, then migrate again",
    "SharedBusControllerNotSupported": "end the SCSI controller's bus sharing, then migrate again",
    "ManagedObjectNotFound": "sync the vCenter: somebody has removed it from the inventory",
    "MethodFault": _WORDS,
}


def remedy(fault: str) -> str:
    """Return what to do about the vSphere fault of that name; empty for a name that is none of vSphere's faults."""
    try:
        fault_type = GuessWsdlType(fault)  # type: ignore[no-untyped-call]  # pyVmomi leaves it untyped
    except KeyError:
        return ""
    names = (parent.__name__.rpartition(".")[2] for parent in fault_type.__mro__)
    return next((_BY_TYPE[name] for name in names if name in _BY_TYPE), "")
