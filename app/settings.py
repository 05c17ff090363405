"""Every setting: its default, its unit, its environment name (`VRELOCATE_` + the field's name in capitals).

`DATABASE_URL` and `REDIS_URL` are read too, as platforms set them. Secrets come from the environment or from a file
named by the `…_FILE` twin, never from a command line.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AliasChoices, Field, SecretStr, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict

from app.errors import ConfigurationError

_MOST = 2**31 - 1
"""Of seconds, 68 years: added to any time, they still give one."""
Seconds = Annotated[float, Field(gt=0, le=_MOST)]
Count = Annotated[int, Field(ge=1, le=_MOST)]
Days = Annotated[int, Field(ge=1, le=36_500)]


class Settings(BaseSettings):
    """The settings of one process; every process of an installation is given the same ones."""

    model_config = SettingsConfigDict(env_prefix="VRELOCATE_", extra="ignore", frozen=True)

    # -- where things are ------------------------------------------------------------------------------------------
    database_url: SecretStr = Field(validation_alias=AliasChoices("VRELOCATE_DATABASE_URL", "DATABASE_URL"))
    """`postgresql://user:password@host:port/name`; PostgreSQL >= 15."""
    redis_url: SecretStr = Field(validation_alias=AliasChoices("VRELOCATE_REDIS_URL", "REDIS_URL"))
    """`redis://:password@host:port/0`; Redis >= 6.2 or Valkey."""
    master_key: SecretStr | None = None
    """Seals credentials at rest (32 url-safe base64 bytes, as `vrelocate keygen` prints); or `master_key_file`."""
    master_key_file: Path | None = None

    # -- processes -------------------------------------------------------------------------------------------------
    api_host: str = "127.0.0.1"
    api_port: int = Field(default=8080, ge=0, le=65535)
    api_calls_per_second: Count | None = None
    """How often a key may call in the long run, at each process of the API; unset: as often as it likes."""
    session_seconds: Count = 1800
    """After how long a session (`login`) ends in which nothing was called; CloudStack's `session.timeout`."""
    stream_seconds: Seconds = 600
    """How long the API serves one stream of events; clients then call again, with a key that is still valid."""
    worker_concurrency: Count = 8
    """Threads a worker; each step lasts seconds and mostly waits for vCenter or PostgreSQL."""
    carries_per_worker: Count = 2
    """Copies through secondary storage at once on a worker, each in a thread of its own."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["json", "text"] = "json"

    # -- jobs ------------------------------------------------------------------------------------------------------
    lease_seconds: Seconds = 10
    """How long a claimed step is believed to be alive without a sign; steps renew at a third of it.

    Longer than PostgreSQL leaves a silent client its locks (`app.db.SILENCE_SECONDS`): who takes over finds none.
    """
    sweep_interval_seconds: Seconds = 2
    """How often each worker looks for due rows and lapsed leases."""
    job_timeout_seconds: Count = 172_800
    """How long vCenter may work on a job that asks for nothing else, from its first task on; then it is cancelled."""
    job_wait_seconds: Count = 604_800
    """How long a job may wait for its first task before it is given up."""
    retry_max_attempts: Count = 5
    retry_base_seconds: Seconds = 5
    """The first retry waits about this long; each further one twice as long, with jitter, up to the ceiling."""
    retry_ceiling_seconds: Seconds = 900
    job_retention_days: Days | Literal["forever"] = 90
    """How long a job that is over is remembered, with its attempts and its history."""

    # -- vCenter ---------------------------------------------------------------------------------------------------
    vcenter_call_timeout_seconds: Seconds = 60
    """Socket timeout of one SOAP or REST call; relocations are followed by short calls, so it bounds no migration."""
    watch_wait_seconds: Seconds = 2
    """Length of the watcher's long poll while relocations run; what ends or begins meanwhile ends it."""
    watch_lease_seconds: Seconds = 8
    """A watcher that gives no sign for this long is replaced by another worker's."""
    vcenter_addresses: str | None = None
    """Hosts and networks at which vCenters may be added over the API, separated by commas: `*.vc.example,10.1.0.0/16`;
    unset: everywhere but at this machine's own, link-local and multicast addresses."""
    sync_interval_seconds: Seconds = 300
    """How often the inventory of each vCenter is read anew."""
    tag_category: str = "vrelocate-storage"
    """vSphere tags of this category on a datastore are its storage tags."""

    # -- slots: relocations running at once; the defaults stay under vCenter's own limits ----------------------------
    slots_per_vcenter: Count = 128
    slots_per_host: Count = 8
    slots_per_source_pool: Count = 8
    slots_per_target_pool: Count = 8


@cache
def settings() -> Settings:
    """Return this process's settings.

    Raises `ConfigurationError` naming each variable that is missing or wrong.
    """
    try:
        return Settings()  # type: ignore[call-arg]  # the required fields come from the environment
    except ValidationError as error:
        raise ConfigurationError("; ".join(_explain(item["loc"], item["msg"]) for item in error.errors())) from None


def _explain(location: tuple[int | str, ...], message: str) -> str:
    """Name the environment variable, never its value: values may be secrets."""
    name = str(location[0])
    variable = name if name.isupper() else f"VRELOCATE_{name.upper()}"
    return f"set {variable} in the environment: {message}"
