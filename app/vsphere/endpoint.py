"""Where a vCenter is, and on what terms it is trusted."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import urlsplit

from pydantic import SecretStr

from app.errors import ConfigurationError

HTTPS_PORT = 443
SDK_PATH = "/sdk"
_SHA256_HEX = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Endpoint:
    """A vCenter's address, credentials and TLS terms.

    The certificate is verified against the system's authorities (`SSL_CERT_FILE` adds others), unless `thumbprint`
    pins the one certificate that is trusted, or `insecure` trusts any. Raises `ConfigurationError` for an address or
    a thumbprint that cannot be meant.
    """

    url: str
    """`https://host[:port][/sdk]`"""
    username: str
    password: SecretStr
    thumbprint: str | None = None
    """SHA-256 of the certificate in hex; colons and case do not matter, it is kept as 64 lower-case digits."""
    insecure: bool = False

    def __post_init__(self) -> None:
        """Check everything at once, before anybody connects."""
        server_of(self.url)
        if self.thumbprint is not None:
            object.__setattr__(self, "thumbprint", canonical_thumbprint(self.thumbprint))
            if self.insecure:
                raise ConfigurationError(
                    "a pinned thumbprint and 'insecure' contradict each other: give one of the two"
                )

    @property
    def host(self) -> str:
        """The host's name or address; an IPv6 address without its brackets."""
        return server_of(self.url)[0]

    @property
    def port(self) -> int:
        """The TCP port, 443 unless the URL says otherwise."""
        return server_of(self.url)[1]

    @property
    def address(self) -> str:
        """`https://host:port`, the root of the REST services; safe to show."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"https://{host}:{self.port}"


def server_of(url: str) -> tuple[str, int]:
    """Return host and port of a vCenter's URL; raise `ConfigurationError` when it is none.

    The URL is not repeated in the message when it carries a user name or password.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise ConfigurationError(f"the vCenter URL cannot be read: {error}") from None
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError("the vCenter URL must not carry a user name or password: give them apart")
    if parts.scheme != "https" or not host:
        raise ConfigurationError(f"the vCenter URL {url!r} must look like https://host[:port][/sdk]")
    if parts.path.rstrip("/") not in {"", SDK_PATH} or parts.query or parts.fragment:
        raise ConfigurationError(f"the vCenter URL {url!r} must end after the host, the port or {SDK_PATH}")
    return host, HTTPS_PORT if port is None else port


def canonical_thumbprint(text: str) -> str:
    """Return a SHA-256 thumbprint as 64 lower-case hex digits; raise `ConfigurationError` when it is none."""
    digits = re.sub(r"[:\s]", "", text).lower()
    if not _SHA256_HEX.fullmatch(digits):
        raise ConfigurationError(
            f"{text!r} is no SHA-256 thumbprint: 64 hex digits are expected (SHA-1, with 40, is not accepted)"
        )
    return digits
