"""Signed calls to a CloudStack endpoint, ours or another: one method a call, errors as our own tree.

Calls are POSTed as forms, so that neither key nor signature stands in a URL that some proxy writes down.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx

from app.access.signature import sign
from app.cli.connection import Connection
from app.errors import (
    CapacityExceeded,
    DatabaseUnavailable,
    InvalidParameter,
    MalformedRequest,
    NotAuthenticated,
    PermissionDenied,
    ResourceInUse,
    ResourceUnavailable,
    UnsupportedCommand,
    VrelocateError,
)

TIMEOUT_SECONDS = 30
"""For one call; no call of this API waits for a migration."""
LARGEST_PAGE = 500
"""CloudStack's `default.page.size`, which is also the most that it gives."""
SIGNATURE_LIFETIME = timedelta(minutes=10)

_BY_CODE: dict[int, type[VrelocateError]] = {
    401: NotAuthenticated,
    430: MalformedRequest,
    431: InvalidParameter,
    432: UnsupportedCommand,
    503: DatabaseUnavailable,
    531: PermissionDenied,
    533: CapacityExceeded,
    534: ResourceUnavailable,
    536: ResourceInUse,
}
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}

Entity = dict[str, Any]
"""One object of a response."""


class ApiClient:
    """An HTTP connection to the API; use it as a context."""

    def __init__(self, connection: Connection, *, transport: httpx.BaseTransport | None = None) -> None:
        """Prepare calls to `connection`; nothing is sent yet. `transport` stands in for the network in tests."""
        self._connection = connection
        # A proxy of the environment cannot reach this machine's loopback.
        parts = urlsplit(connection.url)
        self._http = httpx.Client(
            timeout=TIMEOUT_SECONDS,
            transport=transport,
            trust_env=parts.hostname not in _LOOPBACK,
            # Where nothing is encrypted no certificate is looked at: the authorities need not be read.
            verify=parts.scheme != "http",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def call(self, command: str, **parameters: object) -> Entity:
        """Call `command` and return the content of its response wrapper.

        Parameters that are `None` are left out. Raises the error of our tree that the API's error code names, and
        `ResourceUnavailable` when the API does not answer or answers something else than its own JSON.
        """
        response = self._post(self._signed(command, parameters))
        try:
            document = response.json()
            (content,) = document.values()
            code = int(content.get("errorcode", response.status_code))
        except (ValueError, TypeError, AttributeError) as error:
            raise ResourceUnavailable(
                f"{self._connection.url} answered HTTP {response.status_code}, but not as a CloudStack API: "
                "check the URL, which ends in /client/api"
            ) from error
        if response.status_code != httpx.codes.OK or "errortext" in content:
            raise _BY_CODE.get(code, VrelocateError)(str(content.get("errortext", f"HTTP {response.status_code}")))
        answer: Entity = content
        return answer

    def entities(
        self, command: str, key: str, *, page_size: int = LARGEST_PAGE, **parameters: object
    ) -> Iterator[Entity]:
        """Yield every object that the list command `command` knows under `key`; a page is asked for when it is due."""
        page, seen = 1, 0
        while True:
            content = self.call(command, page=page, pagesize=page_size, **parameters)
            found: list[Entity] = content.get(key, [])
            yield from found
            seen += len(found)
            if not found or seen >= int(content.get("count", 0)):
                return
            page += 1

    def _signed(self, command: str, parameters: Mapping[str, object]) -> dict[str, str]:
        """Return all parameters of the request, the signature (version 3, with its time of expiry) among them."""
        expires = datetime.now(UTC) + SIGNATURE_LIFETIME
        unsigned = {
            "command": command,
            "response": "json",
            "apikey": self._connection.api_key,
            "signatureversion": "3",
            "expires": expires.strftime("%Y-%m-%dT%H:%M:%S+0000"),
        }
        unsigned |= {name: str(value) for name, value in parameters.items() if value is not None}
        return unsigned | {"signature": sign(unsigned, self._connection.secret_key)}

    def _post(self, form: dict[str, str]) -> httpx.Response:
        try:
            return self._http.post(self._connection.url, data=form)
        except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
            raise ResourceUnavailable(f"{self._connection.url} is no URL of an API: {error}") from error
        except httpx.HTTPError as error:
            raise ResourceUnavailable(
                f"the API at {self._connection.url} does not answer ({type(error).__name__}): "
                "is `vrelocate up` or `vrelocate serve` running?"
            ) from error
