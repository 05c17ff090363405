"""Disk offerings: `listDiskOfferings`, `createDiskOffering`, `updateDiskOffering`."""

from __future__ import annotations

from uuid import UUID

from app.api.cloudstack.command import Call, command
from app.api.cloudstack.envelope import Content
from app.api.cloudstack.paging import KEYWORD, PAGING, listing, page_of
from app.api.cloudstack.parameters import Arguments, Kind, Parameter
from app.api.cloudstack.shapes import Field, Shape
from app.db import transaction
from app.inventory.models import DiskOffering
from app.inventory.offerings import create_offering, update_offering
from app.inventory.queries import Filter, get, list_offerings

DISK_OFFERING = Shape[DiskOffering](
    "diskoffering",
    (
        Field("id", "string", "unique ID of the disk offering", lambda offering: offering.id),
        Field("name", "string", "the name of the disk offering", lambda offering: offering.name),
        Field("displaytext", "string", "an alternate display text", lambda offering: offering.display_text),
        Field(
            "tags",
            "string",
            "the storage tags, separated by commas: a pool must have all of them",
            lambda offering: ",".join(offering.tags),
        ),
        Field("created", "date", "the date this disk offering was created", lambda offering: offering.created_at),
        Field("iscustomized", "boolean", "true: volumes of it may have any size", lambda _: True),
        Field("disksize", "long", "the size of the disk offering in GB: any", lambda _: 0),
        Field("state", "string", "state of the disk offering", lambda _: "Active"),
    ),
)


@command(
    "listDiskOfferings",
    "Lists all available disk offerings.",
    response=DISK_OFFERING,
    parameters=(
        Parameter("id", Kind.UUID, "ID of the disk offering", entity=DiskOffering),
        Parameter("name", Kind.STRING, "name of the disk offering"),
        KEYWORD,
        *PAGING,
    ),
)
def list_disk_offerings_command(call: Call) -> Content:
    """Answer `listDiskOfferings`."""
    asked = call.arguments
    offering = asked.uuid("id")
    wanted = Filter(ids=(offering,) if offering else None, name=asked.text("name"), keyword=asked.text("keyword"))
    with transaction() as session:
        offerings, count = list_offerings(session, wanted, page_of(asked))
    return listing(DISK_OFFERING.name, [DISK_OFFERING.render(one) for one in offerings], count)


@command(
    "createDiskOffering",
    "Creates a disk offering.",
    response=DISK_OFFERING,
    parameters=(
        Parameter("name", Kind.STRING, "name of the disk offering", required=True),
        Parameter("displaytext", Kind.STRING, "alternate display text; the name by default", length=4096),
        Parameter("tags", Kind.LIST, "storage tags, separated by commas: a pool must have all of them"),
    ),
)
def create_disk_offering_command(call: Call) -> Content:
    """Answer `createDiskOffering`."""
    asked = call.arguments
    name = asked.required_text("name")
    return _shown(create_offering(name, asked.text("displaytext") or name, _tags(asked) or []))


@command(
    "updateDiskOffering",
    "Updates a disk offering.",
    response=DISK_OFFERING,
    parameters=(
        Parameter("id", Kind.UUID, "ID of the disk offering", required=True, entity=DiskOffering),
        Parameter("name", Kind.STRING, "updates name of the disk offering with this value"),
        Parameter("displaytext", Kind.STRING, "updates alternate display text of the disk offering", length=4096),
        Parameter(
            "tags",
            Kind.LIST,
            "comma-separated list of tags that replaces the present one; empty: none. The pools that hold volumes of "
            "the offering must have them",
        ),
    ),
)
def update_disk_offering_command(call: Call) -> Content:
    """Answer `updateDiskOffering`: what is not given stays."""
    asked = call.arguments
    offering_id = asked.required_uuid("id")
    update_offering(offering_id, asked.text("name"), asked.text("displaytext"), _tags(asked))
    return _shown(offering_id)


def _tags(asked: Arguments) -> list[str] | None:
    tags = asked.texts("tags")
    return None if tags is None else [tag.strip() for tag in tags if tag.strip()]


def _shown(offering_id: UUID) -> Content:
    with transaction() as session:
        return {DISK_OFFERING.name: DISK_OFFERING.render(get(session, DiskOffering, offering_id))}


COMMANDS = (list_disk_offerings_command, create_disk_offering_command, update_disk_offering_command)
