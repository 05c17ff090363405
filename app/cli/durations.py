"""Lengths of time as operators type them: `90s`, `30m`, `12h`, `2d`."""

from __future__ import annotations

import re

import typer

_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400}
_FORM = re.compile(r"([0-9]{1,9})([smhd])")
_MOST_SECONDS = 2**31 - 1
"""What the API's integers hold: 68 years."""


def seconds_of(text: str) -> int:
    """Return the seconds of a length of time; raises `typer.BadParameter` for what is none."""
    found = _FORM.fullmatch(text.strip().lower())
    seconds = int(found[1]) * _SECONDS[found[2]] if found else 0
    if not 0 < seconds <= _MOST_SECONDS:
        raise typer.BadParameter(f"{text!r} is no length of time: write 90s, 30m, 12h or 2d")
    return seconds
