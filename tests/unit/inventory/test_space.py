"""What a copy of a volume takes of its target."""

from __future__ import annotations

import pytest

from app.inventory.models import Volume
from app.inventory.space import needed_bytes
from app.inventory.traits import VolumeTraits

pytestmark = pytest.mark.unit

GIB = 2**30
CHAIN = ("[ds] vm/vm-000001.vmdk", "[ds] vm/vm.vmdk")


def volume(disk_format: str | None, physical: int | None, *, chain: tuple[str, ...] = (), kind: str = "") -> Volume:
    return Volume(
        capacity_bytes=10 * GIB,
        physical_bytes=physical,
        format=disk_format,
        thin=None,
        traits=VolumeTraits(chain=chain, backing_kind=kind),
    )


@pytest.mark.parametrize(
    ("disk_format", "physical", "chain", "wanted", "needed"),
    [
        ("thin", 3, (), None, 3),
        ("thin", 0, (), None, 0),
        ("thin", None, (), None, 10),
        ("thin", 4, CHAIN, None, 4),
        ("thin", None, CHAIN, None, 30),
        ("thick", 10, (), None, 10),
        ("eager", 10, (), None, 10),
        # A thick disk of which vCenter has measured less yet takes all of itself.
        ("thick", 0, (), None, 10),
        ("eager", 12, CHAIN, None, 12),
        (None, 3, (), None, 10),
        ("thin", 3, (), "thick", 10),
        ("thin", 3, (), "thin", 3),
        ("thin", 3, CHAIN, "eager", 13),
        ("thick", 10, (), "thin", 10),
        ("thick", 10, (), "eager", 10),
    ],
)
def test_by_format_chain_and_what_is_asked_for(
    disk_format: str | None, physical: int | None, chain: tuple[str, ...], wanted: str | None, needed: int
) -> None:
    """All in GiB."""
    it = volume(disk_format, None if physical is None else physical * GIB, chain=chain)
    assert needed_bytes(it, wanted) == needed * GIB


def test_a_raw_device_takes_nothing_until_it_becomes_a_disk() -> None:
    raw = volume(None, None, kind="RawDiskMappingVer1")
    assert (needed_bytes(raw), needed_bytes(raw, "thin")) == (0, 10 * GIB)


def test_a_row_of_a_release_without_formats_is_thin_if_it_says_so() -> None:
    old = volume(None, 3 * GIB)
    old.thin = True
    assert needed_bytes(old) == 3 * GIB
