"""What went wrong, in the terms that decide what happens next."""

from __future__ import annotations

import pytest

from app.errors import (
    CapacityExceeded,
    CheckFailed,
    InvalidParameter,
    NotFound,
    ResourceInUse,
    ResourceUnavailable,
    VrelocateError,
)
from app.jobs.models import OutsideTask
from app.jobs.states import TaskState
from app.migration.checks import VmBusy
from app.migration.failures import of_error, of_fault, of_task
from app.migration.strategies import NoStrategy
from app.vsphere.errors import (
    CertificateRefused,
    ManagedObjectGone,
    ReplyLost,
    VCenterFault,
    VCenterLoginFailed,
    VCenterUnreachable,
)
from app.vsphere.facts import FaultClass, FaultInfo

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("fault_class", "retryable"),
    [
        (FaultClass.RETRY, True),
        (FaultClass.RETRY_WHEN_CHANGED, True),
        (FaultClass.RECONCILE, True),
        (FaultClass.PERMANENT, False),
        (FaultClass.CANCELLED, False),
    ],
)
def test_the_class_of_a_fault_says_whether_it_is_tried_again(fault_class: FaultClass, *, retryable: bool) -> None:
    assert of_fault("SomeFault", fault_class, "told").retryable is retryable


def test_every_class_is_decided_upon() -> None:
    decided = {FaultClass.RETRY, FaultClass.RETRY_WHEN_CHANGED, FaultClass.RECONCILE}
    assert set(FaultClass) == decided | {FaultClass.PERMANENT, FaultClass.CANCELLED}


@pytest.mark.parametrize(
    ("error", "fault_class", "retryable"),
    [
        (VCenterUnreachable("away"), FaultClass.RETRY, True),
        (ResourceUnavailable("the database is away"), FaultClass.RETRY, True),
        (ResourceInUse("busy"), FaultClass.RETRY, True),
        (VmBusy("a task is running"), FaultClass.RETRY, True),
        (CertificateRefused("unknown", seen=None), FaultClass.RETRY_WHEN_CHANGED, True),
        (VCenterLoginFailed("wrong password"), FaultClass.RETRY_WHEN_CHANGED, True),
        (ReplyLost("the connection broke"), FaultClass.RECONCILE, True),
        (CapacityExceeded("full"), FaultClass.RETRY_WHEN_CHANGED, True),
        (CheckFailed(["running", "no space"]), FaultClass.PERMANENT, False),
        (NotFound("gone"), FaultClass.PERMANENT, False),
        (ManagedObjectGone("VirtualMachine", "vm-1"), FaultClass.PERMANENT, False),
        (InvalidParameter("no path"), FaultClass.PERMANENT, False),
        (NoStrategy("nobody"), FaultClass.PERMANENT, False),
        (VCenterFault(FaultInfo("FileLocked", "locked", FaultClass.RETRY)), FaultClass.RETRY, True),
        (VCenterFault(FaultInfo("NoPermission", "no", FaultClass.PERMANENT)), FaultClass.PERMANENT, False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_what_a_step_raised(error: VrelocateError, fault_class: FaultClass, *, retryable: bool) -> None:
    failure = of_error(error)
    assert (failure.fault_class, failure.retryable) == (fault_class, retryable)
    assert failure.message == str(error)


def test_a_vcenter_fault_keeps_its_vsphere_name() -> None:
    error = VCenterFault(FaultInfo("FileLocked", "the file is locked", FaultClass.RETRY))
    assert of_error(error).fault == "FileLocked"


@pytest.mark.parametrize(
    ("error", "code"),
    [(CheckFailed(["no"]), 431), (NotFound("gone"), 431), (VmBusy("busy"), 536), (CapacityExceeded("full"), 533)],
)
def test_the_client_gets_cloudstacks_code(error: VrelocateError, code: int) -> None:
    assert of_error(error).code == code


def test_a_bug_of_ours_ends_the_job_and_tells_no_secrets() -> None:
    failure = of_error(KeyError("password=hunter2"))
    assert not failure.retryable
    assert "KeyError" in failure.message
    assert "hunter2" not in failure.message


def test_a_task_speaks_with_its_faults_words() -> None:
    task = OutsideTask(state=TaskState.ERROR, fault="FileLocked", fault_class="retry", message="it is locked")
    failure = of_task(task)
    assert (failure.fault, failure.message, failure.retryable) == ("FileLocked", "it is locked", True)


def test_a_task_that_says_nothing_of_its_failure_is_not_tried_again() -> None:
    failure = of_task(OutsideTask(state=TaskState.ERROR))
    assert (failure.fault, failure.message, failure.retryable) == ("Unknown", "Unknown", False)
