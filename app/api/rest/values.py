"""Values in requests: what can be meant, in terms that a JSON Schema can say too."""

from __future__ import annotations

from typing import Annotated

from pydantic import BeforeValidator, StringConstraints

Name = Annotated[str, StringConstraints(pattern=r"^[^\s\x00-\x1f\x7f]([^\x00-\x1f\x7f]{0,98}[^\s\x00-\x1f\x7f])?$")]
"""Up to 100 characters, no control characters, no space at its ends."""
Tag = Annotated[str, StringConstraints(pattern=r"^[^\s,\x00-\x1f\x7f]([^,\x00-\x1f\x7f]{0,98}[^\s,\x00-\x1f\x7f])?$")]
"""A storage tag: a name without commas, which separate tags in CloudStack's calls."""


def _is_number(given: object) -> object:
    """Refuse texts and truth values, which pydantic would read as numbers; `89.0` is an integer in JSON Schema."""
    if isinstance(given, bool | str):
        raise ValueError("write a number")  # noqa: TRY004  # pydantic makes a validation error of this one
    return given


NUMBER = BeforeValidator(_is_number)
"""Makes an `int` one that was written as a number."""
