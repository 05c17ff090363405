"""What may be asked: one frozen type a call, kept in the job's payload."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.dataclasses import dataclass

from app.vsphere.facts import DiskFormat

_FROZEN = ConfigDict(extra="forbid")


@dataclass(frozen=True, config=_FROZEN)
class MigrateVolume:
    """Move one volume, detached or of a stopped VM, to a pool; the VM's other volumes stay where they are."""

    volume_id: UUID
    pool_id: UUID
    format: DiskFormat | None = None
    """What the disk is converted to; `None`: it keeps its format."""
    with_home: bool | None = None
    """Whether the VM's configuration goes along; `None`: it goes with the ROOT volume."""
    offering_id: UUID | None = None
    """The disk offering that the volume takes when the job succeeds; `None`: it keeps its own."""
    kind: Literal["migrate-volume"] = "migrate-volume"


@dataclass(frozen=True, config=_FROZEN)
class MigrateVirtualMachine:
    """Move a stopped VM, all of it to one pool, or each volume that is named to its own."""

    vm_id: UUID
    pool_id: UUID | None = None
    """Where everything goes that `volumes` does not name; `None`: that stays where it is."""
    volumes: dict[UUID, UUID] = Field(default_factory=dict)
    """Volume → pool."""
    format: DiskFormat | None = None
    """What the disks that move are converted to; `None`: they keep their formats."""
    with_home: bool | None = None
    """Whether the configuration goes along; `None`: it goes to `pool_id`, or with the ROOT volume."""
    kind: Literal["migrate-virtual-machine"] = "migrate-virtual-machine"


Request = MigrateVolume | MigrateVirtualMachine
_NEW = frozenset({"offering_id"})
"""Keys that the release before does not know: they are in a payload only where they say something."""
_REQUEST: TypeAdapter[Request] = TypeAdapter(Annotated[Request, Field(discriminator="kind")])


def pool_ids_of(request: Request) -> list[UUID]:
    """Return the pools that a request names, each once."""
    if isinstance(request, MigrateVolume):
        return [request.pool_id]
    named = [request.pool_id] if request.pool_id else []
    return list(dict.fromkeys([*named, *request.volumes.values()]))


def new_offering_of(request: Request) -> UUID | None:
    """Return the disk offering that a request is to give its volume; `None`: everything keeps its own."""
    return request.offering_id if isinstance(request, MigrateVolume) else None


def request_to_json(request: Request) -> dict[str, Any]:
    """Return the request as a job's payload holds it."""
    document: dict[str, Any] = _REQUEST.dump_python(request, mode="json")
    # Workers of the release before, which work beside us during an upgrade, refuse keys that they do not know.
    return {key: value for key, value in document.items() if key not in _NEW or value is not None}


def request_from_json(document: dict[str, Any]) -> Request:
    """Read what `request_to_json` wrote, perhaps another release's."""
    return _REQUEST.validate_python(document)
