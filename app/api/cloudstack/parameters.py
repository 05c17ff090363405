"""The declared parameters of commands, and their validation with CloudStack's codes and texts.

The rules are those of `ParamProcessWorker` in Apache CloudStack: names in any case, unknown ones ignored, a truth value
is true when it says `true` and false otherwise, lists are separated by commas, maps are spread over several parameters
(`maps.py`), ids must be those of existing things.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from app.api.cloudstack.entities import Entity
from app.api.cloudstack.maps import Entries, read_map
from app.errors import InvalidParameter

UUID_FORM = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_INTEGER = re.compile(r"[+-]?[0-9]{1,10}")
_MOST = 2**31 - 1
_UNPRINTABLE = re.compile("[\x00-\x09\x0b\x0c\x0e-\x1f\x7f]")
"""`ApiServer.CONTROL_CHARACTERS`: line feed and carriage return are let through."""


class Kind(StrEnum):
    """The type of a parameter, as `listApis` names it."""

    UUID = "uuid"
    STRING = "string"
    BOOLEAN = "boolean"
    INTEGER = "integer"
    DATE = "date"
    LIST = "list"
    MAP = "map"


class BadParameter(InvalidParameter):
    """A parameter that is missing or malformed; CloudStack raises it before the command itself runs."""


@dataclass(frozen=True)
class Parameter:
    """The declaration of one parameter."""

    name: str
    kind: Kind
    description: str
    required: bool = False
    entity: type[Entity] | None = None
    """What the id, or each id of the list, must be one of."""
    since: str = ""
    length: int = 255
    """The most characters that a string may have."""


class Arguments:
    """The values of one call, each of its declared kind; `None` where the client gave none."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        """Hold what `parse` read."""
        self._values = values

    def required_uuid(self, name: str) -> UUID:
        """Return an id that the declaration requires."""
        value: UUID = self._values[name]
        return value

    def required_text(self, name: str) -> str:
        """Return a text that the declaration requires."""
        value: str = self._values[name]
        return value

    def uuid(self, name: str) -> UUID | None:
        """Return an id."""
        return self._values.get(name)

    def text(self, name: str) -> str | None:
        """Return a text."""
        return self._values.get(name)

    def flag(self, name: str) -> bool | None:
        """Return a truth value."""
        return self._values.get(name)

    def number(self, name: str) -> int | None:
        """Return an integer."""
        return self._values.get(name)

    def moment(self, name: str) -> datetime | None:
        """Return a time, with its zone."""
        return self._values.get(name)

    def texts(self, name: str) -> tuple[str, ...] | None:
        """Return a list of texts; an empty one was given as such."""
        return self._values.get(name)

    def entries(self, name: str) -> Entries:
        """Return the objects of a map; none when none was given."""
        return self._values.get(name) or {}

    def uuids(self, name: str) -> tuple[UUID, ...]:
        """Return the ids of a list, or the one id of a parameter that is no list; none when none was given."""
        value = self._values.get(name) or ()
        return value if isinstance(value, tuple) else (value,)


def refuse_unprintable(given: Mapping[str, str]) -> None:
    """Refuse control characters in any value; raises `BadParameter`."""
    for name, value in given.items():
        if _UNPRINTABLE.search(value):
            raise BadParameter(
                f"Received value containing illegal ASCII non-printable characters for parameter {name.lower()}"
            )


def parse(command: str, declared: Iterable[Parameter], given: Mapping[str, str]) -> Arguments:
    """Read a call's parameters; `given` has its names in lower case.

    Raises `BadParameter` for the first that is missing or malformed, and `MalformedRequest` for a map's field whose
    name cannot be decoded.
    """
    values: dict[str, Any] = {}
    for parameter in declared:
        if parameter.kind is Kind.MAP:
            values[parameter.name] = read_map(parameter.name, given)
        text = given.get(parameter.name)
        if text is not None:
            values[parameter.name] = _read(command, parameter, text)
        elif parameter.required and not values.get(parameter.name):
            raise BadParameter(
                f"Unable to execute API command {command.lower()} due to missing parameter {parameter.name}"
            )
    return Arguments(values)


def unknown_id(command: str, name: str, value: object) -> BadParameter:
    """Return CloudStack's refusal of an id that names nothing."""
    return BadParameter(
        f"Unable to execute API command {command.lower()} due to invalid value. Invalid parameter {name} value={value} "
        "due to incorrect long value format, or entity does not exist or due to incorrect parameter annotation "
        "for the field in api cmd class."
    )


def invalid_value(command: str, name: str, value: object) -> BadParameter:
    """Return CloudStack's refusal of a value that cannot be what it should be."""
    return BadParameter(
        f"Unable to execute API command {command.lower()} due to invalid value {value} for parameter {name}"
    )


def _read(command: str, parameter: Parameter, text: str) -> object:
    match parameter.kind:
        case Kind.UUID:
            return _uuid(command, parameter, text)
        case Kind.LIST:
            parts = [part for part in text.split(",") if part]
            return tuple(_uuid(command, parameter, part) if parameter.entity else part for part in parts)
        case Kind.BOOLEAN:
            return text.lower() == "true"
        case Kind.INTEGER:
            return _integer(command, parameter, text) if text.strip() else None
        case Kind.DATE:
            return _date(command, text)
        case Kind.STRING:
            if len(text) > parameter.length:
                raise BadParameter(
                    f"Unable to execute API command {command.lower()} due to invalid value. Value greater than "
                    f"max allowed length {parameter.length} for param: {parameter.name}"
                )
            return text
        case Kind.MAP:
            # All of it under one name: its fields are parameters of their own.
            raise invalid_value(command, parameter.name, text)


def _uuid(command: str, parameter: Parameter, text: str) -> UUID:
    if not UUID_FORM.fullmatch(text):
        raise unknown_id(command, parameter.name, text)
    return UUID(text)


def _integer(command: str, parameter: Parameter, text: str) -> int:
    if not _INTEGER.fullmatch(text) or abs(int(text)) > _MOST:
        raise invalid_value(command, parameter.name, text)
    return int(text)


def _date(command: str, text: str) -> datetime:
    """Read `yyyy-MM-dd`, alone or with a time; without a zone it is in UTC."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise BadParameter(
            f"Unable to parse date {text} for command {command.lower()}, "
            "please pass dates in the format mentioned in the api documentation"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
