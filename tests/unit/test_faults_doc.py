"""docs/faults.md, the tests that plant faults, and what classifies them name the same faults, of the same classes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pyVmomi.VmomiSupport import GuessWsdlType

from app.migration import failures
from app.vsphere import faults
from app.vsphere.facts import FaultClass
from app.vsphere.faults import classify
from tests.integration.migration.faults import campaign
from tests.integration.migration.faults.table import DOES, FAULTS, RETRIED, Fault, as_table

pytestmark = pytest.mark.unit

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")

NAMED_BY_VSPHERE_FACTS = {
    FaultClass.RETRY: "TaskInProgress ConcurrentAccess ResourceInUse FileLocked Timedout HostCommunication "
    "HostNotReachable HostNotConnected NotAuthenticated",
    FaultClass.RETRY_WHEN_CHANGED: "NoDiskSpace InsufficientStorageSpace InaccessibleDatastore InvalidDatastoreState "
    "MaintenanceModeFileMove InvalidState InsufficientResourcesFault",
    FaultClass.PERMANENT: "InvalidArgument NotSupported NoPermission FileNotFound DiskMoveTypeNotSupported "
    "CannotMoveVmWithDeltaDisk DisallowedMigrationDeviceAttached RDMNotSupported MultiWriterNotSupported "
    "SharedBusControllerNotSupported InvalidDatastore MigrationFault VmConfigFault NotFound",
    FaultClass.RECONCILE: "FileAlreadyExists AlreadyExists",
}
"""What the calls that move things are known to raise: declared by the API reference, or met by other tools."""


def rows(title: str) -> list[list[str]]:
    """Return the cells of the table below a heading, without its own two lines."""
    section = PAGE.partition(f"\n## {title}\n")[2].partition("\n## ")[0]
    table = [line for line in section.splitlines() if line.startswith("|")][2:]
    return [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in table]


def test_what_is_classified_is_planted() -> None:
    assert [(fault.name, fault.fault_class) for fault in FAULTS] == list(faults._BY_TYPE.items())
    planted = {(case.subject.fault.name, moment) for case in campaign.cases() for moment in case.moments}
    assert planted == {(fault.name, moment) for fault in FAULTS for moment in campaign.Moment}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_it_has_the_class_that_the_tests_expect(fault: Fault) -> None:
    assert classify(GuessWsdlType(fault.name)()).classification is fault.fault_class


def test_the_page_shows_the_table() -> None:
    assert as_table() in PAGE, "python -m tests.integration.migration.faults.table prints what belongs there"
    assert len(rows("Faults")) == len(FAULTS)


def test_every_class_is_explained() -> None:
    assert [row[0] for row in rows("Classes")] == list(DOES) == list(FaultClass)
    told = {name for name, _, _, half_way, _ in rows("Classes") if half_way.endswith("tried again")}
    assert told == RETRIED == failures._RETRYABLE


def test_what_vsphere_is_known_to_raise_is_there() -> None:
    classes = {fault.name: fault.fault_class for fault in FAULTS}
    for fault_class, names in NAMED_BY_VSPHERE_FACTS.items():
        assert {name: classes.get(name) for name in names.split()} == dict.fromkeys(names.split(), fault_class)


@pytest.mark.parametrize("row", rows("Without a fault"), ids=lambda row: row[0])
def test_the_tests_that_it_names_exist(row: list[str]) -> None:
    path, _, name = row[-1].partition("::")
    assert re.search(rf"^def {name}\(", (ROOT / path).read_text(encoding="utf-8"), re.MULTILINE), row[-1]
