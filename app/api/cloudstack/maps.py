"""Map parameters, which CloudStack's clients spread over several: `migrateto[0].volume=…&migrateto[0].pool=…`.

The rules are those of `ParamUnpackWorker` in Apache CloudStack: a number in brackets, a dot, the field's name; numbers
need not follow one another. What it lets pass silently, one field given twice under two spellings of its number, is
refused here: which of the two was meant, nobody can tell.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from app.errors import MalformedRequest

Entries = Mapping[int, Mapping[str, str]]
"""The objects of a map parameter by their numbers, in order; each has its fields by name."""

_WHICH_FIELD = re.compile(r"\[([0-9]{1,9})\]\.([^.\[\]]+)")


def read_map(name: str, given: Mapping[str, str]) -> Entries:
    """Return what `given`, whose names are in lower case, says about the map parameter `name`; perhaps nothing.

    Raises `MalformedRequest` for a name that cannot be decoded.
    """
    entries: dict[int, dict[str, str]] = {}
    for key, value in given.items():
        if not key.startswith(f"{name}["):
            continue
        which = _WHICH_FIELD.fullmatch(key.removeprefix(name))
        fields = entries.setdefault(int(which[1]), {}) if which else {}
        if which is None or which[2] in fields:
            raise MalformedRequest(
                f"Unable to decode parameter {key}; if specifying an object array, please use "
                f"parameter[index].field=XXX, each field once, e.g. {name}[0].volume=XXX"
            )
        fields[which[2]] = value
    return dict(sorted(entries.items()))
