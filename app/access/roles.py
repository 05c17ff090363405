"""What a key's role allows: decided by the command's verb, as CloudStack's own read-only role does."""

from __future__ import annotations

from enum import StrEnum


class Role(StrEnum):
    """What the holder of a key may do."""

    ADMIN = "admin"
    """Everything."""
    OPERATOR = "operator"
    """Look at everything, migrate anything; change no offering and no pool."""
    READ_ONLY = "read-only"
    """Look at everything."""


_OWN = ("login", "logout")
"""What concerns nobody but the caller."""
_READING = ("list", "query", "find", "get", "check")
_ADMINISTERING = ("create", "update", "delete", "reset")


def allows(role: Role, command: str) -> bool:
    """Say whether `role` may call `command` (CloudStack's name of it, `migrateVolume`)."""
    match role:
        case Role.ADMIN:
            return True
        case Role.OPERATOR:
            return not command.startswith(_ADMINISTERING)
        case Role.READ_ONLY:
            return command.startswith(_READING) or command in _OWN
