"""What a statement really read, as PostgreSQL explains it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from sqlalchemy import ClauseElement, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import Session


def plan_of(session: Session, statement: ClauseElement, parameters: dict[str, Any] | None = None) -> dict[str, Any]:
    """How PostgreSQL carries a statement out; its values are in it, or are `parameters` of a text."""
    if parameters is None:
        compiled = statement.compile(dialect=postgresql.dialect(), compile_kwargs={"literal_binds": True})
        # A colon is no parameter of ours.
        asked = str(compiled).replace(":", "\\:")
    else:
        asked = str(statement)
    [[whole]] = session.execute(text(f"EXPLAIN (ANALYZE, FORMAT JSON) {asked}"), parameters or {}).one()
    plan: dict[str, Any] = (json.loads(whole) if isinstance(whole, str) else whole)["Plan"]
    return plan


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from nodes(child)


def rows_read(plan: dict[str, Any]) -> float:
    """Rows that scans took in hand, those thrown away by a filter too; also of what the statement itself has made."""
    return sum(_taken_in_hand(node) for node in nodes(plan) if "Scan" in node["Node Type"])


def rows_read_of_tables(plan: dict[str, Any]) -> float:
    """The same of tables alone."""
    scans = (node for node in nodes(plan) if "Scan" in node["Node Type"])
    return sum(_taken_in_hand(scan) for scan in scans if "Relation Name" in scan)


def _taken_in_hand(scan: dict[str, Any]) -> float:
    return float((scan["Actual Rows"] + scan.get("Rows Removed by Filter", 0)) * scan["Actual Loops"])


def scanned(plan: dict[str, Any]) -> set[str]:
    """The tables that were read from their first row to their last."""
    return {str(node.get("Relation Name")) for node in nodes(plan) if node["Node Type"] == "Seq Scan"}
