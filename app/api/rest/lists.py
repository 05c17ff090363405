"""Lists of the inventory: narrowed, by name, and page after page."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from fastapi import Depends, Query
from pydantic import BaseModel, Field, StringConstraints
from sqlalchemy.orm import Session

from app.db import transaction
from app.inventory.queries import Page

MOST = 500
Text = Annotated[str, StringConstraints(max_length=200, pattern="^[^\\x00]*$")]
"""PostgreSQL holds no text with a zero byte."""
Limit = Annotated[int, Query(ge=1, le=MOST, description="How many at the most")]

Out = TypeVar("Out", bound=BaseModel)


class ListOf(BaseModel, Generic[Out]):
    """Some of the things that are meant, by name."""

    items: list[Out]
    next_cursor: UUID | None = Field(description="Where the list goes on; null at its end")


class Wanted:
    """What every list of the inventory takes."""

    def __init__(
        self,
        *,
        name: Annotated[Text | None, Query(description="Only things of exactly this name")] = None,
        keyword: Annotated[Text | None, Query(description="Only things whose name has this in it, in any case")] = None,
        limit: Limit = 100,
        cursor: Annotated[
            UUID | None, Query(description="Go on where a page before has ended: its `next_cursor`")
        ] = None,
    ) -> None:
        """Take the parameters as they were sent."""
        self.name, self.keyword, self.limit, self.cursor = name, keyword, limit, cursor

    @property
    def page(self) -> Page:
        """The page that is asked for, and one thing more: whether the list goes on."""
        return Page(limit=self.limit + 1, past=self.cursor, counted=False)

    @property
    def named(self) -> dict[str, Any]:
        """What every filter has."""
        return {"name": self.name, "keyword": self.keyword}


Narrowed = Annotated[Wanted, Depends()]


def page_of(
    asked: Wanted, find: Callable[[Session, Page], tuple[list[Any], int]], shown: Callable[[Any], Out]
) -> ListOf[Out]:
    """Return the page that was asked for, of what `find` finds."""
    with transaction() as session:
        found, _ = find(session, asked.page)
        items = [shown(thing) for thing in found[: asked.limit]]
    more = len(found) > asked.limit
    return ListOf(items=items, next_cursor=items[-1].id if more else None)  # type: ignore[attr-defined]  # each has one
