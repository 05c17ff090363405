"""What may be asked: one frozen type a call, kept in the job's payload."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.dataclasses import dataclass

_FROZEN = ConfigDict(extra="forbid")


@dataclass(frozen=True, config=_FROZEN)
class MigrateVolume:
    """Move one volume, detached or of a stopped VM, to a pool; nothing else of that VM moves."""

    volume_id: UUID
    pool_id: UUID
    kind: Literal["migrate-volume"] = "migrate-volume"


@dataclass(frozen=True, config=_FROZEN)
class MigrateVirtualMachine:
    """Move a stopped VM, its configuration and all of its disks, to a pool."""

    vm_id: UUID
    pool_id: UUID
    kind: Literal["migrate-virtual-machine"] = "migrate-virtual-machine"


Request = MigrateVolume | MigrateVirtualMachine
_REQUEST: TypeAdapter[Request] = TypeAdapter(Annotated[Request, Field(discriminator="kind")])


def request_to_json(request: Request) -> dict[str, Any]:
    """Return the request as a job's payload holds it."""
    document: dict[str, Any] = _REQUEST.dump_python(request, mode="json")
    return document


def request_from_json(document: dict[str, Any]) -> Request:
    """Read what `request_to_json` wrote, perhaps another release's."""
    return _REQUEST.validate_python(document)
