"""The vCenter of an installation: the user's own; the simulated one is `simulator`'s."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

from app.devstack.environment import VCENTER_PASSWORD, VCENTER_PASSWORD_FILE
from app.devstack.options import UpOptions
from app.errors import ConfigurationError


@dataclass(frozen=True)
class Vcenter:
    """A vCenter, how to log in to it, and why it is trusted."""

    name: str
    url: str
    username: str
    password: str = field(repr=False)
    thumbprint: str | None
    """SHA-256 of its certificate; `None`: the system's authorities vouch for it, or nobody does (`insecure`)."""
    insecure: bool = False


def real_vcenter(options: UpOptions, environment: Mapping[str, str] = os.environ) -> Vcenter:
    """Return the vCenter that the options name. Raises `ConfigurationError` when its password is nowhere."""
    url = options.vcenter or ""
    return Vcenter(
        name=urlsplit(url).hostname or url,
        url=url,
        username=options.username or "",
        password=_password(options.vcenter_password_file or environment.get(VCENTER_PASSWORD_FILE), environment),
        thumbprint=options.thumbprint,
        insecure=options.insecure,
    )


def _password(file: Path | str | None, environment: Mapping[str, str]) -> str:
    if file:
        try:
            password = Path(file).read_text(encoding="utf-8").rstrip("\r\n")
        except OSError as error:
            raise ConfigurationError(f"the vCenter's password file {file}: {error.strerror}") from error
    else:
        password = environment.get(VCENTER_PASSWORD, "")
    if not password:
        raise ConfigurationError(
            f"set {VCENTER_PASSWORD} to the vCenter's password, or {VCENTER_PASSWORD_FILE} to a file that holds it"
        )
    return password
