"""Disk formats in CloudStack's words."""

from __future__ import annotations

import pytest

from app.api.cloudstack.parameters import Arguments, BadParameter
from app.api.cloudstack.provisioning import format_of, provisioning_type
from app.vsphere.facts import DiskFormat

pytestmark = pytest.mark.unit

WORDS = [("thin", DiskFormat.THIN), ("sparse", DiskFormat.THICK), ("fat", DiskFormat.EAGER)]


@pytest.mark.parametrize(("word", "disk_format"), WORDS)
def test_what_is_asked_for_is_what_is_shown_afterwards(word: str, disk_format: DiskFormat) -> None:
    assert format_of("migrateVolume", Arguments({"provisioningtype": word.upper()})) is disk_format
    assert provisioning_type(disk_format.value, thin=disk_format is DiskFormat.THIN) == word


@pytest.mark.parametrize(("thin", "word"), [(True, "thin"), (False, "sparse"), (None, None)])
def test_where_only_thin_or_not_is_known(thin: bool | None, word: str | None) -> None:  # noqa: FBT001  # a table's column
    assert provisioning_type(None, thin=thin) == word


def test_nothing_asked_converts_nothing() -> None:
    assert format_of("migrateVolume", Arguments({})) is None


@pytest.mark.parametrize("word", ["", "thick", "eager"])
def test_other_words_are_refused(word: str) -> None:
    with pytest.raises(BadParameter, match=f"migratevolume due to invalid value {word} for parameter provisioningtype"):
        format_of("migrateVolume", Arguments({"provisioningtype": word}))
