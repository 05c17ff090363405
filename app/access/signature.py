"""Signatures of CloudStack requests: how clients make them, and which ones are accepted.

The signed text is every parameter but `signature`, sorted by name, `name=value` with the value percent-encoded, joined
with `&` and lower-cased as a whole; the signature is Base64(HMAC-SHA1(secret, text)). That is what
`ApiServer.verifyRequest` of Apache CloudStack computes. Clients differ from it in two harmless ways, both accepted:

- the order: by the names as they are written (CloudStack, `cs`, Go clients), or in lower case (apache-libcloud);
- the encoding of `~`, `*`, `[` and `]` in values: Java, Python and Go each escape other ones of them.
"""

from __future__ import annotations

import base64
import hmac
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from urllib.parse import quote

_UNESCAPED = {
    "java.net.URLEncoder, CloudStack itself": "*",
    "cs: urllib's quote leaves the tilde alone": "*~",
    "apache-libcloud: its urlquote leaves brackets alone too": "*~[]",
    "Go's url.QueryEscape: cloudstack-go, CloudMonkey": "~",
}
"""What each known encoder leaves as it is, beyond the letters, digits and `._-` that all of them leave."""

_EXPIRES_FORMATS = ("%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%dT%H:%M:%S.%f%z", "%Y-%m-%dT%H:%M:%SZ%z")
"""ISO 8601 with `+0000`, `+00:00` or `Z`; the last one, with both, is what old CloudStack clients send."""


def sign(parameters: Mapping[str, str], secret: str) -> str:
    """Return the signature of a request as CloudStack itself computes it; a `signature` among them is left out."""
    return _signature(_text(parameters, "*", fold=False), secret)


def verify(parameters: Mapping[str, str], secret: str, signature: str) -> bool:
    """Say whether `signature` is one that some known client computes for this request.

    Every variant is compared, in constant time, whatever the earlier ones gave.
    """
    given = signature.encode()
    matches = [hmac.compare_digest(valid.encode(), given) for valid in acceptable_signatures(parameters, secret)]
    return any(matches)


def acceptable_signatures(parameters: Mapping[str, str], secret: str) -> list[str]:
    """Return the signatures that known clients compute for a request; mostly they all compute the same one."""
    return [_signature(text, secret) for text in dict.fromkeys(_texts(parameters))]


def parse_expires(text: str) -> datetime:
    """Read the `expires` of a version 3 signature; raises `ValueError` when it is no time with a zone."""
    for pattern in _EXPIRES_FORMATS:
        try:
            return datetime.strptime(text, pattern).astimezone(UTC)
        except (ValueError, OverflowError):
            continue
    raise ValueError(f"not a time with a zone: {text!r}")


def _texts(parameters: Mapping[str, str]) -> Iterator[str]:
    for unescaped in _UNESCAPED.values():
        for fold in (False, True):
            yield _text(parameters, unescaped, fold=fold)


def _text(parameters: Mapping[str, str], unescaped: str, *, fold: bool) -> str:
    """Return the text that is signed; `fold`: names are put in lower case before they are sorted."""
    pairs = [(name.lower() if fold else name, value) for name, value in parameters.items()]
    signed = sorted((pair for pair in pairs if pair[0].lower() != "signature"), key=lambda pair: pair[0])
    # urllib leaves the tilde alone whatever it is told.
    escape = str if "~" in unescaped else _escape_tilde
    return "&".join(f"{name}={escape(quote(value, safe=unescaped))}" for name, value in signed).lower()


def _escape_tilde(quoted: str) -> str:
    return quoted.replace("~", "%7E")


def _signature(text: str, secret: str) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), text.encode(), "sha1")).decode("ascii")
