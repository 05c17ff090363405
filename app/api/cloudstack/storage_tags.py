"""Storage tags: `listStorageTags`."""

from __future__ import annotations

from uuid import UUID, uuid5

from app.api.cloudstack.command import Call, command
from app.api.cloudstack.envelope import Content
from app.api.cloudstack.paging import KEYWORD, PAGING, listing, page_of
from app.api.cloudstack.shapes import Field, Shape
from app.db import transaction
from app.inventory.queries import list_storage_tags

_NAMESPACE = UUID("0b6a2f5e-3b52-4f6f-8d9d-6d7c0a1e9f38")
"""Of all installations, for ever: a tag has no id but what follows from its name."""

# CloudStack's third field, poolid, is a number there, and cloudstack-go reads nothing else: our pools' ids are UUIDs.
STORAGE_TAG = Shape[str](
    "storagetag",
    (
        Field("id", "string", "the ID of the storage tag", lambda tag: uuid5(_NAMESPACE, tag)),
        Field("name", "string", "the name of the storage tag", lambda tag: tag),
    ),
)


@command("listStorageTags", "Lists storage tags", response=STORAGE_TAG, parameters=(KEYWORD, *PAGING))
def list_storage_tags_command(call: Call) -> Content:
    """Answer `listStorageTags`."""
    page = page_of(call.arguments)
    with transaction() as session:
        tags, count = list_storage_tags(session, call.arguments.text("keyword"), page)
    return listing(STORAGE_TAG.name, [STORAGE_TAG.render(tag) for tag in tags], count)


COMMANDS = (list_storage_tags_command,)
