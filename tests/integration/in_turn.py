"""Names handed out in turn, so that no two tests work on the same thing of a vCenter that they share."""

from __future__ import annotations

from collections import Counter


class InTurn:
    """Hands out `vm-01`, `vm-02`, …"""

    def __init__(self) -> None:
        self._given: Counter[str] = Counter()

    def vm(self, family: str = "vm") -> str:
        """Return the next VM's name of a family."""
        return f"{family}-{self._next(family):02}"

    def disk(self, pool: str = "old", family: str = "data") -> str:
        """Return the next detached disk's path."""
        return f"[{pool}] loose/{family}-{self._next(pool + family):02}.vmdk"

    def _next(self, family: str) -> int:
        self._given[family] += 1
        return self._given[family]
