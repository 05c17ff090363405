"""Disks that belong to no VM: datastore.disk.create, info, extend, inflate, and first class disks by disk.*."""

from __future__ import annotations

import uuid

import pytest

from tests.running.govc import Govc

pytestmark = pytest.mark.contract

GIB = 1 << 30


def info(govc: Govc, path: str, *flags: str) -> dict[str, str]:
    """Return what datastore.disk.info says of a disk of ds-1."""
    lines = govc("datastore.disk.info", "-ds", "ds-1", *flags, path).splitlines()
    return {line.partition(":")[0].strip(): line.partition(":")[2].strip() for line in lines}


def test_datastore_disk_create_and_info(govc: Govc) -> None:
    assert govc("datastore.disk.create", "-ds", "ds-1", "-size", "1G", "thin.vmdk").endswith("OK\n")
    told = info(govc, "thin.vmdk", "-d")
    assert (told["Name"], told["Type"], told["Parent"]) == ("[ds-1] thin.vmdk", "thin", "")
    assert {"thin.vmdk", "thin-flat.vmdk"} <= govc.files("ds-1")
    govc.refused("datastore.disk.create", "-ds", "ds-1", "-size", "1G", "thin.vmdk")
    govc.refused("datastore.disk.create", "-ds", "ds-1", "-size", "1G", "none/thin.vmdk")


def test_datastore_disk_create_takes_the_space_of_its_type(govc: Govc) -> None:
    free = govc.free_bytes("ds-2")
    govc("datastore.disk.create", "-ds", "ds-2", "-size", "1G", "-d", "thin", "thin.vmdk")
    assert free - govc.free_bytes("ds-2") < GIB // 100
    govc("datastore.disk.create", "-ds", "ds-2", "-size", "1G", "-d", "eagerZeroedThick", "eager.vmdk")
    assert GIB <= free - govc.free_bytes("ds-2") < GIB * 1.01
    govc("datastore.rm", "-ds", "ds-2", "eager.vmdk")
    assert free - govc.free_bytes("ds-2") < GIB // 100


def test_datastore_disk_info_tells_the_uuid(govc: Govc) -> None:
    told = info(govc, "vm-01/vm-01.vmdk", "-uuid")["UUID"]
    (disk,) = govc.json("device.info", "-vm", "vm-01", "disk-*")["devices"]
    assert uuid.UUID(told.replace(" ", "")) == uuid.UUID(disk["backing"]["uuid"])


def test_datastore_disk_create_with_a_uuid(govc: Govc) -> None:
    wanted = "60 00 c2 93 7b a0 3a 03-9f 22 56 c5 29 93 b7 27"
    govc("datastore.disk.create", "-ds", "ds-1", "-size", "1G", "-uuid", wanted, "known.vmdk")
    assert uuid.UUID(info(govc, "known.vmdk", "-uuid")["UUID"].replace(" ", "")) == uuid.UUID(wanted.replace(" ", ""))


def test_datastore_disk_extend(govc: Govc) -> None:
    govc("datastore.disk.create", "-ds", "ds-1", "-size", "1G", "grows.vmdk")
    govc("datastore.disk.extend", "-ds", "ds-1", "-size", "3G", "grows.vmdk")
    (extent,) = govc.json("datastore.download", "-ds", "ds-1", "grows.vmdk", "-")["extent"]
    assert extent["size"] * 512 == 3 * GIB


def test_datastore_disk_inflate(govc: Govc) -> None:
    free = govc.free_bytes("ds-1")
    assert info(govc, "loose/data-1.vmdk")["Type"] == "thin"
    assert govc("datastore.disk.inflate", "-ds", "ds-1", "loose/data-1.vmdk").endswith("OK\n")
    assert info(govc, "loose/data-1.vmdk")["Type"] == "eagerZeroedThick"
    assert free - govc.free_bytes("ds-1") == GIB - GIB // 4, "what was not written is taken now"


def test_datastore_disk_info_shows_the_chain(govc: Govc) -> None:
    govc("snapshot.create", "-vm", "vm-02", "-m=false", "one")
    assert govc("datastore.disk.info", "-ds", "ds-1", "-c", "vm-02/vm-02-000001.vmdk").split() == [
        "vm-02/vm-02-000001.vmdk",
        "vm-02/vm-02.vmdk",
    ]


def listed(govc: Govc, *flags: str) -> dict[str, list[str]]:
    """Return the first class disks of ds-1, by ID."""
    rows = [line.split() for line in govc("disk.ls", "-ds", "ds-1", *flags).splitlines()]
    return {row[0]: row[1:] for row in rows}


def test_disk_create_ls_and_rm(govc: Govc) -> None:
    disk = govc("disk.create", "-ds", "ds-1", "-size", "2G", "volume").strip()
    assert listed(govc)[disk] == ["volume"]
    assert listed(govc, "-l")[disk][:2] == ["volume", "2.0G"]
    path = govc.json("disk.ls", "-ds", "ds-1", disk)["objects"][0]["config"]["backing"]["filePath"]
    assert path.startswith("[ds-1] fcd/")
    file = path.rpartition("/")[2]
    assert {file, file.replace(".vmdk", "-flat.vmdk")} <= govc.files("ds-1", "fcd")
    govc("disk.rm", "-ds", "ds-1", disk)
    assert disk not in listed(govc)
    assert file not in govc.files("ds-1", "fcd")
    govc.refused("disk.rm", "-ds", "ds-1", disk)


def test_disk_register(govc: Govc) -> None:
    disk = govc("disk.register", "-ds", "ds-1", "loose/data-2.vmdk", "found").strip()
    assert listed(govc)[disk] == ["found"]
    backing = govc.json("disk.ls", "-ds", "ds-1", disk)["objects"][0]["config"]["backing"]
    assert backing["filePath"] == "[ds-1] loose/data-2.vmdk"
    govc.refused("disk.register", "-ds", "ds-1", "loose/none.vmdk", "none")


def test_a_registered_disk_has_its_true_size(govc: Govc) -> None:
    disk = govc("disk.register", "-ds", "ds-1", "loose/data-3.vmdk", "sized").strip()
    assert govc.json("disk.ls", "-ds", "ds-1", disk)["objects"][0]["config"]["capacityInMB"] == 1024


def test_a_disk_is_registered_once(govc: Govc) -> None:
    disk = govc("disk.register", "-ds", "ds-1", "loose/data-4.vmdk", "once").strip()
    govc.refused("disk.register", "-ds", "ds-1", "loose/data-4.vmdk", "twice")
    assert [names for names in listed(govc).values() if names in (["once"], ["twice"])] == [["once"]]
    assert disk in listed(govc)


def test_disk_attach_and_detach(govc: Govc) -> None:
    disk = govc("disk.create", "-ds", "ds-1", "-size", "1G", "-keep", "carried").strip()
    path = govc.json("disk.ls", "-ds", "ds-1", disk)["objects"][0]["config"]["backing"]["filePath"]
    govc("disk.attach", "-vm", "vm-03", "-ds", "ds-1", disk)
    assert path in govc.disks("vm-03")
    govc("disk.detach", "-vm", "vm-03", disk)
    assert path not in govc.disks("vm-03")
    assert listed(govc)[disk] == ["carried"]
