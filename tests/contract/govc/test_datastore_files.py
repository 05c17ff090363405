"""Files of datastores: datastore.upload, download, ls, mkdir, mv, cp, rm."""

from __future__ import annotations

import hashlib
import random
from pathlib import Path

import pytest

from tests.running.govc import Govc

pytestmark = pytest.mark.contract

MIB = 1 << 20


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """A file of this machine with content that is not all the same."""
    path = tmp_path / "image.iso"
    path.write_bytes(random.Random(4).randbytes(3 * MIB))  # noqa: S311  # content, no secret
    return path


def digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def test_datastore_upload_and_download(govc: Govc, image: Path, tmp_path: Path) -> None:
    govc("datastore.mkdir", "-ds", "ds-1", "isos")
    assert govc("datastore.upload", "-ds", "ds-1", image, "isos/image.iso").endswith("OK\n")
    assert govc("datastore.ls", "-ds", "ds-1", "-l", "isos").split()[0] == "3.0MB"
    back = tmp_path / "back.iso"
    govc("datastore.download", "-ds", "ds-1", "isos/image.iso", back)
    assert digest(back) == digest(image)


def test_datastore_upload_from_standard_input(govc: Govc) -> None:
    govc("datastore.upload", "-ds", "ds-1", "-", "words.txt", given="a few words\n")
    assert govc("datastore.download", "-ds", "ds-1", "words.txt", "-") == "a few words\n"
    govc("datastore.upload", "-ds", "ds-1", "-", "words.txt", given="other\n")
    assert govc("datastore.download", "-ds", "ds-1", "words.txt", "-") == "other\n", "an upload replaces"


def test_an_upload_takes_space(govc: Govc, image: Path) -> None:
    free = govc.free_bytes("ds-2")
    govc("datastore.upload", "-ds", "ds-2", image, "image.iso")
    assert 3 * MIB <= free - govc.free_bytes("ds-2") < 5 * MIB
    govc("datastore.rm", "-ds", "ds-2", "image.iso")
    assert govc.free_bytes("ds-2") == free


def test_datastore_download_of_what_is_not_there(govc: Govc) -> None:
    assert "404" in govc.refused("datastore.download", "-ds", "ds-1", "none.txt", "-")


def test_a_descriptor_is_the_text_of_a_vmdk(govc: Govc) -> None:
    text = govc("datastore.download", "-ds", "ds-1", "vm-01/vm-01.vmdk", "-")
    assert text.startswith("# Disk DescriptorFile\n")
    told = govc.json("datastore.download", "-ds", "ds-1", "vm-01/vm-01.vmdk", "-")
    (extent,) = told["extent"]
    assert extent["info"] == "vm-01-flat.vmdk"
    assert extent["size"] * 512 == 1 << 30, "an extent's size is in sectors"


def test_a_descriptor_tells_the_disks_uuid(govc: Govc) -> None:
    ddb = govc.json("datastore.download", "-ds", "ds-1", "vm-01/vm-01.vmdk", "-")["ddb"]
    (disk,) = govc.json("device.info", "-vm", "vm-01", "disk-*")["devices"]
    assert ddb["uuid"].replace(" ", "").replace("-", "").lower() == disk["backing"]["uuid"].replace("-", "").lower()
    assert ddb["thinProvisioned"] == "1"


def test_datastore_mkdir(govc: Govc) -> None:
    govc("datastore.mkdir", "-ds", "ds-1", "-p", "deep/deeper/deepest")
    assert govc.files("ds-1", "deep/deeper") == {"deepest"}
    govc.refused("datastore.mkdir", "-ds", "ds-1", "not/there/yet")
    govc.refused("datastore.mkdir", "-ds", "ds-1", "deep")
    assert "not" not in govc.files("ds-1")


def test_datastore_ls(govc: Govc) -> None:
    assert {"vm-01", "vm-02", "loose"} <= set(govc("datastore.ls", "-ds", "ds-1").split())
    listed = govc("datastore.ls", "-ds", "ds-1", "-R", "vm-02")
    assert "vm-02.vmx" in listed
    assert "loose/" in govc("datastore.ls", "-ds", "ds-1", "-p").split(), "a folder is told from a file"
    assert govc("datastore.ls", "-ds", "ds-1", "vm-02/*.vmx").split() == ["vm-02.vmx"]
    assert "was not found" in govc.refused("datastore.ls", "-ds", "ds-1", "none")


def test_datastore_mv(govc: Govc) -> None:
    govc("datastore.upload", "-ds", "ds-1", "-", "from.txt", given="moved")
    assert govc("datastore.mv", "-ds", "ds-1", "from.txt", "to.txt").endswith("OK\n")
    assert "from.txt" not in govc.files("ds-1")
    assert govc("datastore.download", "-ds", "ds-1", "to.txt", "-") == "moved"
    govc("datastore.mv", "-ds", "ds-1", "-ds-target", "ds-2", "to.txt", "to.txt")
    assert govc("datastore.download", "-ds", "ds-2", "to.txt", "-") == "moved"


