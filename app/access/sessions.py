"""Sessions: who has shown a key's secret once is known by a cookie for a while, as in CloudStack's `login`.

A session has two secrets of its own: its id, which is in a cookie that scripts cannot read, and its key, which every
call must carry beside it, so that no foreign page can make a browser call for its user. Only their hashes are kept.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.orm import Session

from app import sealing
from app.access import queries
from app.access.audit import Action, acting, record, user
from app.access.keys import REFUSED, Caller, caller_of
from app.access.models import ApiKey, LoginSession
from app.errors import NotAuthenticated, PermissionDenied
from app.settings import settings

_BYTES = 32
_PARTS = 20
"""That a session is used is written down so many times in the time that it lasts unused, not at every call."""


@dataclass(frozen=True)
class Credentials:
    """What a client shows to be known by its session."""

    session_id: str
    session_key: str


def open_session(session: Session, name: str, secret: str) -> tuple[Caller, Credentials]:
    """Begin a session of the key of that name; raises `PermissionDenied`, as CloudStack does, for a wrong secret."""
    key = queries.key_named(session, name) if name.isprintable() else None
    # Compared in either case, so that the time tells nothing about which names there are.
    expected = sealing.unseal(key.secret_sealed) if key is not None else secrets.token_urlsafe(_BYTES)
    right = hmac.compare_digest(expected.encode(), secret.encode("utf-8", "surrogatepass"))
    if key is None or not right or key.revoked_at is not None:
        raise PermissionDenied(f"Failed to authenticate user {name}; please provide valid credentials")
    session.execute(delete(LoginSession).where(LoginSession.key_id == key.id, LoginSession.used_at < _unused_since()))
    opened = Credentials(secrets.token_urlsafe(_BYTES), secrets.token_urlsafe(_BYTES))
    row = LoginSession(key_id=key.id, id_hash=_hash(opened.session_id), key_hash=_hash(opened.session_key))
    session.add(row)
    with acting(user(key.id)):
        record(session, Action.LOG_IN, ("User", key.id), name=name)
    return caller_of(key), opened


def authenticate_session(session: Session, shown: Credentials) -> Caller:
    """Return who has the session; raises `NotAuthenticated`, always with the same text."""
    found = session.execute(
        select(LoginSession, ApiKey)
        .join(ApiKey, ApiKey.id == LoginSession.key_id)
        .where(
            LoginSession.id_hash == _hash(shown.session_id),
            LoginSession.used_at >= _unused_since(),
            ApiKey.revoked_at.is_(None),
        )
    ).one_or_none()
    if found is None or not hmac.compare_digest(found[0].key_hash, _hash(shown.session_key)):
        raise NotAuthenticated(REFUSED)
    row, key = found
    session.execute(
        update(LoginSession)
        .where(LoginSession.id == row.id, LoginSession.used_at < _unused_since(_PARTS))
        .values(used_at=func.now())
    )
    return caller_of(key)


def close_session(session: Session, session_id: str) -> None:
    """End a session; nothing happens when there is none."""
    ended = session.execute(
        delete(LoginSession).where(LoginSession.id_hash == _hash(session_id)).returning(LoginSession.key_id)
    ).one_or_none()
    if ended is not None:
        record(session, Action.LOG_OUT, ("User", ended.key_id))


def _unused_since(parts: int = 1) -> object:
    return func.now() - timedelta(seconds=settings().session_seconds / parts)


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
