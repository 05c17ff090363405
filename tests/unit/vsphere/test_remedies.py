"""What the operator is told to do about a fault."""

from __future__ import annotations

import pytest

from app.vsphere import faults, remedies
from app.vsphere.remedies import remedy

pytestmark = pytest.mark.unit


def test_every_fault_that_is_classified_has_a_remedy_and_no_other() -> None:
    assert list(remedies._BY_TYPE) == list(faults._BY_TYPE)


@pytest.mark.parametrize(
    ("fault", "kind_of"),
    [
        ("NoDiskSpace", "NoDiskSpace"),  # a FileFault itself
        ("PhysCompatRDMNotSupported", "RDMNotSupported"),
        ("CannotAccessVmDisk", "CannotAccessVmComponent"),
        ("VAppTaskInProgress", "TaskInProgress"),
        ("DiskHasPartitions", "MethodFault"),
    ],
)
def test_the_nearest_class_decides(fault: str, kind_of: str) -> None:
    assert remedy(fault) == remedies._BY_TYPE[kind_of]


@pytest.mark.parametrize("name", ["DisksNotMoved", "KeyError", "VirtualMachine", "Unknown", ""])
def test_what_is_no_fault_of_vsphere_has_none(name: str) -> None:
    assert remedy(name) == ""


def test_remedies_read_on_after_a_colon() -> None:
    for text in remedies._BY_TYPE.values():
        assert text[0].islower() or text.startswith("vCenter")
        assert not text.endswith(".")
