"""The audit trail: who changed what, and when, written in the same transaction as the change itself.

Who acts is known at the edge (an endpoint, a command line) and needed deep inside: so it is kept beside the call, as
what log lines have in common is, and not handed through it.
"""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from app.access.models import AuditEntry
from app.access.replays import claim

_actor: ContextVar[str | None] = ContextVar("actor", default=None)


class Action(StrEnum):
    """What can be done that changes something; what the workers do of themselves is in the jobs' histories."""

    MIGRATE = "migration.accept"
    CANCEL = "job.cancel"
    RETRY = "job.retry"
    CREATE_OFFERING = "offering.create"
    UPDATE_OFFERING = "offering.update"
    ASSIGN_OFFERING = "volume.assign-offering"
    TAG_POOL = "pool.tag"
    ADD_VCENTER = "vcenter.add"
    UPDATE_VCENTER = "vcenter.update"
    ROTATE_CREDENTIALS = "vcenter.rotate-credentials"
    SYNC_VCENTER = "vcenter.sync"
    ADD_FILE_POOLS = "file-pools.add"
    ADD_STORE = "secondary.add"
    REMOVE_STORE = "secondary.remove"
    RESEAL = "secrets.reseal"
    CREATE_KEY = "key.create"
    REVOKE_KEY = "key.revoke"
    CONFIGURE = "configuration.update"
    LOG_IN = "user.login"
    LOG_OUT = "user.logout"
    CREATE_TOKEN = "token.create"  # noqa: S105  # an action's name
    REVOKE_TOKEN = "token.revoke"  # noqa: S105  # an action's name


def user(user_id: UUID) -> str:
    """Return how a caller of the API is named in trails and histories."""
    return f"user:{user_id}"


def set_actor(actor: str) -> None:
    """Let `actor` be who acts in this context (a task, a thread) from now on."""
    _actor.set(actor)


@contextmanager
def acting(actor: str) -> Iterator[None]:
    """Let `actor` be who acts for the length of the block."""
    before = _actor.set(actor)
    try:
        yield
    finally:
        _actor.reset(before)


def record(
    session: Session,
    action: Action,
    resource: tuple[str, UUID] | None = None,
    **detail: Any,  # noqa: ANN401  # whatever JSON holds
) -> None:
    """Write down what is done in this transaction: to which resource (its type and id), and what else is to be known.

    Never a secret. Who acts is who was said to; where nobody was, whoever runs this process. Raises `NotAuthenticated`
    when what is done is asked for by a signed request that was carried out already.
    """
    claim(session)
    resource_type, resource_id = resource or (None, None)
    session.add(
        AuditEntry(
            actor=_actor.get() or _whoever_runs_this(),
            action=action,
            resource_type=resource_type,
            resource_id=resource_id,
            detail=detail,
        )
    )


def _whoever_runs_this() -> str:
    try:
        return f"host:{getpass.getuser()}"
    except (KeyError, OSError):  # an id without a name, as in containers
        return "host"
