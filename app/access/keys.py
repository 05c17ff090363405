"""API keys: made, found, revoked; and who a request comes from.

A secret is shown once, when its key is made; at rest it is sealed with the installation's master key, because a
signature can only be checked with the secret itself.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from uuid import UUID

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app import sealing
from app.access import queries
from app.access.audit import Action, record
from app.access.models import ApiKey
from app.access.roles import Role
from app.access.signature import parse_expires, verify
from app.errors import InvalidParameter, NameTaken, NotAuthenticated, NotFound

_KEY_BYTES = 48
"""Gives 64 characters, all of them safe in a URL: clients that encode badly sign them right all the same."""

REFUSED = "unable to verify user credentials and/or request signature"
"""CloudStack's one text for every reason: an unknown key, a wrong signature, a lapsed request."""


@dataclass(frozen=True)
class Caller:
    """Who a request comes from."""

    user_id: UUID
    account_id: UUID
    role: Role
    key_name: str
    zone_ids: frozenset[UUID] | None = None
    """The zones that there are for it; `None`: all."""


def create_key(
    session: Session, name: str, role: Role = Role.ADMIN, zone_ids: Collection[UUID] | None = None
) -> tuple[ApiKey, str]:
    """Make a key; return it with its secret, which cannot be read again.

    With `zone_ids` it is limited to these zones: for it there are no others, and nothing that is in them. Raises
    `InvalidParameter` when there is, or was, a key of that name, and when an admin's is to be limited.
    """
    if not name.strip():
        raise InvalidParameter("a key needs a name")
    if queries.key_named(session, name):
        raise NameTaken(f"there is a key named {name!r} already; names are not used twice")
    role = Role(role)
    if zone_ids is not None and role is Role.ADMIN:
        raise InvalidParameter("an admin changes what all zones share: only operator and read-only keys can be limited")
    if zone_ids is not None and not zone_ids:
        raise InvalidParameter("a key that is limited needs a zone, at least one")
    secret = secrets.token_urlsafe(_KEY_BYTES)
    key = ApiKey(
        name=name,
        key=secrets.token_urlsafe(_KEY_BYTES),
        secret_sealed=sealing.seal(secret),
        role=role.value,
        zone_ids=None if zone_ids is None else sorted(set(zone_ids)),
    )
    session.add(key)
    try:
        session.flush()
    except IntegrityError:
        raise NameTaken(f"somebody has just made a key named {name!r}") from None
    limits = {} if key.zone_ids is None else {"zones": [str(zone_id) for zone_id in key.zone_ids]}
    record(session, Action.CREATE_KEY, ("User", key.id), name=name, role=key.role, **limits)
    return key, secret


def revoke_key(session: Session, name: str) -> None:
    """Make the key useless from now on; raises `NotFound` when no living key has that name."""
    key = queries.key_named(session, name)
    if key is None or not queries.revoke(session, name):
        raise NotFound(f"no living key is named {name!r}")
    record(session, Action.REVOKE_KEY, ("User", key.id), name=name)


def reseal_secrets(session: Session) -> int:
    """Have every key's secret sealed by the first of the master keys; return how many there are.

    Raises `ConfigurationError` when one was sealed with a key that is not among them: then nothing is changed.
    """
    keys = queries.lock_all_keys(session)
    for key in keys:
        key.secret_sealed = sealing.reseal(key.secret_sealed)
    return len(keys)


FindKey = Callable[[str], tuple[ApiKey, datetime] | None]
"""Gives the living key of a request and the time of the database, as `queries.find_key`."""


def authenticate(session: Session, parameters: Mapping[str, str], find: FindKey | None = None) -> Caller:
    """Return who signed a request; `parameters` are all of its parameters with their names as the client wrote them.

    `find` is asked for the key where several requests are looked at together.

    Raises `NotAuthenticated`, always with the same text.
    """
    named = {name.lower(): value for name, value in parameters.items()}
    signature, api_key = named.get("signature"), named.get("apikey")
    # PostgreSQL refuses to look for a text with a zero byte.
    find = find or partial(queries.find_key, session)
    found = find(api_key) if signature and api_key and api_key.isprintable() else None
    if not signature or not found:
        raise NotAuthenticated(REFUSED)
    key, now = found
    if not verify(parameters, sealing.unseal(key.secret_sealed), signature):
        raise NotAuthenticated(REFUSED)
    if named.get("signatureversion") == "3":
        try:
            lapsed = parse_expires(named.get("expires", "")) <= now
        except ValueError:
            lapsed = True
        if lapsed:
            raise NotAuthenticated(REFUSED)
    return caller_of(key)


def caller_of(key: ApiKey) -> Caller:
    """Return who calls with a key, or with what stands for it."""
    return Caller(
        user_id=key.id,
        account_id=key.account_id,
        role=Role(key.role),
        key_name=key.name,
        zone_ids=None if key.zone_ids is None else frozenset(key.zone_ids),
    )


def keys_shown_to(session: Session, caller: Caller) -> list[ApiKey]:
    """Return the keys that a caller may know of, revoked ones too, by name: itself alone if it is limited to zones."""
    return [key for key in queries.all_keys(session) if caller.zone_ids is None or key.id == caller.user_id]
