"""Times in requests: RFC 3339, with their zone."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AwareDatetime, BeforeValidator

_RFC3339 = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:[0-9]{2})"
)


def _is_spelled_out(given: object) -> object:
    """Refuse numbers, which pydantic would take for seconds since 1970."""
    if not isinstance(given, str) or not _RFC3339.fullmatch(given):
        raise ValueError("write a time with its zone: 2026-03-01T12:00:00Z")
    return given


Moment = Annotated[AwareDatetime, BeforeValidator(_is_spelled_out)]
