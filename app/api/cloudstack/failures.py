"""What a client is told when a call fails: HTTP status, `cserrorcode`, a text, and the header that repeats it."""

from __future__ import annotations

from dataclasses import dataclass

from sqlalchemy.exc import TimeoutError as PoolTimeout

from app.api.cloudstack.envelope import Content
from app.api.cloudstack.parameters import BadParameter
from app.errors import (
    CapacityExceeded,
    CheckFailed,
    DatabaseUnavailable,
    InvalidParameter,
    PermissionDenied,
    ResourceInUse,
    ResourceUnavailable,
    TooManyCalls,
    VrelocateError,
)

_INTERNAL_TEXT = "Internal error executing command, please contact your system administrator"
"""CloudStack's `BaseCmd.USER_ERROR_MESSAGE`: it says nothing about the inside."""

_CS_ERROR_CODES: tuple[tuple[type[VrelocateError], int], ...] = (
    (BadParameter, 9999),
    (InvalidParameter, 4350),
    (CheckFailed, 4350),
    (PermissionDenied, 4365),
    (CapacityExceeded, 4340),
    (ResourceUnavailable, 4380),
    (ResourceInUse, 4375),
)
"""CloudStack's `CSExceptionErrorCode`, first match; 9999 is what it gives to all others."""
_MOST_IN_HEADER = 1000


@dataclass(frozen=True)
class Failure:
    """A call that failed."""

    code: int
    """HTTP status and `errorcode`."""
    cs_code: int
    text: str
    retry_after_seconds: int | None = None
    """When it may be worth another try."""

    @property
    def content(self) -> Content:
        """Return the content of the response."""
        return {"uuidList": [], "errorcode": self.code, "cserrorcode": self.cs_code, "errortext": self.text}

    @property
    def header(self) -> str:
        """Return the value of `X-Description`: the text in what a header may hold."""
        return "".join(c if " " <= c <= "~" else "?" for c in self.text[:_MOST_IN_HEADER])

    @property
    def headers(self) -> dict[str, str]:
        """Return all that a response has in its headers for it."""
        again = {} if self.retry_after_seconds is None else {"Retry-After": str(self.retry_after_seconds)}
        return {"X-Description": self.header, **again}


def failure_of(error: Exception) -> Failure | None:
    """Return what a client is told about `error`; `None`: nothing that was foreseen, see `INTERNAL`."""
    if isinstance(error, PoolTimeout):
        error = DatabaseUnavailable("the database is busy: try again")
    if not isinstance(error, VrelocateError):
        return None
    cs_code = next((code for kind, code in _CS_ERROR_CODES if isinstance(error, kind)), 9999)
    retry_after = error.retry_after_seconds if isinstance(error, DatabaseUnavailable | TooManyCalls) else None
    return Failure(error.code, cs_code, str(error), retry_after)


INTERNAL = Failure(VrelocateError.code, 9999, _INTERNAL_TEXT)
"""Something unforeseen: the log has the traceback, the client has this."""
