"""`/api/v1/audit`: who changed what."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, Field

from app.access.audit import Action, user
from app.access.keys import Caller
from app.access.queries import names_of_actors
from app.access.trail import LAST, TrailFilter, lines_past
from app.api.rest.responses import problems
from app.api.rest.serving import Route, who_may
from app.db import transaction

router = APIRouter(prefix="/audit", tags=["keys"], route_class=Route)


class AuditOut(BaseModel):
    """One change."""

    id: int
    at: datetime
    actor: str = Field(description="`user:<id>`: the holder of a key; `host:<name>`: a command beside the installation")
    key: str | None = Field(description="The name of that key")
    action: str
    resource_type: str | None
    resource_id: UUID | None
    detail: dict[str, Any]


class AuditPage(BaseModel):
    """Some changes, the newest first."""

    items: list[AuditOut]
    next_cursor: int | None = Field(description="Where the list goes on; null at its end")


@router.get(
    "",
    summary="List changes, the newest first",
    responses=problems(422),
)
def list_changes(
    caller: Annotated[Caller, Depends(who_may("listEvents"))],
    *,
    action: Annotated[Action | None, Query(description="Only such")] = None,
    resource_id: Annotated[UUID | None, Query(description="Only changes to this")] = None,
    limit: Annotated[int, Query(ge=1, le=500, description="How many at the most")] = 100,
    cursor: Annotated[int, Query(ge=1, le=LAST, description="Go on where a page before has ended")] = LAST,
) -> AuditPage:
    """Return who changed what and when; what workers do by themselves is in the jobs' histories.

    A caller who is limited to zones gets what it has done itself.
    """
    actor = None if caller.zone_ids is None else user(caller.user_id)
    actions = None if action is None else [(action, None)]
    wanted = TrailFilter(actions=actions, actor=actor, resource_id=resource_id, past=cursor)
    with transaction() as session:
        found, more = lines_past(session, wanted, limit)
        names = names_of_actors(session, (line.actor for line in found))
        items = [
            AuditOut(
                id=line.id,
                at=line.at,
                actor=line.actor,
                key=names.get(line.actor),
                action=line.action,
                resource_type=line.resource_type,
                resource_id=line.resource_id,
                detail=line.detail,
            )
            for line in found
        ]
    return AuditPage(items=items, next_cursor=more)
