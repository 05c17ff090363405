"""Which certificate is trusted: one rule for SOAP and for REST.

pyVmomi can pin a thumbprint too, but checks it only when the usual verification fails: a certificate that any public
authority signed passes without a look at the pin, and with a shared context the second connection is not checked at
all (`pyVmomi.SoapAdapter._Connect`). Here the pin is part of the TLS handshake of every connection, whoever makes it.
"""

from __future__ import annotations

import hashlib
import ssl

from app.vsphere.endpoint import Endpoint, server_of
from app.vsphere.errors import CertificateRefused, VCenterUnreachable

_FETCH_TIMEOUT_SECONDS = 10.0


class ThumbprintMismatch(ssl.SSLError):
    """The server showed another certificate than the pinned one. An OSError, so that the socket gets closed."""

    def __init__(self, *, pinned: str, seen: str) -> None:
        """Keep both thumbprints."""
        super().__init__(pinned, seen)
        self.pinned = pinned
        self.seen = seen

    def __str__(self) -> str:
        return f"the certificate's thumbprint is {self.seen}, pinned is {self.pinned}"


class _PinnedContext(ssl.SSLContext):
    """A TLS context that accepts exactly one certificate."""

    thumbprint: str


class _PinnedSocket(ssl.SSLSocket):
    """Compares the certificate as soon as the handshake is done, before a byte of ours is sent."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002  # ssl.SSLSocket's own signature
        super().do_handshake(block)
        seen = hashlib.sha256(self.getpeercert(binary_form=True) or b"").hexdigest()
        if isinstance(self.context, _PinnedContext) and seen != self.context.thumbprint:
            raise ThumbprintMismatch(pinned=self.context.thumbprint, seen=seen)


def tls_context(endpoint: Endpoint) -> ssl.SSLContext:
    """Return the TLS context for all connections to `endpoint`."""
    if endpoint.thumbprint is not None:
        pinned = _PinnedContext(ssl.PROTOCOL_TLS_CLIENT)
        pinned.thumbprint = endpoint.thumbprint
        pinned.sslsocket_class = _PinnedSocket
        return _unverified(pinned)
    context = ssl.create_default_context()
    return _unverified(context) if endpoint.insecure else context


def fetch_thumbprint(url: str) -> str:
    """Return the SHA-256 thumbprint (64 hex digits) of the certificate that the server at `url` shows, trusted or not.

    Raises `ConfigurationError` for a bad URL and `VCenterUnreachable` when nothing there speaks TLS.
    """
    host, port = server_of(url)
    try:
        pem = ssl.get_server_certificate((host, port), timeout=_FETCH_TIMEOUT_SECONDS)
    except OSError as error:
        raise VCenterUnreachable(f"{host}:{port} shows no certificate: {error}") from error
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


def unreachable(endpoint: Endpoint, error: BaseException) -> VCenterUnreachable | CertificateRefused:
    """Say in an operator's words why no connection to `endpoint` came about."""
    server = f"{endpoint.host}:{endpoint.port}"
    for cause in _chain(error):
        if isinstance(cause, ThumbprintMismatch):
            return CertificateRefused(
                f"the certificate of {server} is not the pinned one: its SHA-256 thumbprint is {cause.seen}, pinned is "
                f"{cause.pinned}. If the certificate was renewed, check the new thumbprint at the vCenter and pin that",
                seen=cause.seen,
            )
        if isinstance(cause, ssl.SSLCertVerificationError):
            seen = _thumbprint_if_any(endpoint.url)
            return CertificateRefused(
                f"the certificate of {server} is not trusted ({cause.verify_message}); its SHA-256 thumbprint is "
                f"{seen or 'unreadable'}. Check it at the vCenter and pin it, or install the vCenter's authority",
                seen=seen,
            )
    return VCenterUnreachable(f"no connection to the vCenter at {server}: {str(error) or type(error).__name__}")


def _unverified(context: ssl.SSLContext) -> ssl.SSLContext:
    """Turn off the usual verification: either the pin replaces it, or the operator asked for none."""
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _thumbprint_if_any(url: str) -> str | None:
    try:
        return fetch_thumbprint(url)
    except VCenterUnreachable:
        return None


def _chain(error: BaseException) -> list[BaseException]:
    """Return the error and what caused it: HTTP libraries wrap the one that says why."""
    chain: list[BaseException] = []
    current: BaseException | None = error
    while current is not None and current not in chain:
        chain.append(current)
        current = current.__cause__ or current.__context__
    return chain