def test_datastore_mv_does_not_overwrite_unless_forced(govc: Govc) -> None:
    for name in ("new", "old"):
        govc("datastore.upload", "-ds", "ds-1", "-", f"{name}.txt", given=name)
    govc.refused("datastore.mv", "-ds", "ds-1", "new.txt", "old.txt")
    assert govc("datastore.download", "-ds", "ds-1", "old.txt", "-") == "old"
    govc("datastore.mv", "-ds", "ds-1", "-f", "new.txt", "old.txt")
    assert govc("datastore.download", "-ds", "ds-1", "old.txt", "-") == "new"


def test_datastore_mv_of_a_disk(govc: Govc) -> None:
    govc("datastore.mkdir", "-ds", "ds-2", "moved")
    govc("datastore.mv", "-ds", "ds-1", "-ds-target", "ds-2", "loose/data-1.vmdk", "moved/data-1.vmdk")
    assert govc.files("ds-2", "moved") == {"data-1.vmdk", "data-1-flat.vmdk"}
    assert not {"data-1.vmdk", "data-1-flat.vmdk"} & govc.files("ds-1", "loose")


def test_datastore_mv_keeps_a_disk_as_it_is(govc: Govc) -> None:
    before = govc("datastore.disk.info", "-ds", "ds-1", "-uuid", "loose/data-2.vmdk").split()[2:]
    govc("datastore.mv", "-ds", "ds-1", "-ds-target", "ds-3", "loose/data-2.vmdk", "data-2.vmdk")
    assert govc("datastore.disk.info", "-ds", "ds-3", "-uuid", "data-2.vmdk").split()[2:] == before


def test_datastore_cp(govc: Govc) -> None:
    govc("datastore.upload", "-ds", "ds-1", "-", "one.txt", given="copied")
    assert govc("datastore.cp", "-ds", "ds-1", "-ds-target", "ds-2", "one.txt", "two.txt").endswith("OK\n")
    assert govc("datastore.download", "-ds", "ds-1", "one.txt", "-") == "copied"
    assert govc("datastore.download", "-ds", "ds-2", "two.txt", "-") == "copied"
    govc.refused("datastore.cp", "-ds", "ds-1", "-ds-target", "ds-2", "one.txt", "two.txt")


def test_datastore_cp_of_a_disk(govc: Govc) -> None:
    # A small one: plain vcsim reads and writes all that the disk could hold.
    govc("datastore.disk.create", "-ds", "ds-1", "-size", "16M", "loose/small.vmdk")
    govc("datastore.cp", "-ds", "ds-1", "-ds-target", "ds-2", "loose/small.vmdk", "copy.vmdk")
    assert {"copy.vmdk", "copy-flat.vmdk"} <= govc.files("ds-2")
    assert {"small.vmdk", "small-flat.vmdk"} <= govc.files("ds-1", "loose")
    uuids = [
        govc("datastore.disk.info", "-ds", datastore, "-uuid", path).split("UUID:")[1].split("Type:")[0]
        for datastore, path in (("ds-1", "loose/small.vmdk"), ("ds-2", "copy.vmdk"))
    ]
    assert uuids[0] != uuids[1], "a copy is a disk of its own"


def test_datastore_rm(govc: Govc) -> None:
    govc("datastore.upload", "-ds", "ds-3", "-", "gone.txt", given="gone")
    govc("datastore.rm", "-ds", "ds-3", "gone.txt")
    assert "gone.txt" not in govc.files("ds-3")
    govc.refused("datastore.rm", "-ds", "ds-3", "gone.txt")
    govc("datastore.rm", "-ds", "ds-3", "-f", "gone.txt")


def test_datastore_rm_of_a_disk(govc: Govc) -> None:
    govc("datastore.rm", "-ds", "ds-1", "loose/data-4.vmdk")
    assert not {"data-4.vmdk", "data-4-flat.vmdk"} & govc.files("ds-1", "loose")


def test_datastore_rm_of_a_folder(govc: Govc) -> None:
    govc("datastore.mkdir", "-ds", "ds-3", "-p", "folder/inner")
    govc("datastore.upload", "-ds", "ds-3", "-", "folder/inner/file.txt", given="x")
    govc("datastore.rm", "-ds", "ds-3", "folder")
    assert "folder" not in govc.files("ds-3")


def test_the_disk_of_a_running_vm_is_locked(govc: Govc) -> None:
    govc("vm.power", "-on", "vm-03")
    govc.refused("datastore.rm", "-ds", "ds-1", "vm-03/vm-03.vmdk")
    assert {"vm-03.vmdk", "vm-03-flat.vmdk"} <= govc.files("ds-1", "vm-03")
