"""What a datastore path says of a disk."""

from __future__ import annotations

import pytest

from app.inventory.volumes import path_on_pool, volume_name

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("path", "place", "name"),
    [
        ("[ds] web-1/web-1.vmdk", "web-1/web-1.vmdk", "web-1"),
        ("[ds] web-1/web-1_1.vmdk", "web-1/web-1_1.vmdk", "web-1_1"),
        ("[ds] loose.vmdk", "loose.vmdk", "loose"),
        ("[ds [1]] a/b c/d.vmdk", "a/b c/d.vmdk", "d"),
        ("[ds] a/b.vmdk.vmdk", "a/b.vmdk.vmdk", "b.vmdk"),
        ("a/b.vmdk", "a/b.vmdk", "b"),
    ],
)
def test_the_place_on_the_pool_and_the_name_for_people(path: str, place: str, name: str) -> None:
    assert path_on_pool(path) == place
    assert volume_name(path) == name
