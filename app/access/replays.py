"""A signed request that says until when it is valid (`expires`) changes something once, whoever sends it again.

What was used is written down in the same transaction as the change, by the audit trail, which every change goes
through. So a request that was refused, or that failed, may be sent again as it is; and one that is answered with what
is there already (a job that the client has chosen the id of) is answered so again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.errors import NotAuthenticated

USED = "this signed request was carried out already: if it is meant once more, sign it anew, with another expires"

_CLAIM = text(
    """
    WITH lapsed AS (
        DELETE FROM used_signature WHERE signature_hash IN (
            SELECT signature_hash FROM used_signature WHERE expires_at < now()
            ORDER BY expires_at LIMIT 20 FOR UPDATE SKIP LOCKED))
    INSERT INTO used_signature (signature_hash, expires_at) VALUES (:signature_hash, :expires_at)
    ON CONFLICT DO NOTHING RETURNING 1
    """
)
"""Whoever uses one takes some of those along that nobody can use any more."""


@dataclass(eq=False)
class _Signed:
    signature_hash: bytes
    expires_at: datetime
    claimed_in: Session | None = None
    """A request may change several things in one transaction; if that is rolled back, the next one is another."""


_signed: ContextVar[_Signed | None] = ContextVar("signed", default=None)


@contextmanager
def once(signature: str, expires_at: datetime) -> Iterator[None]:
    """Let what is changed within the block be the one use of a signature that is valid until then."""
    before = _signed.set(_Signed(hashlib.sha256(signature.encode()).digest(), expires_at))
    try:
        yield
    finally:
        _signed.reset(before)


def claim(session: Session) -> None:
    """Use the signature of the request that is served, if it has one to be used once.

    Raises `NotAuthenticated` when it was used.
    """
    signed = _signed.get()
    if signed is None or signed.claimed_in is session:
        return
    values = {"signature_hash": signed.signature_hash, "expires_at": signed.expires_at}
    if session.execute(_CLAIM, values).one_or_none() is None:
        raise NotAuthenticated(USED)
    signed.claimed_in = session
