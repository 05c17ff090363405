"""Every command that the endpoint serves."""

from __future__ import annotations

from collections.abc import Mapping

from app.api.cloudstack import (
    accounts,
    configurations,
    discovery,
    disk_offerings,
    domains,
    events,
    infrastructure,
    jobs,
    migrations,
    networks,
    sessions,
    storage_pools,
    storage_tags,
    virtual_machines,
    volumes,
)
from app.api.cloudstack.command import Command

_FAMILIES = (
    migrations,
    virtual_machines,
    volumes,
    storage_pools,
    storage_tags,
    infrastructure,
    disk_offerings,
    networks,
    jobs,
    accounts,
    domains,
    events,
    sessions,
    configurations,
    discovery,
)

SERVED: Mapping[str, Command] = {served.name: served for family in _FAMILIES for served in family.COMMANDS}
"""By CloudStack's name, whose case matters."""
