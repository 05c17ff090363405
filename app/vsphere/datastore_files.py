"""Files of datastores over HTTPS, as vSphere serves them under `/folder`.

"Datastore Access (/folder)" in the vSphere Web Services SDK Programming Guide: GET, HEAD, PUT and DELETE of
`/folder/<path>?dcPath=<datacenter>&dsName=<datastore>`, with a password or a session's cookie. It promises no more:
what a status means is taken from HTTP (RFC 9110) and from what Ansible's `vsphere_file` and `vsphere_copy` meet.
docs/simulator-fidelity.md lists what is known and what is not.

Two things are asked for that a server may not have, and the work gets done without them:
- a version of a file (ETag, else Last-Modified), by which a change is noticed between two reads of it;
- writing a file from its middle on (PUT with Content-Range), by which an upload is resumed: `PartialPutRefused`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http import HTTPStatus
from types import TracebackType
from typing import Self
from urllib.parse import quote, urlencode

import httpx

from app.errors import CapacityExceeded, NotFound, ResourceInUse, VrelocateError
from app.vsphere.endpoint import Endpoint
from app.vsphere.errors import VCenterLoginFailed
from app.vsphere.tls import tls_context, unreachable

_PIECE_BYTES = 1 << 20
_PART_REFUSED = frozenset(
    {
        HTTPStatus.BAD_REQUEST,  # RFC 9110, 14.4: of a server that does not know partial PUT
        HTTPStatus.METHOD_NOT_ALLOWED,
        HTTPStatus.LENGTH_REQUIRED,
        HTTPStatus.UNSUPPORTED_MEDIA_TYPE,
        HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
        HTTPStatus.NOT_IMPLEMENTED,
    }
)


class DatastoreFileGone(NotFound):
    """There is no such file, or no such datastore."""


class DatastoreFileChanged(ResourceInUse):
    """The file is not of the version that was asked for."""


class DatastoreFileBusy(ResourceInUse):
    """A running VM, a task or another upload has the file."""


class DatastoreFull(CapacityExceeded):
    """The datastore takes no more."""


class PartialPutRefused(VrelocateError):
    """The server does not write a file from its middle on: it has to be written from its beginning."""


class DatastoreFileRefused(VrelocateError):
    """The server answers with a status that has no other meaning here; the text has it."""


@dataclass(frozen=True)
class DatastoreFile:
    """The place of a file."""

    datacenter_path: str
    """Inventory path of the datacenter: `dc1`, `folder/dc1`."""
    datastore: str
    path: str
    """Relative to the datastore's root."""

    def __str__(self) -> str:
        return f"[{self.datastore}] {self.path}"

    @property
    def address(self) -> str:
        """Path and query of the URL. Everything is escaped: names may hold blanks, brackets, `%`, `#`, any letter."""
        query = urlencode({"dcPath": self.datacenter_path, "dsName": self.datastore}, quote_via=quote, safe="")
        return f"/folder/{quote(self.path, safe='/')}?{query}"


@dataclass(frozen=True)
class DatastoreFileStat:
    """What HEAD tells of a file."""

    size_bytes: int
    version: str | None
    """Changes with the content: the ETag, else the time of the last change; `None` when the server tells neither."""


