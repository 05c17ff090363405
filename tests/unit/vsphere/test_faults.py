"""Every fault that the facts name, by class; and what the operator gets to read."""

from __future__ import annotations

import pytest
from pyVmomi import vim, vmodl

from app import errors
from app.vsphere.errors import (
    CertificateRefused,
    DiskNotOnVm,
    ManagedObjectGone,
    ReplyLost,
    VCenterFault,
    VCenterLoginFailed,
    VCenterUnreachable,
)
from app.vsphere.facts import FaultInfo
from app.vsphere.faults import FaultClass, classify

pytestmark = pytest.mark.unit

RETRY = [
    vim.fault.TaskInProgress,
    vim.fault.ConcurrentAccess,
    vim.fault.ResourceInUse,
    vim.fault.FileLocked,
    vim.fault.Timedout,
    vmodl.fault.HostCommunication,
    vmodl.fault.HostNotReachable,
    vmodl.fault.HostNotConnected,
    vim.fault.NotAuthenticated,
    vim.fault.VAppOperationInProgress,
    vim.fault.DatabaseError,
]
RETRY_WHEN_CHANGED = [
    vim.fault.NoDiskSpace,
    vim.fault.InsufficientStorageSpace,
    vim.fault.InsufficientResourcesFault,
    vim.fault.InaccessibleDatastore,
    vim.fault.InvalidDatastoreState,
    vim.fault.MaintenanceModeFileMove,
    vim.fault.InvalidState,
    vim.fault.MethodDisabled,
    vim.fault.NoCompatibleHost,
    vim.fault.CannotAccessVmComponent,
]
PERMANENT = [
    vmodl.fault.InvalidArgument,
    vmodl.fault.NotSupported,
    vim.fault.NoPermission,
    vim.fault.FileNotFound,
    vim.fault.DiskMoveTypeNotSupported,
    vim.fault.CannotMoveVmWithDeltaDisk,
    vim.fault.DisallowedMigrationDeviceAttached,
    vim.fault.RDMNotSupported,
    vim.fault.PhysCompatRDMNotSupported,
    vim.fault.RDMNotPreserved,
    vim.fault.RDMConversionNotSupported,
    vim.fault.MultiWriterNotSupported,
    vim.fault.SharedBusControllerNotSupported,
    vim.fault.InvalidDatastore,
    vim.fault.MigrationFault,
    vim.fault.VmConfigFault,
    vim.fault.NotFound,
    vmodl.fault.ManagedObjectNotFound,
]
RECONCILE = [vim.fault.FileAlreadyExists, vim.fault.AlreadyExists, vim.fault.DuplicateName]
CANCELLED = [vmodl.fault.RequestCanceled]

BY_CLASS = {
    FaultClass.RETRY: RETRY,
    FaultClass.RETRY_WHEN_CHANGED: RETRY_WHEN_CHANGED,
    FaultClass.PERMANENT: PERMANENT,
    FaultClass.RECONCILE: RECONCILE,
    FaultClass.CANCELLED: CANCELLED,
}


@pytest.mark.parametrize(
    ("fault_type", "expected"),
    [(fault, fault_class) for fault_class, faults in BY_CLASS.items() for fault in faults],
    ids=lambda value: value.__name__ if isinstance(value, type) else str(value),
)
def test_each_fault_of_the_facts_has_its_class(fault_type: type[BaseException], expected: FaultClass) -> None:
    info = classify(fault_type())
    assert (info.name, info.classification) == (fault_type.__name__.rpartition(".")[2], expected)
    assert info.message


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        # The nearest class decides: both are kinds of ones that are classified otherwise.
        (vim.fault.InvalidPowerState(), FaultClass.PERMANENT),  # an InvalidState
        (vim.fault.FileTooLarge(), FaultClass.PERMANENT),  # a FileFault
        (vim.fault.VAppTaskInProgress(), FaultClass.RETRY),  # a TaskInProgress
        (vim.fault.InvalidHostConnectionState(), FaultClass.RETRY_WHEN_CHANGED),
        (vim.fault.CannotAccessVmDisk(), FaultClass.RETRY_WHEN_CHANGED),  # a VmConfigFault
        (vim.fault.FileFault(), FaultClass.RETRY),
        (vmodl.fault.SystemError(), FaultClass.RETRY),
        # Unknown ones: vCenter has understood, and refuses.
        (vim.fault.DiskHasPartitions(), FaultClass.PERMANENT),
        (vmodl.MethodFault(), FaultClass.PERMANENT),
        (vmodl.RuntimeFault(), FaultClass.PERMANENT),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else str(value),
)
def test_kinds_of_faults_and_unknown_ones(fault: BaseException, expected: FaultClass) -> None:
    assert classify(fault).classification is expected


