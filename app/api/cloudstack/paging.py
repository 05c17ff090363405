"""Pages of lists, as CloudStack's `BaseListCmd` has them: `page` from 1 and `pagesize`, both or neither."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar
from uuid import UUID

from app.api.cloudstack.envelope import Content
from app.api.cloudstack.parameters import Arguments, BadParameter, Kind, Parameter
from app.errors import InvalidParameter
from app.inventory.queries import Page

MAX_PAGE_SIZE = 500
"""CloudStack's `default.page.size`: the most that a page may hold, and what a list holds that asks for no page."""
_UNLIMITED = -1

_Item = TypeVar("_Item")

PAGING = (
    Parameter("page", Kind.INTEGER, "number of the page, from 1; needs pagesize"),
    Parameter("pagesize", Kind.INTEGER, f"things a page, at most {MAX_PAGE_SIZE}; -1: all of them, without page"),
)
KEYWORD = Parameter("keyword", Kind.STRING, "List by keyword")


def page_of(arguments: Arguments) -> Page:
    """Return the page that a call asks for; raises `InvalidParameter` with CloudStack's texts."""
    page, size = arguments.number("page"), arguments.number("pagesize")
    if size == _UNLIMITED:
        if page is not None:
            raise InvalidParameter("Can't specify page parameter when pagesize is -1 (Unlimited)")
        return Page()
    if page is None and size is None:
        return Page(limit=MAX_PAGE_SIZE)
    if page is None:
        raise BadParameter('"page" parameter is required when "pagesize" is specified')
    if size is None:
        raise BadParameter('"pagesize" parameter is required when "page" is specified')
    if size > MAX_PAGE_SIZE:
        raise InvalidParameter(f"Page size can't exceed max allowed page size value: {MAX_PAGE_SIZE}")
    if size < 0:
        raise InvalidParameter(f"Page size can't be negative: {size}")
    return Page(limit=size, offset=size * max(page - 1, 0))


def part_of(things: Sequence[_Item], page: Page) -> Sequence[_Item]:
    """Return what is on a page of a list that is short enough to be had as a whole."""
    return things[page.offset : None if page.limit is None else page.offset + page.limit]


def listing(key: str, objects: Sequence[Content], count: int) -> Content:
    """Return the content of a list's response: empty when there is nothing at all, without objects past the end."""
    if not count:
        return {}
    return {"count": count, key: list(objects)} if objects else {"count": count}


def ids_of(arguments: Arguments) -> tuple[UUID, ...] | None:
    """Return the ids that a list is narrowed to by `id` or `ids`; raises `InvalidParameter` when both are given."""
    one, several = arguments.uuid("id"), arguments.uuids("ids")
    if one and several:
        raise InvalidParameter("Specify either ids or id but not both parameters")
    if one:
        return (one,)
    return several or None
