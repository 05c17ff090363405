"""VMs and disks out of their properties: the odd ones that a simulator does not have."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest

from app.vsphere.answers import Found, Node, Objects
from app.vsphere.entities import datacenter_of, plain_name
from app.vsphere.facts import DiskFormat, VirtualMachine
from app.vsphere.machines import WORKER_OF_JOB, machine

pytestmark = pytest.mark.unit

XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xmlns="urn:vim25"'


def node(inner: str, kind: str = "") -> Node:
    return Node(ET.fromstring(f'<x {XSI} xsi:type="{kind}">{inner}</x>'))  # noqa: S314  # our own text


def places() -> Objects:
    return {
        "group-d1": Found("Folder", {}),
        "datacenter-1": Found("Datacenter", {"name": "dc", "parent": "group-d1"}),
        "group-h1": Found("Folder", {"parent": "datacenter-1"}),
        "domain-c1": Found("ClusterComputeResource", {"name": "cluster", "parent": "group-h1"}),
        "host-1": Found("HostSystem", {"name": "esx", "parent": "domain-c1"}),
        "group-s1": Found("Folder", {"parent": "datacenter-1"}),
        "datastore-1": Found("Datastore", {"parent": "group-s1", "summary": node("<name>ds</name>")}),
        "datastore-2": Found("Datastore", {"parent": "group-s1", "summary": node("<name>other</name>")}),
        # The same name in another datacenter.
        "datacenter-2": Found("Datacenter", {"name": "dc2", "parent": "group-d1"}),
        "datastore-9": Found("Datastore", {"parent": "datacenter-2", "summary": node("<name>ds</name>")}),
    }


def read(properties: dict[str, object]) -> VirtualMachine:
    vm = machine("vm-1", {**places(), "vm-1": Found("VirtualMachine", {"name": "app", **properties})})
    assert vm is not None
    return vm


def disk(backing: str, kind: str = "VirtualDiskFlatVer2BackingInfo", controller: int = 1000) -> Node:
    return node(
        f"""<key>2000</key><deviceInfo><label>Hard disk 1</label></deviceInfo>
        <backing xsi:type="{kind}">{backing}</backing><controllerKey>{controller}</controllerKey>
        <unitNumber>0</unitNumber><capacityInKB>1024</capacityInKB>""",
        "VirtualDisk",
    )


def test_a_disk_on_snapshots_has_its_ancestors() -> None:
    vm = read(
        {
            "rootSnapshot": ["snapshot-1"],
            "config.hardware.device": [
                disk(
                    """<fileName>[ds] vm/vm-000002.vmdk</fileName><datastore type="Datastore">datastore-1</datastore>
                    <diskMode>persistent</diskMode><thinProvisioned>true</thinProvisioned>
                    <parent><fileName>[ds] vm/vm-000001.vmdk</fileName>
                    <parent><fileName>[other] base/base.vmdk</fileName></parent></parent>"""
                )
            ],
        }
    )
    (found,) = vm.disks
    assert vm.has_snapshots
    assert found.path == "[ds] vm/vm-000002.vmdk"
    assert found.chain == ("[ds] vm/vm-000001.vmdk", "[other] base/base.vmdk")
    assert (found.thin, found.backing_kind, found.datastore_moref) == (True, "FlatVer2", "datastore-1")
    assert vm.linked_to == ("[other] base/base.vmdk",)
    assert found.capacity_bytes == 1024 * 1024  # an old host tells kilobytes alone


def test_a_disk_takes_what_all_files_of_its_chain_take() -> None:
    plain = disk("<fileName>[ds] vm/vm-000001.vmdk</fileName>")
    files = [
        node(f"<key>{key}</key><name>[ds] vm/{name}</name><type>{kind}</type><size>{size}</size>")
        for key, name, kind, size in [
            (0, "vm.vmx", "config", 9_999),
            (4, "vm.vmdk", "diskDescriptor", 600),
            (5, "vm-flat.vmdk", "diskExtent", 700_000),
            (6, "vm-000001.vmdk", "diskDescriptor", 400),
            (7, "vm-000001-delta.vmdk", "diskExtent", 5_000),
        ]
    ]
    layout = node(
        "<key>2000</key><chain><fileKey>4</fileKey><fileKey>5</fileKey></chain>"
        "<chain><fileKey>6</fileKey><fileKey>7</fileKey></chain>"
    )
    told = {"config.hardware.device": [plain], "layoutEx.file": files, "layoutEx.disk": [layout]}
    assert read(told).disks[0].physical_bytes == 706_000
    assert read(told).other_bytes == 9_999
    assert read({}).other_bytes is None
    assert read({"config.hardware.device": [plain], "layoutEx.file": files}).disks[0].physical_bytes is None


def test_a_raw_device_mapping_says_what_it_is() -> None:
    backing = "<fileName>[ds] vm/rdm.vmdk</fileName><uuid>6000C29a-5f08-4dcd-7a3c-0123456789ab</uuid>"
    (found,) = read({"config.hardware.device": [disk(backing, "VirtualDiskRawDiskMappingVer1BackingInfo")]}).disks
    assert (found.backing_kind, found.thin) == ("RawDiskMappingVer1", None)
    assert found.uuid == "6000c29a-5f08-4dcd-7a3c-0123456789ab"


def test_a_raw_disk_has_the_path_of_its_descriptor() -> None:
    backing = "<descriptorFileName>[ds] vm/raw.vmdk</descriptorFileName>"
    (found,) = read({"config.hardware.device": [disk(backing, "VirtualDiskRawDiskVer2BackingInfo")]}).disks
    assert (found.path, found.backing_kind, found.datastore_moref) == ("[ds] vm/raw.vmdk", "RawDiskVer2", None)


def test_disks_that_are_shared_or_encrypted_say_so() -> None:
    shared = node("<key>1001</key><sharedBus>virtualSharing</sharedBus>", "ParaVirtualSCSIController")
    alone = node("<key>1000</key><sharedBus>noSharing</sharedBus>", "VirtualLsiLogicController")
    multi = disk("<fileName>[ds] a.vmdk</fileName><sharing>sharingMultiWriter</sharing>")
    bus = disk("<fileName>[ds] b.vmdk</fileName><sharing>sharingNone</sharing>", controller=1001)
    locked = disk("<fileName>[ds] c.vmdk</fileName><keyId><keyId>k</keyId></keyId>")
    disks = read({"config.hardware.device": [alone, shared, multi, bus, locked]}).disks
    assert [(found.multi_writer, found.shared_bus, found.encrypted) for found in disks] == [
        (True, False, False),
        (False, True, False),
        (False, False, True),
    ]


def test_iso_images_on_datastores_are_found() -> None:
    iso = '<backing xsi:type="VirtualCdromIsoBackingInfo"><fileName>{}</fileName></backing>'
    drives = [
        node(iso.format("[ds] iso/install.iso"), "VirtualCdrom"),
        node(iso.format("[] /vmimages/tools-isoimages/linux.iso"), "VirtualCdrom"),
        node('<backing xsi:type="VirtualCdromRemotePassthroughBackingInfo"/>', "VirtualCdrom"),
        node("", "VirtualCdrom"),
    ]
    assert read({"config.hardware.device": drives}).iso_paths == ("[ds] iso/install.iso",)


def test_floppy_images_on_datastores_are_found() -> None:
    image = '<backing xsi:type="VirtualFloppyImageBackingInfo"><fileName>[ds] drivers.flp</fileName></backing>'
    remote = '<backing xsi:type="VirtualFloppyRemoteDeviceBackingInfo"><deviceName>a</deviceName></backing>'
    drives = [node(image, "VirtualFloppy"), node(remote, "VirtualFloppy")]
    assert read({"config.hardware.device": drives}).floppy_paths == ("[ds] drivers.flp",)


def test_an_inaccessible_vm_tells_its_home_and_that_nothing_more_is_known() -> None:
    vm = read(
        {
            "summary.config.vmPathName": "[ds] vm/vm.vmx",
            "runtime.connectionState": "inaccessible",
            "runtime.host": "host-1",
            "datastore": ["datastore-1"],
        }
    )
    assert (vm.config_known, vm.disks, vm.uuid, vm.memory_bytes) == (False, (), None, None)
    assert (vm.connection_state, vm.home_datastore_moref) == ("inaccessible", "datastore-1")


def test_a_vm_in_a_vapp_is_in_the_datacenter_of_its_host() -> None:
    vm = read({"runtime.host": "host-1", "config.files.vmPathName": "[ds] vm/vm.vmx"})
    assert (vm.datacenter_moref, vm.cluster_moref) == ("datacenter-1", "domain-c1")
    assert vm.home_datastore_moref == "datastore-1"  # and not its namesake in the other datacenter


def test_a_home_that_the_list_of_datastores_does_not_have_yet_is_found_by_name() -> None:
    vm = read({"runtime.host": "host-1", "config.files.vmPathName": "[other] vm/vm.vmx", "datastore": ["datastore-1"]})
    assert vm.home_datastore_moref == "datastore-2"


def test_a_vm_that_vanished_while_it_was_read_is_none() -> None:
    assert machine("vm-1", {**places(), "vm-1": Found("VirtualMachine", {})}) is None
    assert machine("vm-2", places()) is None


def test_a_datacenter_is_not_guessed_when_an_ancestor_is_missing() -> None:
    objects = places()
    del objects["group-h1"]
    assert datacenter_of(objects, "host-1") is None
    assert datacenter_of(objects, "group-d1") is None
    assert datacenter_of(objects, None) is None


def test_names_lose_vspheres_escapes_and_nothing_else() -> None:
    assert plain_name("a%2fb%5Cc%25d") == "a/b\\c%d"
    assert plain_name("100%41") == "100%41"
    assert plain_name("%252f") == "%2f"


@pytest.mark.parametrize(
    ("backing", "expected"),
    [
        ("<thinProvisioned>true</thinProvisioned><eagerlyScrub>false</eagerlyScrub>", DiskFormat.THIN),
        ("<thinProvisioned>true</thinProvisioned>", DiskFormat.THIN),
        ("<thinProvisioned>false</thinProvisioned><eagerlyScrub>true</eagerlyScrub>", DiskFormat.EAGER),
        ("<eagerlyScrub>true</eagerlyScrub>", DiskFormat.EAGER),
        ("<thinProvisioned>false</thinProvisioned><eagerlyScrub>false</eagerlyScrub>", DiskFormat.THICK),
        ("<thinProvisioned>false</thinProvisioned>", None),  # eagerlyScrub "may be unset if its value is unknown"
        ("", None),
    ],
)
def test_a_disks_format_is_known_where_its_backing_says_it(backing: str, expected: DiskFormat | None) -> None:
    (found,) = read({"config.hardware.device": [disk(f"<fileName>[ds] vm/vm.vmdk</fileName>{backing}")]}).disks
    assert found.format is expected


def test_a_vm_says_that_it_is_a_worker_and_that_it_needs_consolidation() -> None:
    told = read(
        {
            WORKER_OF_JOB: node("<key>vrelocate.job</key><value>job-1</value>", "OptionValue"),
            "runtime.consolidationNeeded": True,
        }
    )
    assert (told.worker_of_job, told.consolidation_needed) == ("job-1", True)
    untold = read({})
    assert (untold.worker_of_job, untold.consolidation_needed) == (None, False)
