"""One SOAP connection pool to a vCenter, with its errors translated as early as they arise.

Where a connection breaks decides what is known. While it is being made, nothing was sent: `VCenterUnreachable` or
`CertificateRefused`, raised right there. Afterwards it is unknown whether the request arrived: that stays one of
`CONNECTION_LOST`, and `Session.call` decides what it means.
"""

from __future__ import annotations

from http import HTTPStatus
from http.client import HTTPException, HTTPSConnection
from typing import Any
from xml.parsers.expat import ExpatError

from pyVmomi.SoapAdapter import SoapResponseDeserializer, SoapStubAdapter

from app.vsphere.endpoint import SDK_PATH, Endpoint
from app.vsphere.pyvmomi import VimObject
from app.vsphere.sending import require_leave
from app.vsphere.tls import tls_context, unreachable

API_VERSION = "vim.version.version11"
"""vSphere API 6.5, the oldest that vrelocate supports. Every later vCenter speaks it too (pyVmomi's default is 5.5),
and one dialect for all means that what was tested is what runs."""

CONNECTION_LOST: tuple[type[Exception], ...] = (OSError, HTTPException, ExpatError)
"""What pyVmomi raises when an answer does not come, or stops half-way (ExpatError: truncated XML)."""

UNREADABLE: tuple[type[Exception], ...] = (AttributeError, KeyError, TypeError, ValueError)
"""What pyVmomi's parser raises for an answer that holds a type, an enum value or a date it does not know."""

NO_ANSWER: tuple[type[Exception], ...] = (*CONNECTION_LOST, *UNREADABLE)

_POOLED_CONNECTIONS = 16
_IDLE_CONNECTION_SECONDS = 60
"""Idle connections are dropped before a proxy or a firewall in between does it silently."""


def soap_stub(
    endpoint: Endpoint, timeout_seconds: float, *, path: str = SDK_PATH, version: str = API_VERSION
) -> VimObject:
    """Return a pyVmomi stub for `endpoint`, not logged in; every socket operation ends after `timeout_seconds`.

    `path` and `version` are another service's of the same vCenter.
    """

    class Connection(HTTPSConnection):
        """An HTTPS connection that says why it could not be made, and sends nothing without leave."""

        def connect(self) -> None:
            try:
                super().connect()
            except OSError as error:
                self.close()
                raise unreachable(endpoint, error) from error

        def send(self, data: Any) -> None:  # noqa: ANN401  # bytes, or what else http.client takes
            """Send a part of a request, headers or body; without its last part vCenter does nothing."""
            try:
                require_leave()
            except BaseException:
                self.close()
                raise
            super().send(data)

    host = f"[{endpoint.host}]" if ":" in endpoint.host else endpoint.host
    stub: VimObject = SoapStubAdapter(  # type: ignore[no-untyped-call]  # pyVmomi types its attributes, not its constructors
        host=host,
        port=endpoint.port,
        path=path,
        version=version,
        poolSize=_POOLED_CONNECTIONS,
        connectionPoolTimeout=_IDLE_CONNECTION_SECONDS,
        httpConnectionTimeout=timeout_seconds,
        sslContext=tls_context(endpoint),
    )
    stub.scheme = Connection
    return stub


def answer_to(managed_object: VimObject, method: str, arguments: list[Any]) -> bytes:
    """Call `method` and return its answer as it came, for readers that are quicker than pyVmomi's.

    `method` is the API's name (`RetrievePropertiesEx`), `arguments` are its parameters in order. The request, the
    connection and the login are pyVmomi's; faults are raised as pyVmomi raises them.
    """
    stub = managed_object._stub  # noqa: SLF001  # as pyVmomi's own helpers reach it
    request = stub.SerializeRequest(managed_object, managed_object._GetMethodInfo(method), arguments)  # noqa: SLF001
    headers = {"Cookie": stub.cookie, "SOAPAction": stub.versionId, "Content-Type": "text/xml; charset=utf-8"}
    connection = stub.GetConnection()
    try:
        connection.request("POST", stub.path, request, headers)
        response = connection.getresponse()
        body: bytes = response.read()
    except CONNECTION_LOST:
        connection.close()
        stub.DropConnections()
        raise
    stub.ReturnConnection(connection)
    if response.status == HTTPStatus.OK:
        return body
    if response.status == HTTPStatus.INTERNAL_SERVER_ERROR:  # SOAP faults come with it
        raise SoapResponseDeserializer(stub).Deserialize(body, None)  # type: ignore[no-untyped-call]  # pyVmomi's
    raise HTTPException(f"{response.status} {response.reason}")
