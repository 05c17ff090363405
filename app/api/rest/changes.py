"""What may be changed about the inventory: storage tags, disk offerings, and which one a volume is of."""

from __future__ import annotations

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Path
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from app.api.rest.inventory_schemas import OfferingOut, PoolOut, VolumeOut
from app.api.rest.responses import problems
from app.api.rest.serving import Route, require_unchanged, who_may
from app.api.rest.values import Name, Tag
from app.db import transaction
from app.inventory.models import DiskOffering, StoragePool
from app.inventory.offerings import assign_offering, create_offering, update_offering
from app.inventory.pool_tags import set_tags
from app.inventory.queries import Page, PoolFilter, VolumeFilter, get, list_pools, list_volumes

router = APIRouter(tags=["inventory"], route_class=Route)

_MOST_TAGS = 50
_Tags = Annotated[list[Tag], Field(max_length=_MOST_TAGS)]
_DisplayText = Annotated[str, StringConstraints(max_length=1000, pattern="^[^\\x00]*$")]
_Id = Annotated[UUID, Path(description="Its id")]
_IfMatch = Annotated[
    str,
    Header(
        alias="If-Match",
        pattern="^[\\x21-\\x7e]{0,200}$",
        description="The `ETag` of what was read: if it was changed since, nothing is done (412)",
    ),
]


class PoolChange(BaseModel):
    """What is to be changed about a pool."""

    model_config = ConfigDict(extra="forbid")

    own_tags: _Tags = Field(description="The storage tags that it has beside vSphere's")


class OfferingIn(BaseModel):
    """A disk offering to be made."""

    model_config = ConfigDict(extra="forbid")

    name: Name
    display_text: _DisplayText | None = Field(default=None, description="null: the name")
    tags: _Tags = Field(default=[], description="A pool must have all of them to hold a volume of this class")


class OfferingChange(BaseModel):
    """What is to be changed about a disk offering; what is left out, or null, stays."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    display_text: _DisplayText | None = None
    tags: _Tags | None = None


class Assignment(BaseModel):
    """Of which service class a volume is."""

    model_config = ConfigDict(extra="forbid")

    offering_id: UUID


@router.patch(
    "/pools/{pool_id}",
    summary="Change a storage pool's tags",
    responses=problems(400, 404, 412, 413, 422),
    dependencies=[Depends(who_may("updateStoragePool"))],
)
def change_pool(pool_id: _Id, asked: PoolChange, *, if_match: _IfMatch = "") -> PoolOut:
    """Replace the storage tags that were set here; those of a datastore cluster are its members' too."""
    with transaction() as session:
        session.get(StoragePool, pool_id, with_for_update=True)  # others wait with their look
        pool = get(session, StoragePool, pool_id)
        ((before,), _) = list_pools(session, PoolFilter(ids=(pool_id,)), Page())
        require_unchanged(if_match, PoolOut.of(before))
        set_tags(session, pool, asked.own_tags)
        ((after,), _) = list_pools(session, PoolFilter(ids=(pool_id,)), Page())
        return PoolOut.of(after)


@router.post(
    "/offerings",
    status_code=201,
    summary="Make a disk offering",
    responses=problems(400, 409, 413, 422),
    dependencies=[Depends(who_may("createDiskOffering"))],
)
def make_offering(asked: OfferingIn) -> OfferingOut:
    """Make a service class of volumes."""
    offering_id = create_offering(asked.name, asked.display_text or asked.name, asked.tags)
    with transaction() as session:
        return OfferingOut.of(get(session, DiskOffering, offering_id))


@router.patch(
    "/offerings/{offering_id}",
    summary="Change a disk offering",
    responses=problems(400, 404, 409, 413, 422),
    dependencies=[Depends(who_may("updateDiskOffering"))],
)
def change_class(offering_id: _Id, asked: OfferingChange) -> OfferingOut:
    """Change its name, text or tags; refused (409) while a volume of it lies on a pool that lacks a new tag."""
    update_offering(offering_id, asked.name, asked.display_text, asked.tags)
    with transaction() as session:
        return OfferingOut.of(get(session, DiskOffering, offering_id))


@router.put(
    "/volumes/{volume_id}/offering",
    summary="Say of which class a volume is",
    responses=problems(400, 404, 413, 422),
    dependencies=[Depends(who_may("updateVolume"))],
)
def change_offering(volume_id: _Id, asked: Assignment) -> VolumeOut:
    """Assign a disk offering; the volume's present pool is not checked, the target of its next migration is."""
    assign_offering(volume_id, asked.offering_id)
    with transaction() as session:
        ((view,), _) = list_volumes(session, VolumeFilter(ids=(volume_id,)), Page())
        return VolumeOut.of(view)
