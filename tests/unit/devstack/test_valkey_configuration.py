"""Values in the configuration that goes to the server's standard input."""

from __future__ import annotations

import pytest

from app.devstack.valkey import _quoted

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("value", "quoted"),
    [
        ("plain", '"plain"'),
        ("", '""'),
        ("/a folder/with spaces", '"/a folder/with spaces"'),
        ('say "no"', '"say \\"no\\""'),
        ("back\\slash", '"back\\\\slash"'),
    ],
)
def test_values_are_quoted_as_the_server_reads_them(value: str, quoted: str) -> None:
    assert _quoted(value) == quoted
