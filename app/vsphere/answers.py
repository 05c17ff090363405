"""vCenter's answers to property reads, as plain XML.

pyVmomi's parser makes an object of every element: 2.4 ms for the properties of one VM, most of it for devices that
nobody looks at. Python's own parser takes a sixth of that, and converts what is looked at when it is. Nor does it fail
where a newer vCenter sends a type that pyVmomi does not know.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from http.client import HTTPException
from typing import Any
from xml.etree import ElementTree as ET

_VIM = "{urn:vim25}"
_XSI_TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"
_INTEGERS = {"byte", "short", "int", "long"}


class Node:
    """A data object of vSphere's. Fields are asked for by name and type; one that is unset is None or empty."""

    __slots__ = ("_element",)

    def __init__(self, element: ET.Element) -> None:
        self._element = element

    @property
    def kind(self) -> str:
        """Its vSphere type, `VirtualDisk`; empty where the field's declared type is meant."""
        return _local(self._element.get(_XSI_TYPE, ""))

    def text(self, name: str) -> str | None:
        """Return a string, an enumeration's value or a reference's value."""
        return self._element.findtext(_VIM + name)

    def number(self, name: str) -> int | None:
        """Return an integer."""
        text = self.text(name)
        return int(text) if text else None

    def numbers(self, name: str) -> list[int]:
        """Return the integers of an array."""
        return [int(element.text or 0) for element in self._element.findall(_VIM + name)]

    def flag(self, name: str) -> bool | None:
        """Return a truth value."""
        text = self.text(name)
        return _truth(text) if text else None

    def child(self, name: str) -> Node | None:
        """Return a data object."""
        element = self._element.find(_VIM + name)
        return None if element is None else Node(element)

    def children(self, name: str) -> list[Node]:
        """Return the data objects of an array."""
        return [Node(element) for element in self._element.findall(_VIM + name)]


@dataclass(frozen=True, slots=True)
class Found:
    """One managed object: its vSphere type (`VirtualMachine`) and the properties that were read, by path.

    Values are str, int, bool, `Node`, or a list of str or `Node`; references are their values (`vm-42`).
    """

    kind: str
    properties: Mapping[str, Any]


Objects = dict[str, Found]
"""By reference value."""


@dataclass(frozen=True, slots=True)
class Page:
    """One answer of RetrievePropertiesEx; `token` asks for the next one."""

    objects: Objects
    token: str | None
    faults: frozenset[str]
    """Types of the faults that stand in for properties that could not be read."""


def read_page(body: bytes) -> Page:
    """Read the answer to RetrievePropertiesEx or ContinueRetrievePropertiesEx.

    Raises HTTPException when it is no whole XML document: then the connection broke.
    """
    try:
        # The sender is the vCenter that TLS has verified; pyVmomi reads it with the same expat.
        root = ET.fromstring(body)  # noqa: S314
    except ET.ParseError as error:
        raise HTTPException(f"the answer is no XML: {error}") from error
    result = root.find(f".//{_VIM}returnval")
    if result is None:  # nothing was selected
        return Page({}, None, frozenset())
    contents = result.findall(f"{_VIM}objects")
    return Page(
        objects=dict(_found(content) for content in contents),
        token=result.findtext(f"{_VIM}token"),
        faults=frozenset(
            _local(fault.get(_XSI_TYPE, ""))
            for content in contents
            for fault in content.iterfind(f"{_VIM}missingSet/{_VIM}fault/{_VIM}fault")
        ),
    )


def _found(content: ET.Element) -> tuple[str, Found]:
    reference = content.find(f"{_VIM}obj")
    if reference is None or reference.text is None:
        raise HTTPException("the answer holds an object without a reference")
    properties = {
        name: _value(value)
        for entry in content.iterfind(f"{_VIM}propSet")
        if (name := entry.findtext(f"{_VIM}name")) is not None and (value := entry.find(f"{_VIM}val")) is not None
    }
    return reference.text, Found(kind=_local(reference.get("type", "")), properties=properties)


def _value(element: ET.Element) -> Any:  # noqa: ANN401  # as `Found` says
    kind = _local(element.get(_XSI_TYPE, ""))
    text = element.text or ""
    if kind.startswith("ArrayOf"):
        return [item.text or "" if kind == "ArrayOfManagedObjectReference" else Node(item) for item in element]
    if kind in _INTEGERS:
        return int(text)
    if kind == "boolean":
        return _truth(text)
    return Node(element) if len(element) else text


def _truth(text: str) -> bool:
    return text in {"true", "1"}


def _local(qualified: str) -> str:
    """`xsd:int` → `int`: prefixes differ by server."""
    return qualified.rpartition(":")[2]
