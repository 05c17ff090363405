"""Who owns what is shown: CloudStack's clients expect users, accounts and domains.

There is one domain. A key is a user, and alone in an account of its name; what was found in a vCenter belongs to an
account of its own, which is nobody's key.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy.orm import Session

from app.access.keys import Caller, keys_shown_to
from app.access.models import ApiKey
from app.access.queries import account_names, key_named
from app.access.roles import Role
from app.errors import InvalidParameter

DOMAIN = "ROOT"
DOMAIN_ID = UUID("8c1c3d2e-6f0b-5c59-9a53-0d5b6f4c7e10")
"""The same in every installation: nothing distinguishes domains here."""
OWNER = "admin"
"""Account of everything found in a vCenter. A job's account is the name of the key that asked for it."""
OWNER_ID = UUID("b1f0a6de-2f43-5d0c-8a2e-9c7d51e3f604")
"""The same in every installation."""

ENABLED, DISABLED = "enabled", "disabled"
"""The states of accounts and users (CloudStack's `Account.State`)."""


@dataclass(frozen=True)
class Domain:
    """A domain, of which there is one."""

    id: UUID = DOMAIN_ID
    name: str = DOMAIN


@dataclass(frozen=True)
class Project:
    """A project, of which there are none."""

    id: UUID
    name: str


@dataclass(frozen=True)
class Account:
    """An account: that of a key, or the owner of what was found."""

    id: UUID
    name: str
    role: Role
    created: datetime | None = None
    living: bool = True
    """Its key was not revoked."""
    is_default: bool = False
    """It is part of every installation."""

    @classmethod
    def of(cls, key: ApiKey) -> Account:
        """Return the account of a key."""
        return cls(key.account_id, key.name, Role(key.role), key.created_at, key.revoked_at is None)

    @property
    def state(self) -> str:
        """Return its state, and that of the user in it."""
        return ENABLED if self.living else DISABLED


def list_accounts(session: Session, caller: Caller) -> list[Account]:
    """Return every account that the caller may know of by name, those of revoked keys too.

    A living key may have the owner's name: then its account is the one that volumes and VMs name.
    """
    accounts = [Account.of(key) for key in keys_shown_to(session, caller)]
    if not any(account.name == OWNER and account.living for account in accounts):
        accounts.append(Account(OWNER_ID, OWNER, Role.ADMIN, is_default=True))
    return sorted(accounts, key=lambda account: account.name)


def known_account_ids(session: Session, ids: Collection[UUID]) -> set[UUID]:
    """Return those of `ids` that are accounts'."""
    return set(account_names(session, ids)) | {OWNER_ID}.intersection(ids)


def key_of_account(session: Session, name: str) -> ApiKey:
    """Return the key that an account has its name of, revoked or not; raises `InvalidParameter` when there is none."""
    key = key_named(session, name)
    if key is None:
        raise InvalidParameter(f"Unable to find account by name {name}")
    return key
