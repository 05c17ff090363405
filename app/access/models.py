"""The tables of API keys, of the bearer tokens that stand for them, and of the audit trail."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import ARRAY, BigInteger, CheckConstraint, ForeignKey, Identity, Index, Uuid, func, text
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base, Json


class ApiKey(Base):
    """A key and its sealed secret, as CloudStack's clients sign with them."""

    __tablename__ = "api_key"
    __table_args__ = (CheckConstraint("role IN ('admin', 'operator', 'read-only')", name="known_role"),)

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    name: Mapped[str] = mapped_column(unique=True)
    key: Mapped[str] = mapped_column(unique=True)
    secret_sealed: Mapped[bytes]
    role: Mapped[str] = mapped_column(default="admin", server_default="admin")
    account_id: Mapped[UUID] = mapped_column(default=uuid4)
    zone_ids: Mapped[list[UUID] | None] = mapped_column(ARRAY(Uuid))
    """The zones that there are for it; `None`: all. An array: when a zone is gone, the key is not limited to less."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    revoked_at: Mapped[datetime | None]


class BearerToken(Base):
    """A token that stands for a key where a client sends no signatures. Only its hash is kept."""

    __tablename__ = "bearer_token"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    key_id: Mapped[UUID] = mapped_column(ForeignKey("api_key.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[bytes] = mapped_column(unique=True)
    """SHA-256: a token is 48 random bytes, which nobody guesses from it."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class LoginSession(Base):
    """The session of somebody who has logged in with a key's secret. Of its own two secrets only hashes are kept."""

    __tablename__ = "login_session"

    id: Mapped[UUID] = mapped_column(primary_key=True, default=uuid4)
    key_id: Mapped[UUID] = mapped_column(ForeignKey("api_key.id", ondelete="CASCADE"), index=True)
    id_hash: Mapped[bytes] = mapped_column(unique=True)
    """SHA-256 of what the cookie holds, 32 random bytes."""
    key_hash: Mapped[bytes]
    """SHA-256 of what every call carries beside the cookie."""
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    used_at: Mapped[datetime] = mapped_column(server_default=func.now())
    """When it was used last, a little late (`app.access.sessions`)."""


class UsedSignature(Base):
    """The signature of a request that has changed something, for as long as it would be valid (`replays.py`)."""

    __tablename__ = "used_signature"

    signature_hash: Mapped[bytes] = mapped_column(primary_key=True)
    """SHA-256 of the signature as it was sent."""
    expires_at: Mapped[datetime] = mapped_column(index=True)


class AuditEntry(Base):
    """One line of the audit trail: who changed what."""

    __tablename__ = "audit_entry"
    __table_args__ = (
        Index("ix_audit_entry_at", "at", "id"),
        Index("ix_audit_entry_resource", "resource_id", "id"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(always=True), primary_key=True)
    at: Mapped[datetime] = mapped_column(server_default=func.now())
    actor: Mapped[str]
    """`user:<id>` of a key, or `host:<name>`: who ran a command beside the installation."""
    action: Mapped[str]
    """`app.access.audit.Action`."""
    resource_type: Mapped[str | None]
    resource_id: Mapped[UUID | None]
    detail: Mapped[Json] = mapped_column(server_default=text("'{}'::jsonb"))
