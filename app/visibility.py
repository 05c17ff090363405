"""What a caller who is limited to zones gets to see: nothing of other zones, whatever is asked and however.

Each table that belongs to zones says so (`keep_to_zones`), and every query through the ORM is narrowed while such a
caller is served: lists, counts, single things, subqueries. So a new query cannot forget it. Raw SQL is not narrowed:
what takes ids must have found them by a query before.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Uuid, any_, bindparam, event
from sqlalchemy.orm import ORMExecuteState, Session, with_loader_criteria
from sqlalchemy.orm.util import LoaderCriteriaOption

Zones = Collection[UUID]

_zones: ContextVar[frozenset[UUID] | None] = ContextVar("zones", default=None)
"""The zones that there are for whoever is served in this context; `None`: all."""
_rules: dict[type[Any], LoaderCriteriaOption] = {}


def visible(zone_id: Any) -> ColumnElement[bool]:  # noqa: ANN401  # a column, as a mapped class has it
    """Return the condition that a zone is one that there is for whoever is served.

    Which these are is asked when a statement is executed: statements, and conditions in them, are kept and used again
    for others.
    """
    condition: ColumnElement[bool] = zone_id == any_(
        bindparam("visible_zones", callable_=_visible_zone_ids, type_=ARRAY(Uuid))
    )
    return condition


def keep_to_zones(table: type[Any], condition: Callable[[Any], ColumnElement[bool]]) -> None:
    """Have rows of a table be seen only where `condition`, made of the table or of an alias of it, is true of them."""
    _rules[table] = with_loader_criteria(table, condition, include_aliases=True)


def limit_to(zones: Zones | None) -> None:
    """Let there be these zones only in this context (a task, a thread) from now on; `None`: all."""
    _zones.set(None if zones is None else frozenset(zones))


@contextmanager
def limited_to(zones: Zones | None) -> Iterator[None]:
    """Let there be these zones only for the length of the block; `None`: all."""
    before = _zones.set(None if zones is None else frozenset(zones))
    try:
        yield
    finally:
        _zones.reset(before)


def visible_zones() -> frozenset[UUID] | None:
    """Return the zones that there are in this context; `None`: all."""
    return _zones.get()


def _visible_zone_ids() -> list[UUID]:
    zones = _zones.get()
    if zones is None:
        raise RuntimeError("a statement that was narrowed to zones is executed where nobody is limited to any")
    return sorted(zones)


@event.listens_for(Session, "do_orm_execute")
def _narrow(asked: ORMExecuteState) -> None:
    # A column that is loaded later is of something that was found.
    if _zones.get() is not None and asked.is_select and not asked.is_column_load:
        asked.statement = asked.statement.options(*_rules.values())
