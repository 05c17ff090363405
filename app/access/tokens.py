"""Bearer tokens: made for a key, sent as they are, kept as a hash. Whoever has one is who the key is."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from uuid import UUID

from sqlalchemy import func
from sqlalchemy.orm import Session

from app.access import queries
from app.access.audit import Action, record
from app.access.keys import Caller, caller_of
from app.access.models import BearerToken
from app.errors import NotAuthenticated, NotFound

_MARK = "vrl_"
"""What scanners for leaked secrets, and people, know them by."""
_BYTES = 48

UNKNOWN = (
    "a call needs a valid token in its Authorization header, `Bearer vrl_…`: "
    "`vrelocate tokens create` makes one for a key"
)
"""The one text for every reason: no token, an unknown, revoked or expired one, a revoked key."""


def create_token(session: Session, key_name: str, lasts_seconds: int | None = None) -> tuple[BearerToken, str]:
    """Make a token for the living key of that name; return it with its text, which cannot be read again.

    It is valid for `lasts_seconds`, or for as long as its key. Raises `NotFound` when no living key has that name.
    """
    key = queries.key_named(session, key_name)
    if key is None or key.revoked_at is not None:
        raise NotFound(f"no living key is named {key_name!r}: vrelocate keys list shows those that exist")
    text = _MARK + secrets.token_urlsafe(_BYTES)
    token = BearerToken(key_id=key.id, token_hash=_hash(text))
    if lasts_seconds is not None:
        token.expires_at = func.now() + timedelta(seconds=lasts_seconds)
    session.add(token)
    session.flush()
    session.refresh(token)
    record(session, Action.CREATE_TOKEN, ("Token", token.id), key=key_name)
    return token, text


def revoke_token(session: Session, token_id: UUID) -> None:
    """Make the token useless from now on; raises `NotFound` when no living token has that id."""
    if not queries.revoke_token(session, token_id):
        raise NotFound(f"no living token has the id {token_id}: vrelocate tokens list shows those that exist")
    record(session, Action.REVOKE_TOKEN, ("Token", token_id))


def authenticate_token(session: Session, text: str | None) -> Caller:
    """Return who sends a token; raises `NotAuthenticated`, always with the same text."""
    key = queries.key_of_token(session, _hash(text)) if text else None
    if key is None:
        raise NotAuthenticated(UNKNOWN)
    return caller_of(key)


def _hash(text: str) -> bytes:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()
