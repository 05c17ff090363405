"""A vCenter that has no First Class Disks."""

from __future__ import annotations

from types import SimpleNamespace
from typing import cast

import pytest

from app.vsphere.first_class_disks import find_first_class_disk, first_class_disks
from app.vsphere.session import Session

pytestmark = pytest.mark.unit


def test_a_vcenter_without_the_manager_has_none() -> None:
    old = cast("Session", SimpleNamespace(content=SimpleNamespace(vStorageObjectManager=None)))
    assert first_class_disks(old, "datastore-1") == []
    assert find_first_class_disk(old, "some-id", ["datastore-1"]) is None
