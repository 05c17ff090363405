"""Timeouts and limits of the installation, which can be changed while it runs (`updateConfiguration`).

The settings give their defaults; what was changed is a row, read in the transaction that needs it. So every process
goes by the same values, and by the new ones from the next decision on.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError
from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Mapped, Session, mapped_column

from app.db import Base
from app.errors import InvalidParameter, NotFound
from app.settings import Count, Days, Seconds, settings


class ChangedLimit(Base):
    """A limit that is not what the settings say."""

    __tablename__ = "changed_limit"

    name: Mapped[str] = mapped_column(primary_key=True)
    """That of a field of `Limits`."""
    value: Mapped[str]
    changed_at: Mapped[datetime] = mapped_column(server_default=func.now())


class Limits(BaseModel):
    """What can be changed, with the names, types and bounds of the settings of the same names."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    job_timeout_seconds: Count
    job_wait_seconds: Count
    job_retention_days: Days | Literal["forever"]
    retry_max_attempts: Count
    retry_base_seconds: Seconds
    retry_ceiling_seconds: Seconds
    slots_per_vcenter: Count
    slots_per_host: Count
    slots_per_source_pool: Count
    slots_per_target_pool: Count


def dotted(name: str) -> str:
    """Return a limit's name in CloudStack's way: `job.timeout.seconds`."""
    return name.replace("_", ".")


def default_limits() -> Limits:
    """Return what the settings of this process say."""
    given = settings()
    return Limits.model_validate({name: getattr(given, name) for name in Limits.model_fields})


def limits(session: Session) -> Limits:
    """Return what is to be gone by now."""
    changed = {row.name: row.value for row in session.execute(select(ChangedLimit.name, ChangedLimit.value))}
    defaults = default_limits()
    return Limits.model_validate({**defaults.model_dump(), **changed}) if changed else defaults


def change_limit(session: Session, name: str, value: str | None) -> Limits:
    """Let a limit be another one from now on, `None`: what the settings say; return all as they are then.

    Raises `NotFound` for an unknown name, and `InvalidParameter` for a value that cannot be one.
    """
    if name not in Limits.model_fields:
        known = ", ".join(Limits.model_fields)
        raise NotFound(f"there is no limit {name!r} that can be changed; there are: {known}")
    if value is None:
        session.execute(delete(ChangedLimit).where(ChangedLimit.name == name))
    else:
        _require_valid(name, value)
        written = insert(ChangedLimit).values(name=name, value=value)
        session.execute(
            written.on_conflict_do_update(
                index_elements=[ChangedLimit.name], set_={"value": written.excluded.value, "changed_at": func.now()}
            )
        )
    return limits(session)


def _require_valid(name: str, value: str) -> None:
    tried: Mapping[str, object] = {**default_limits().model_dump(), name: value}
    try:
        Limits.model_validate(tried)
    except ValidationError as error:
        reasons = "; ".join(dict.fromkeys(item["msg"] for item in error.errors()))
        raise InvalidParameter(f"{dotted(name)} cannot be {value!r}: {reasons}") from None
