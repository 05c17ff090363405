"""How well a strategy can move something (CloudStack's `StrategyPriority`, apache/cloudstack#2848)."""

from __future__ import annotations

from enum import IntEnum


class StrategyPriority(IntEnum):
    """The best one moves it; the first of equals wins."""

    CANT_HANDLE = 0
    DEFAULT = 1
    """Through secondary storage."""
    HYPERVISOR = 2
    """The hypervisor itself."""
    HIGHEST = 3
