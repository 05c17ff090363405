"""Every SQL statement about API keys, their tokens, and the audit trail."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from app.access.models import ApiKey, AuditEntry, BearerToken


def find_key(session: Session, key: str) -> tuple[ApiKey, datetime] | None:
    """Return the living key and the database's present time, by which a request's expiry is judged."""
    row = session.execute(
        select(ApiKey, func.now()).where(ApiKey.key == key, ApiKey.revoked_at.is_(None))
    ).one_or_none()
    return (row[0], row[1]) if row else None


def key_named(session: Session, name: str) -> ApiKey | None:
    """Return the key of that name, revoked or not."""
    return session.scalars(select(ApiKey).where(ApiKey.name == name)).one_or_none()


def all_keys(session: Session) -> list[ApiKey]:
    """Return every key, revoked ones too, by name."""
    return list(session.scalars(select(ApiKey).order_by(ApiKey.name)))


def revoke(session: Session, name: str) -> bool:
    """Revoke the living key of that name; say whether there was one."""
    revoked = session.execute(
        update(ApiKey).where(ApiKey.name == name, ApiKey.revoked_at.is_(None)).values(revoked_at=func.now())
    )
    return bool(revoked.rowcount)  # type: ignore[attr-defined]  # an UPDATE gives a CursorResult


def key_of_token(session: Session, token_hash: bytes) -> ApiKey | None:
    """Return the living key of a token that is valid now."""
    return session.scalars(
        select(ApiKey)
        .join(BearerToken, BearerToken.key_id == ApiKey.id)
        .where(
            BearerToken.token_hash == token_hash,
            BearerToken.revoked_at.is_(None),
            or_(BearerToken.expires_at.is_(None), BearerToken.expires_at > func.now()),
            ApiKey.revoked_at.is_(None),
        )
    ).one_or_none()


def all_tokens(session: Session) -> list[tuple[BearerToken, ApiKey]]:
    """Return every token with its key, those that are of no use any more too, by key and age."""
    rows = session.execute(
        select(BearerToken, ApiKey)
        .join(ApiKey, ApiKey.id == BearerToken.key_id)
        .order_by(ApiKey.name, BearerToken.created_at, BearerToken.id)
    )
    return [(row[0], row[1]) for row in rows]


def revoke_token(session: Session, token_id: UUID) -> bool:
    """Revoke the living token of that id; say whether there was one."""
    revoked = session.execute(
        update(BearerToken)
        .where(BearerToken.id == token_id, BearerToken.revoked_at.is_(None))
        .values(revoked_at=func.now())
    )
    return bool(revoked.rowcount)  # type: ignore[attr-defined]  # an UPDATE gives a CursorResult


def account_names(session: Session, account_ids: Collection[UUID]) -> dict[UUID, str]:
    """Return the name of each account: that of its key."""
    rows = session.execute(select(ApiKey.account_id, ApiKey.name).where(ApiKey.account_id.in_(set(account_ids))))
    return {row.account_id: row.name for row in rows}


def key_names(session: Session, key_ids: Collection[UUID]) -> dict[UUID, str]:
    """Return the name of each key."""
    rows = session.execute(select(ApiKey.id, ApiKey.name).where(ApiKey.id.in_(set(key_ids))))
    return {row.id: row.name for row in rows}


def audit_past(
    session: Session, *, action: str | None, resource_id: UUID | None, actor: str | None = None, past: int, limit: int
) -> tuple[list[AuditEntry], int | None]:
    """Return the first lines of the audit trail before the one with the id `past`, the newest first.

    Also the id to read on from, if there are more.
    """
    lines = select(AuditEntry).where(AuditEntry.id < past)
    if action is not None:
        lines = lines.where(AuditEntry.action == action)
    if actor is not None:
        lines = lines.where(AuditEntry.actor == actor)
    if resource_id is not None:
        lines = lines.where(AuditEntry.resource_id == resource_id)
    found = list(session.scalars(lines.order_by(AuditEntry.id.desc()).limit(limit + 1)))
    return found[:limit], found[limit - 1].id if len(found) > limit else None


def user_of(actor: str) -> UUID | None:
    """Return the id of the user who did what a line tells; `None` for a worker."""
    kind, _, user_id = actor.partition(":")
    try:
        return UUID(user_id) if kind == "user" else None
    except ValueError:
        return None


def lock_all_keys(session: Session) -> list[ApiKey]:
    """Return every key, by id; nobody else changes them until the transaction is over."""
    return list(session.scalars(select(ApiKey).order_by(ApiKey.id).with_for_update()))
