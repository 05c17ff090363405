"""A text in a pipe, for a program that starts later."""

from __future__ import annotations

import os

import pytest

from app.devstack.pipes import CAPACITY_BYTES, pipe_holding

pytestmark = pytest.mark.unit


def test_the_reader_gets_the_text_and_then_the_end() -> None:
    with pipe_holding("s3cret\n") as descriptor:
        assert os.read(descriptor, 100) == b"s3cret\n"
        assert os.read(descriptor, 100) == b""


def test_what_would_block_for_want_of_a_reader_is_refused() -> None:
    with pytest.raises(ValueError, match="do not fit"), pipe_holding("x" * (CAPACITY_BYTES + 1)):
        pass
