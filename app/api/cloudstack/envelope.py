"""What a response looks like on the wire: one wrapper, in JSON or in XML.

Content is made of dictionaries, lists, texts, numbers, truth values, UUIDs and datetimes; keys whose value is `None`
are left out. JSON has one top-level key; XML repeats a list's element, as CloudStack's `ApiResponseSerializer` does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from uuid import UUID
from xml.etree.ElementTree import Element, SubElement, tostring

CLOUDSTACK_VERSION = "4.20.0.0"
"""The release whose API is spoken; clients find it in XML and in `listCapabilities`."""

Content = Mapping[str, object]

_NO_XML_CHARACTER = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_NO_NAME_CHARACTER = re.compile(r"[^A-Za-z0-9_.-]")


class Format(Enum):
    """How a response is written; its value is the content type."""

    JSON = "application/json; charset=UTF-8"
    XML = "text/xml; charset=UTF-8"

    @classmethod
    def named(cls, response: str | None) -> Format:
        """Return the format that the parameter `response` asks for: XML unless it says `json`."""
        return cls.JSON if response is not None and response.lower() == "json" else cls.XML


def wrapper_of(command: str) -> str:
    """Return the name of a command's wrapper."""
    return f"{command.lower()}response"


def render(wrapper: str, content: Content, form: Format) -> bytes:
    """Write `content` in its wrapper."""
    return _json(wrapper, content) if form is Format.JSON else _xml(wrapper, content)


def cloudstack_time(moment: datetime) -> str:
    """Return a time as CloudStack writes it, in UTC: `2021-03-26T07:16:54+0000`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S%z")


def _json(wrapper: str, content: Content) -> bytes:
    document = json.dumps({wrapper: _plain(content)}, ensure_ascii=False, separators=(",", ":"))
    return document.encode("utf-8", "replace")


def _plain(value: object) -> object:
    """Turn a value into what JSON knows."""
    match value:
        case Mapping():
            return {str(name): _plain(inner) for name, inner in value.items() if inner is not None}
        case list() | tuple():
            return [_plain(inner) for inner in value if inner is not None]
        case bool() | int() | float():
            return value
        case _:
            return _text(value)


def _xml(wrapper: str, content: Content) -> bytes:
    root = Element(wrapper, {"cloud-stack-version": CLOUDSTACK_VERSION})
    _append(root, content)
    document: str = tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="UTF-8"?>{document}'.encode()


def _append(parent: Element, content: Mapping[str, object]) -> None:
    for name, value in content.items():
        for inner in value if isinstance(value, list | tuple) else [value]:
            if inner is None:
                continue
            element = SubElement(parent, _element_name(str(name)))
            if isinstance(inner, Mapping):
                _append(element, inner)
            else:
                element.text = _NO_XML_CHARACTER.sub("\ufffd", _text(inner))


def _element_name(name: str) -> str:
    """Return `name` if XML allows it; keys of an event's details may be anything."""
    safe = _NO_NAME_CHARACTER.sub("_", name)
    return safe if safe[:1].isalpha() or safe[:1] == "_" else f"_{safe}"


def _text(value: object) -> str:
    match value:
        case bool():
            return "true" if value else "false"
        case datetime():
            return cloudstack_time(value)
        case Enum():
            return str(value.value)
        case str() | int() | float() | UUID():
            return str(value)
        case _:
            raise TypeError(f"a response cannot hold a {type(value).__name__}")