def test_a_vague_fault_has_the_class_of_its_cause() -> None:
    cause = vim.fault.NoDiskSpace(
        file="[ds] vm/vm.vmdk", datastore="ds", msg="Insufficient disk space on datastore 'ds'."
    )
    info = classify(vmodl.fault.SystemError(reason="copy", msg="A general system error occurred.", faultCause=cause))
    assert (info.name, info.classification) == ("NoDiskSpace", FaultClass.RETRY_WHEN_CHANGED)
    assert "general system error" in info.message
    assert "Insufficient disk space" in info.message


def test_a_fault_that_is_clear_itself_keeps_its_class() -> None:
    fault = vim.fault.FileLocked(faultCause=vim.fault.FileNotFound())
    assert classify(fault).name == "FileLocked"


def test_the_message_says_all_that_the_fault_says_once() -> None:
    fault = vim.fault.FileLocked(
        msg="Unable to access file since it is locked",
        file="[ds] vm/vm.vmdk",
        faultMessage=[
            vmodl.LocalizableMessage(key="msg.fileio.lock", message="Failed to lock the file."),
            vmodl.LocalizableMessage(key="again", message="Failed to lock the file"),
            vmodl.LocalizableMessage(key="empty"),
        ],
    )
    assert classify(fault).message == (
        "Unable to access file since it is locked: Failed to lock the file (file [ds] vm/vm.vmdk)"
    )


def test_what_the_text_mentions_is_not_said_again() -> None:
    fault = vim.fault.NoDiskSpace(
        msg="There is no space on ds-1 for [ds-1] a.vmdk", file="[ds-1] a.vmdk", datastore="ds-1"
    )
    assert classify(fault).message == "There is no space on ds-1 for [ds-1] a.vmdk"


def test_a_short_name_inside_a_word_is_no_mention() -> None:
    assert classify(vim.fault.NoDiskSpace(datastore="a")).message == "no disk space (datastore a)"


def test_invalid_arguments_name_the_property() -> None:
    info = classify(vmodl.fault.InvalidArgument(invalidProperty="spec.disk[0].diskId"))
    assert "spec.disk[0].diskId" in info.message


def test_localized_faults_are_unwrapped() -> None:
    wrapped = vmodl.LocalizedMethodFault(fault=vim.fault.FileLocked(), localizedMessage="Datei gesperrt")
    assert classify(wrapped) == FaultInfo("FileLocked", "Datei gesperrt", FaultClass.RETRY)


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (ReplyLost("the connection broke"), FaultClass.RECONCILE),
        (VCenterUnreachable("no answer"), FaultClass.RETRY),
        (CertificateRefused("another certificate", seen=None), FaultClass.RETRY_WHEN_CHANGED),
        (VCenterLoginFailed("wrong password"), FaultClass.RETRY_WHEN_CHANGED),
        (ManagedObjectGone("VirtualMachine", "vm-1"), FaultClass.PERMANENT),
        (DiskNotOnVm("no disk 2001"), FaultClass.PERMANENT),
        (errors.CapacityExceeded("full"), FaultClass.RETRY_WHEN_CHANGED),
        (errors.ResourceInUse("busy"), FaultClass.RETRY),
        (errors.ConfigurationError("no key"), FaultClass.PERMANENT),
        (ConnectionResetError("reset by peer"), FaultClass.RETRY),
        (TimeoutError(), FaultClass.RETRY),
        (ZeroDivisionError("a bug"), FaultClass.PERMANENT),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, BaseException) else str(value),
)
def test_exceptions_have_a_class_too(error: BaseException, expected: FaultClass) -> None:
    info = classify(error)
    assert (info.name, info.classification) == (type(error).__name__, expected)
    assert info.message


def test_a_refusal_keeps_the_fault_that_it_was() -> None:
    fault = FaultInfo("FileLocked", "locked", FaultClass.RETRY)
    assert classify(VCenterFault(fault)) is fault
