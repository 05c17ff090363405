"""What an object of a response is made of: declared once, for rendering it and for telling about it in `listApis`."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, TypeVar

from app.api.cloudstack.envelope import Content

_View = TypeVar("_View")


@dataclass(frozen=True)
class Field(Generic[_View]):
    """One key of an object: its name, its type as `listApis` tells it, what it means, and how it is had."""

    name: str
    type: str
    description: str
    value: Callable[[_View], object]
    """`None` leaves the key out."""


@dataclass(frozen=True)
class Shape(Generic[_View]):
    """An object of a response: the key that holds it (`volume`) and its fields."""

    name: str
    fields: tuple[Field[_View], ...]

    def render(self, view: _View) -> dict[str, object]:
        """Return the object's content."""
        rendered = ((field.name, field.value(view)) for field in self.fields)
        return {name: value for name, value in rendered if value is not None}

    def description(self) -> list[Content]:
        """Return the fields as `listApis` lists them."""
        return [{"name": field.name, "type": field.type, "description": field.description} for field in self.fields]
