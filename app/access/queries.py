"""Every SQL statement about API keys and their tokens; those about the audit trail are in `trail.py`."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, or_, select, update
from sqlalchemy.orm import Session

from app.access.models import ApiKey, BearerToken


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


def key_names(session: Session, key_ids: Iterable[UUID]) -> dict[UUID, str]:
    """Return the name of each key."""
    rows = session.execute(select(ApiKey.id, ApiKey.name).where(ApiKey.id.in_(set(key_ids))))
    return {row.id: row.name for row in rows}


def names_of_actors(session: Session, actors: Iterable[str]) -> dict[str, str]:
    """Return the name of each actor's key; workers, and whoever ran a command beside the installation, have none."""
    users = {actor: user_id for actor in actors if (user_id := _user_of(actor)) is not None}
    names = key_names(session, users.values())
    return {actor: names[user_id] for actor, user_id in users.items() if user_id in names}


def _user_of(actor: str) -> UUID | None:
    """Return the id of the user who did what a line tells; `None` for a worker."""
    kind, _, user_id = actor.partition(":")
    try:
        return UUID(user_id) if kind == "user" else None
    except ValueError:
        return None


def lock_all_keys(session: Session) -> list[ApiKey]:
    """Return every key, by id; nobody else changes them until the transaction is over."""
    return list(session.scalars(select(ApiKey).order_by(ApiKey.id).with_for_update()))
