"""What clients are told when a call fails."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import TimeoutError as PoolTimeout

from app import errors
from app.api.cloudstack.failures import INTERNAL, Failure, failure_of
from app.api.cloudstack.parameters import BadParameter

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("error", "code", "cs_code"),
    [
        (errors.NotAuthenticated("x"), 401, 9999),
        (errors.MalformedRequest("x"), 430, 9999),
        (BadParameter("x"), 431, 9999),
        (errors.InvalidParameter("x"), 431, 4350),
        (errors.NotFound("x"), 431, 4350),
        (errors.CheckFailed(["x"]), 431, 4350),
        (errors.UnsupportedCommand("x"), 432, 9999),
        (errors.PermissionDenied("x"), 531, 4365),
        (errors.CapacityExceeded("x"), 533, 4340),
        (errors.ResourceUnavailable("x"), 534, 4380),
        (errors.DatabaseUnavailable("x"), 503, 4380),
        (errors.CommitUnknown(), 503, 4380),
        (errors.ResourceInUse("x"), 536, 4375),
        (errors.LiveJobExists("x"), 536, 4375),
        (errors.VrelocateError("x"), 530, 9999),
        (PoolTimeout("QueuePool limit"), 503, 4380),
    ],
)
def test_each_error_has_its_codes(error: Exception, code: int, cs_code: int) -> None:
    failure = failure_of(error)
    assert failure is not None
    assert (failure.code, failure.cs_code) == (code, cs_code)
    assert failure.content == {
        "uuidList": [],
        "errorcode": code,
        "cserrorcode": cs_code,
        "errortext": failure.text,
    }
    # Only what passes by itself is worth another try of the same call.
    assert ("Retry-After" in failure.headers) == (code == 503)


def test_what_was_not_foreseen_says_nothing_of_the_inside() -> None:
    assert failure_of(RuntimeError("password=hunter2")) is None
    assert (INTERNAL.code, INTERNAL.text) == (
        530,
        "Internal error executing command, please contact your system administrator",
    )


@given(st.text(st.characters(), max_size=3000))
def test_the_header_holds_what_a_header_may_hold(text: str) -> None:
    header = Failure(431, 9999, text).header
    assert header.isascii()
    assert header.isprintable() or not header
    assert len(header) <= 1000
