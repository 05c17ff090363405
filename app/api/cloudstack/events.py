"""Events: `listEvents`, made of the audit trail. What happened to a job, `listAsyncJobEvents` tells."""

from __future__ import annotations

from dataclasses import dataclass, replace
from uuid import UUID

from sqlalchemy.orm import Session

from app.access.audit import Action, user
from app.access.models import AuditEntry
from app.access.queries import names_of_actors
from app.access.trail import LAST, TrailFilter, list_lines
from app.api.cloudstack.command import Call, command
from app.api.cloudstack.envelope import Content
from app.api.cloudstack.ownership import DOMAIN, DOMAIN_ID, OWNER, key_of_account
from app.api.cloudstack.paging import KEYWORD, PAGING, listing, page_of
from app.api.cloudstack.parameters import Arguments, Kind, Parameter
from app.api.cloudstack.shapes import Field, Shape
from app.db import transaction

_LEVEL, _COMPLETED = "INFO", "Completed"
"""CloudStack's level and state of what was done; what was refused is in the log, and not here."""
_TYPES: dict[tuple[Action, str | None], str] = {
    (Action.MIGRATE, "Volume"): "VOLUME.MIGRATE",
    (Action.MIGRATE, "VirtualMachine"): "VM.MIGRATE",
    (Action.CREATE_OFFERING, None): "DISK.OFFERING.CREATE",
    (Action.UPDATE_OFFERING, None): "DISK.OFFERING.EDIT",
    (Action.ASSIGN_OFFERING, None): "VOLUME.CHANGE.DISK.OFFERING",
    (Action.CONFIGURE, None): "CONFIGURATION.VALUE.EDIT",
    (Action.CREATE_KEY, None): "REGISTER.USER.KEY",
}
"""CloudStack's names (`EventTypes`), where it has one for what was done; the others are made of ours."""
_ACTIONS: dict[tuple[Action, str | None], str] = {
    **_TYPES,
    **{(action, None): action.value.upper() for action in Action if action not in {known for known, _ in _TYPES}},
}


@dataclass(frozen=True)
class ShownEvent:
    """A line of the trail, and the name of the key of whoever did it."""

    line: AuditEntry
    key: str | None

    @property
    def type(self) -> str:
        """Return CloudStack's name of what was done."""
        action = Action(self.line.action)
        return _ACTIONS.get((action, self.line.resource_type)) or _ACTIONS.get((action, None)) or action.value.upper()

    @property
    def description(self) -> str:
        """Return what was done, in our words and with the details."""
        details = ", ".join(f"{name}: {_told(value)}" for name, value in self.line.detail.items())
        return f"{self.line.action}; {details}" if details else self.line.action


def _told(value: object) -> str:
    return ", ".join(str(one) for one in value) if isinstance(value, list) else str(value)


EVENT = Shape[ShownEvent](
    "event",
    (
        Field("id", "string", "the ID of the event", lambda shown: UUID(int=shown.line.id)),
        Field("type", "string", "the type of the event", lambda shown: shown.type),
        Field("level", "string", "the event level: INFO", lambda _: _LEVEL),
        Field("state", "string", "the state of the event: Completed", lambda _: _COMPLETED),
        Field("description", "string", "a brief description of the event", lambda shown: shown.description),
        Field(
            "username",
            "string",
            "the name of the user who performed the action: that of the key, or who ran a command beside it",
            lambda shown: shown.key or shown.line.actor,
        ),
        Field("account", "string", "the account name of that user", lambda shown: shown.key or OWNER),
        Field("domainid", "string", "the id of the account's domain", lambda _: DOMAIN_ID),
        Field("domain", "string", "the name of the account's domain", lambda _: DOMAIN),
        Field("resourceid", "string", "the id of the resource", lambda shown: shown.line.resource_id),
        Field("resourcetype", "string", "the type of the resource", lambda shown: shown.line.resource_type),
        Field("created", "date", "the date the event was created", lambda shown: shown.line.at),
    ),
)


@command(
    "listEvents",
    "A command to list events: who changed what.",
    response=EVENT,
    parameters=(
        Parameter("id", Kind.UUID, "the ID of the event"),
        Parameter("type", Kind.STRING, "the event type, as it is shown"),
        Parameter("level", Kind.STRING, f"the event level: all are {_LEVEL}"),
        Parameter("account", Kind.STRING, "only what that account did: the name of a key"),
        Parameter("resourceid", Kind.UUID, "the ID of the resource"),
        Parameter("resourcetype", Kind.STRING, "the type of the resource: Volume, VirtualMachine, StoragePool, …"),
        Parameter("startdate", Kind.DATE, "only events since then"),
        Parameter("enddate", Kind.DATE, "only events until then"),
        Parameter("listall", Kind.BOOLEAN, "has no effect: all are listed"),
        KEYWORD,
        *PAGING,
    ),
)
def list_events_command(call: Call) -> Content:
    """Answer `listEvents`, the newest first; a caller who is limited to zones gets what it has done itself."""
    asked, page = call.arguments, page_of(call.arguments)
    with transaction() as session:
        wanted = _wanted(session, asked)
        if wanted is not None and call.caller.zone_ids is not None:
            wanted = _own(wanted, user(call.caller.user_id))
        if wanted is None:
            return {}
        lines, count = list_lines(session, wanted, limit=page.limit, offset=page.offset)
        shown = _show(session, lines)
    return listing(EVENT.name, [EVENT.render(one) for one in shown], count)


def _wanted(session: Session, asked: Arguments) -> TrailFilter | None:
    """Return what a call narrows the trail to; `None`: to nothing. Raises `InvalidParameter` for an unknown account."""
    level, kind, event_id = asked.text("level"), asked.text("type"), asked.uuid("id")
    account = asked.text("account")
    if level is not None and level.upper() != _LEVEL:
        return None
    if event_id is not None and event_id.int >= LAST:
        return None
    return TrailFilter(
        ids=None if event_id is None else (event_id.int,),
        actions=None if kind is None else [it for it, name in _ACTIONS.items() if name == kind.upper()],
        actor=None if account is None else user(key_of_account(session, account).id),
        resource_type=asked.text("resourcetype"),
        resource_id=asked.uuid("resourceid"),
        since=asked.moment("startdate"),
        until=asked.moment("enddate"),
        keyword=asked.text("keyword"),
    )


def _own(wanted: TrailFilter, actor: str) -> TrailFilter | None:
    return replace(wanted, actor=actor) if wanted.actor in {None, actor} else None


def _show(session: Session, lines: list[AuditEntry]) -> list[ShownEvent]:
    names = names_of_actors(session, (line.actor for line in lines))
    return [ShownEvent(line, names.get(line.actor)) for line in lines]


COMMANDS = (list_events_command,)
