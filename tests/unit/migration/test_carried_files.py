"""Which files a disk consists of, by what its descriptor says."""

from __future__ import annotations

import pytest

from app.errors import CheckFailed
from app.migration.carried_files import files_named_by
from app.vsphere.paths import DatastorePath

DISK = DatastorePath("old", "web/data.vmdk")
HEAD = """# Disk DescriptorFile
version=1
CID=fffffffe
parentCID={parent}
createType="{kind}"

# Extent description
{extents}
{more}
# The Disk Data Base
ddb.adapterType = "lsilogic"
"""


def descriptor(*extents: str, kind: str = "vmfs", more: str = "", parent: str = "ffffffff") -> bytes:
    return HEAD.format(parent=parent, kind=kind, extents="\n".join(extents), more=more).encode()


@pytest.mark.parametrize(
    ("told", "named"),
    [
        (descriptor('RW 131072 VMFS "data-flat.vmdk"'), ["data-flat.vmdk"]),
        (descriptor('RW 131072 FLAT "data-flat.vmdk" 0', kind="monolithicFlat"), ["data-flat.vmdk"]),
        (
            descriptor('RW 4192256 SPARSE "data s001.vmdk"', 'RW 2048 SPARSE "d-s002.vmdk"'),
            ["data s001.vmdk", "d-s002.vmdk"],
        ),
        (
            descriptor(
                'RW 131072 VMFS "data-flat.vmdk"', more='# Change Tracking File\nchangeTrackPath="data-ctk.vmdk"'
            ),
            ["data-flat.vmdk", "data-ctk.vmdk"],
        ),
        (b"KDMV\x01\x00\x00\x00" + descriptor('RW 131072 SPARSE "data.vmdk"'), []),
    ],
    ids=["flat", "flat of a workstation", "split", "tracked", "in one file"],
)
def test_what_belongs_to_a_disk(told: bytes, named: list[str]) -> None:
    assert files_named_by(DISK, told) == named


@pytest.mark.parametrize("told", [b"", b"somebody's notes", descriptor('# RW 131072 VMFS "data-flat.vmdk"')])
def test_what_is_no_descriptor_is_not_carried_alone(told: bytes) -> None:
    with pytest.raises(CheckFailed, match="names no extent"):
        files_named_by(DISK, told)


def test_a_disk_that_stands_on_another_is_not_carried_without_it() -> None:
    child = descriptor(
        'RW 131072 VMFSSPARSE "data-000001-delta.vmdk"', more='parentFileNameHint="data.vmdk"', parent="1234abcd"
    )
    with pytest.raises(CheckFailed, match=r"stands on data\.vmdk"):
        files_named_by(DISK, child)
