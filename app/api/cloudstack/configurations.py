"""Configurations: `listConfigurations`, `updateConfiguration`, `resetConfiguration`: timeouts and limits."""

from __future__ import annotations

from dataclasses import dataclass

from app.access.audit import Action, record
from app.api.cloudstack.command import Call, command
from app.api.cloudstack.envelope import Content
from app.api.cloudstack.paging import KEYWORD, PAGING, listing, page_of, part_of
from app.api.cloudstack.parameters import Kind, Parameter
from app.api.cloudstack.shapes import Field, Shape
from app.db import transaction
from app.errors import InvalidParameter
from app.limits import Limits, change_limit, default_limits, dotted, limits

_CATEGORY, _SCOPE = "Advanced", "Global"
_DESCRIPTIONS = {
    "job_timeout_seconds": "how long vCenter may work on a job before it is cancelled, in seconds, unless the job says",
    "job_wait_seconds": "how long a job may wait for its first task before it is given up, in seconds",
    "job_retention_days": "how long a job that is over is remembered, in days, or forever",
    "retry_max_attempts": "how many attempts a new job has",
    "retry_base_seconds": "about how long the first retry waits, in seconds; each further one twice as long",
    "retry_ceiling_seconds": "how long a retry waits at the most, in seconds",
    "slots_per_vcenter": "relocations that may run at once on a vCenter",
    "slots_per_host": "relocations that may run at once on a host",
    "slots_per_source_pool": "relocations that may run at once from a storage pool",
    "slots_per_target_pool": "relocations that may run at once to a storage pool",
}


@dataclass(frozen=True)
class Configuration:
    """A limit as clients see it."""

    field: str
    value: object
    default: object

    @property
    def name(self) -> str:
        """Return its name in CloudStack's way: `job.timeout.seconds`."""
        return dotted(self.field)


CONFIGURATION = Shape[Configuration](
    "configuration",
    (
        Field("category", "string", "the category of the configuration", lambda _: _CATEGORY),
        Field("name", "string", "the name of the configuration", lambda it: it.name),
        Field("value", "string", "the value of the configuration", lambda it: _number(it.value)),
        Field("defaultvalue", "string", "what it is unless it is updated", lambda it: _number(it.default)),
        Field("description", "string", "the description of the configuration", lambda it: _DESCRIPTIONS[it.field]),
        Field("scope", "string", "scope of the configuration: Global", lambda _: _SCOPE),
        Field("isdynamic", "boolean", "true if it needs no restart", lambda _: True),
    ),
)


def _number(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


_NAME = Parameter("name", Kind.STRING, "the name of the configuration", required=True)


@command(
    "listConfigurations",
    "Lists all configurations: timeouts and limits that can be changed while jobs run.",
    response=CONFIGURATION,
    parameters=(
        Parameter("name", Kind.STRING, "lists configuration by name"),
        Parameter("category", Kind.STRING, f"lists configurations by category: all are {_CATEGORY}"),
        KEYWORD,
        *PAGING,
    ),
)
def list_configurations_command(call: Call) -> Content:
    """Answer `listConfigurations`."""
    asked, page = call.arguments, page_of(call.arguments)
    keyword = (asked.text("keyword") or "").lower()
    with transaction() as session:
        known = _configurations(limits(session))
    found = [
        it
        for it in known
        if asked.text("name") in {None, it.name}
        and (asked.text("category") or _CATEGORY).lower() == _CATEGORY.lower()
        and keyword in it.name
    ]
    return listing(CONFIGURATION.name, [CONFIGURATION.render(it) for it in part_of(found, page)], len(found))


@command(
    "updateConfiguration",
    "Updates a configuration. It holds for every decision from then on, without a restart.",
    response=CONFIGURATION,
    parameters=(_NAME, Parameter("value", Kind.STRING, "the value of the configuration", required=True)),
)
def update_configuration_command(call: Call) -> Content:
    """Answer `updateConfiguration`; raises `InvalidParameter` for an unknown name and for what cannot be its value."""
    return _changed(call, call.arguments.required_text("value"))


@command(
    "resetConfiguration",
    "Resets a configuration to what the installation's settings say.",
    response=CONFIGURATION,
    parameters=(_NAME,),
)
def reset_configuration_command(call: Call) -> Content:
    """Answer `resetConfiguration`; raises `InvalidParameter` for an unknown name."""
    return _changed(call, None)


def _changed(call: Call, value: str | None) -> Content:
    name = call.arguments.required_text(_NAME.name)
    fields = {dotted(field): field for field in Limits.model_fields}
    if name not in fields:
        raise InvalidParameter(f"Config parameter with name {name} doesn't exist")
    with transaction() as session:
        now = change_limit(session, fields[name], None if value is None else value.strip())
        record(session, Action.CONFIGURE, None, name=name, value=value)
    (shown,) = (it for it in _configurations(now) if it.name == name)
    return {CONFIGURATION.name: CONFIGURATION.render(shown)}


def _configurations(now: Limits) -> list[Configuration]:
    defaults = default_limits()
    return [Configuration(name, getattr(now, name), getattr(defaults, name)) for name in Limits.model_fields]


COMMANDS = (list_configurations_command, update_configuration_command, reset_configuration_command)
