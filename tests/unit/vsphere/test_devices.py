"""A VM's disks out of its devices: where they hang, what they stand on, what they are."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from app.vsphere.answers import Node
from app.vsphere.devices import disks_among, links_elsewhere
from app.vsphere.facts import Disk, DiskFormat

pytestmark = pytest.mark.unit

XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns="urn:vim25"'


def node(inner: str, kind: str = "") -> Node:
    return Node(ET.fromstring(f'<x {XSI} xsi:type="{kind}">{inner}</x>'))  # noqa: S314  # our own text


def disk(backing: str, *, more: str = "", controller: Node | None = None) -> Disk:
    device = node(
        f"""<key>2001</key>{more}<backing xsi:type="VirtualDiskFlatVer2BackingInfo">{backing}</backing>
        <controllerKey>1001</controllerKey><unitNumber>1</unitNumber><capacityInBytes>5</capacityInBytes>""",
        "VirtualDisk",
    )
    [found] = disks_among([controller, device] if controller else [device], {})
    return found


def on(*paths: str) -> Disk:
    """A disk whose chain has these paths, its own first."""
    head, *parents = paths
    inner = ""
    for path in reversed(parents):
        inner = f"<parent><fileName>{path}</fileName>{inner}</parent>"
    return disk(f"<fileName>{head}</fileName>{inner}")


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        ("ParaVirtualSCSIController", "scsi"),
        ("VirtualLsiLogicSASController", "scsi"),
        ("VirtualBusLogicController", "scsi"),
        ("VirtualAHCIController", "sata"),
        ("VirtualNVMEController", "nvme"),
        ("VirtualIDEController", "ide"),
        ("VirtualUSBController", None),
    ],
)
def test_a_disk_knows_its_place_on_its_controller(kind: str, told: str | None) -> None:
    found = disk("", controller=node("<key>1001</key><busNumber>1</busNumber>", kind))
    assert (found.controller, found.bus_number, found.unit_number) == (told, 1, 1)


def test_a_disk_whose_controller_is_not_told_hangs_on_none() -> None:
    assert (disk("").controller, disk("").bus_number, disk("").shared_bus) == (None, None, False)


def test_a_disk_that_is_a_first_class_disk_has_its_id() -> None:
    assert disk("", more="<vDiskId><id>5f-1</id></vDiskId>").fcd_id == "5f-1"
    assert disk("").fcd_id is None


def test_the_format_of_a_chain_is_that_of_the_disk_it_stands_on() -> None:
    thin, flat = "<thinProvisioned>true</thinProvisioned>", "<thinProvisioned>false</thinProvisioned>"
    eager = f"{flat}<eagerlyScrub>true</eagerlyScrub>"
    delta = "<fileName>[ds] vm/vm-000001.vmdk</fileName>" + thin
    assert disk(f"{delta}<parent><fileName>[ds] vm/vm.vmdk</fileName>{eager}</parent>").format is DiskFormat.EAGER
    # Where the parents do not say, the newest link does.
    assert disk(f"{delta}<parent><fileName>[ds] vm/vm.vmdk</fileName></parent>").format is DiskFormat.THIN


def test_snapshots_hang_on_files_of_the_vm_itself() -> None:
    home = "[ds] vm/vm.vmx"
    snapshots = on("[ds] vm/vm-000002.vmdk", "[ds] vm/vm-000001.vmdk", "[ds] vm/vm.vmdk")
    attached = on("[ds] loose/data-000001.vmdk", "[ds] loose/data.vmdk")
    working_folder = on("[fast] work/vm-000001.vmdk", "[ds2] vm/vm_1.vmdk")
    assert links_elsewhere([snapshots, attached, working_folder, on("[ds] other/x.vmdk")], home) == ()


def test_a_linked_clone_hangs_on_files_of_its_source() -> None:
    snapshot, base = "[ds] golden/golden-000001.vmdk", "[ds] golden/golden.vmdk"
    clone = on("[fast] desk/desk-000001.vmdk", "[fast] desk/desk.vmdk", snapshot, base)
    # Each file that is left for another folder is told, once; what that one stands on is its own affair.
    assert links_elsewhere([clone, clone], "[fast] desk/desk.vmx") == (snapshot,)
    assert links_elsewhere([clone], None) == (snapshot,)