class DatastoreFiles:
    """The files of one vCenter's datastores, for one thread.

    Every method raises `VCenterUnreachable` or `CertificateRefused` when the vCenter does not answer within
    `timeout_seconds`, or breaks the connection; `VCenterLoginFailed` when it refuses the user;
    `DatastoreFileRefused` for any other status.
    """

    def __init__(self, endpoint: Endpoint, timeout_seconds: float) -> None:
        """Prepare; nothing connects before the first call."""
        self._endpoint = endpoint
        # The cookie that comes with the first answer is sent along from then on: one session, not one a request. No
        # proxy from the environment: SOAP uses none either.
        self._client = httpx.Client(
            base_url=endpoint.address,
            auth=(endpoint.username, endpoint.password.get_secret_value()),
            headers={"Accept-Encoding": "identity"},
            verify=tls_context(endpoint),
            timeout=timeout_seconds,
            trust_env=False,
        )

    def __enter__(self) -> Self:
        """Use it for a block."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the connections."""
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def stat(self, file: DatastoreFile) -> DatastoreFileStat | None:
        """Return size and version of a file; `None` when it is not there."""
        with self._answers():
            answer = self._client.head(file.address)
        if answer.status_code == HTTPStatus.NOT_FOUND:
            return None
        _require(answer, file, HTTPStatus.OK)
        length = answer.headers.get("Content-Length")
        if length is None:
            raise DatastoreFileRefused(f"the vCenter does not tell how long {file} is")
        return DatastoreFileStat(int(length), _version(answer))

    @contextmanager
    def reading(
        self, file: DatastoreFile, *, offset: int = 0, length: int | None = None, version: str | None = None
    ) -> Iterator[Iterator[bytes]]:
        """Stream a file's bytes from `offset` on, `length` of them or all, in pieces of at most a MiB.

        Raises `DatastoreFileGone`; `DatastoreFileChanged` when the file is not of `version` (of `stat`) any more;
        `DatastoreFileBusy`. A file of which less arrives than was announced is `VCenterUnreachable`.
        """
        headers = {}
        if offset or length is not None:
            headers["Range"] = f"bytes={offset}-{'' if length is None else offset + length - 1}"
            if version is not None and version.startswith('"'):  # RFC 9110, 13.1.5: a strong validator, or none
                headers["If-Range"] = version
        with self._answers(), self._client.stream("GET", file.address, headers=headers) as answer:
            _require(answer, file, HTTPStatus.OK, HTTPStatus.PARTIAL_CONTENT)
            if version is not None and _version(answer) not in {version, None}:
                raise DatastoreFileChanged(f"{file} was changed while it was being read")
            skipped = offset if answer.status_code == HTTPStatus.OK else 0  # a server that knows no ranges
            yield _part(answer.iter_raw(_PIECE_BYTES), skipped, length)

    def write(self, file: DatastoreFile, pieces: Iterable[bytes], *, size_bytes: int, offset: int = 0) -> None:
        """Write `pieces`, the bytes from `offset` to `size_bytes`, in one request; folders above are made.

        From offset 0 the file is made, or replaced. From another one it must be there, as long as that at least; what
        comes before `offset` stays.

        Raises `PartialPutRefused` (only for an offset), `DatastoreFileBusy`, `DatastoreFull`. What arrived before an
        error may have been kept, or not: `stat` tells.
        """
        headers = {"Content-Length": str(size_bytes - offset), "Content-Type": "application/octet-stream"}
        if offset:
            headers["Content-Range"] = f"bytes {offset}-{size_bytes - 1}/{size_bytes}"
        with self._answers():
            answer = self._client.put(file.address, content=iter(pieces), headers=headers)
        if offset and answer.status_code in _PART_REFUSED:
            raise PartialPutRefused(f"the vCenter does not write {file} from its middle on ({answer.status_code})")
        _require(answer, file, HTTPStatus.OK, HTTPStatus.CREATED, HTTPStatus.NO_CONTENT)

    def delete(self, file: DatastoreFile) -> None:
        """Delete a file; one that is not there is no error. Raises `DatastoreFileBusy`."""
        with self._answers():
            answer = self._client.delete(file.address)
        if answer.status_code != HTTPStatus.NOT_FOUND:
            _require(answer, file, HTTPStatus.OK, HTTPStatus.ACCEPTED, HTTPStatus.NO_CONTENT)

    @contextmanager
    def _answers(self) -> Iterator[None]:
        """Say in our own words that there was no answer, or only a part of one."""
        try:
            yield
        except httpx.TransportError as error:
            raise unreachable(self._endpoint, error) from error


def _version(answer: httpx.Response) -> str | None:
    version: str | None = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
    return version


def _part(pieces: Iterator[bytes], skipped: int, length: int | None) -> Iterator[bytes]:
    """Leave the first `skipped` bytes out, and what comes after `length` more."""
    for arrived in pieces:
        piece = arrived[skipped:] if skipped else arrived
        skipped = max(0, skipped - len(arrived))
        if length is not None:
            piece = piece[:length]
            length -= len(piece)
        if piece:
            yield piece
        if length == 0:
            return


def _require(answer: httpx.Response, file: DatastoreFile, *expected: HTTPStatus) -> None:
    """Raise what a status means that is not one of `expected`."""
    status = answer.status_code
    if status in expected:
        return
    match status:
        case HTTPStatus.NOT_FOUND:
            raise DatastoreFileGone(f"{file} is not there")
        case HTTPStatus.UNAUTHORIZED:
            raise VCenterLoginFailed(f"the vCenter refuses our user name or password for {file}")
        case HTTPStatus.FORBIDDEN:
            raise DatastoreFileRefused(
                f"the vCenter's user may not do this with {file}: grant Datastore.Browse, Datastore.FileManagement"
            )
        case HTTPStatus.CONFLICT | HTTPStatus.LOCKED:
            raise DatastoreFileBusy(f"{file} is in use ({status})")
        case HTTPStatus.INSUFFICIENT_STORAGE:
            raise DatastoreFull(f"datastore {file.datastore} has no room for {file.path} ({status})")
        case _:
            raise DatastoreFileRefused(f"the vCenter answers {status} {answer.reason_phrase} for {file}")
