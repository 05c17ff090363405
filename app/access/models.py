"""The tables of API keys, and of the bearer tokens that stand for them."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID, uuid4

from sqlalchemy import CheckConstraint, ForeignKey, func
from sqlalchemy.orm import Mapped, mapped_column

from app.db import Base


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
