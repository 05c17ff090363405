"""What an operator calls a thing, turned into its id: names and ids are accepted everywhere.

A name that several things share is refused with the ids of all of them: guessing which disk to move is no service.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from app.cli.apiclient import ApiClient, Entity
from app.errors import InvalidParameter, NotFound


@dataclass(frozen=True)
class Kind:
    """A kind of thing that the API lists."""

    word: str
    """What an operator calls it, as the command that lists it does."""
    command: str
    key: str
    """Of the list in the response."""
    describe: tuple[str, ...]
    """Fields that tell apart two of the same name."""


VM = Kind("VM", "listVirtualMachines", "virtualmachine", ("zonename", "clustername", "state"))
VOLUME = Kind("volume", "listVolumes", "volume", ("storage", "vmname", "path"))
POOL = Kind("pool", "listStoragePools", "storagepool", ("zonename", "clustername"))


def resolve(api: ApiClient, kind: Kind, wanted: str, *, of_vm: str | None = None) -> Entity:
    """Return the one thing of `kind` whose id or whose name is `wanted`; with `of_vm`, among the volumes of that VM.

    Raises `NotFound`, or `InvalidParameter` with all ids when the name is ambiguous.
    """
    if (entity := _by_id(api, kind, wanted, of_vm)) is not None:
        return entity
    # Servers differ in whether `name` means equal or contains; only equal is meant here.
    found = [
        entity
        for entity in api.entities(kind.command, kind.key, name=wanted, virtualmachineid=of_vm)
        if entity.get("name") == wanted
    ]
    if not found:
        raise NotFound(f"no {kind.word} is called {wanted!r}: `vrelocate {kind.word.lower()}s` lists them")
    if len(found) > 1:
        raise InvalidParameter(
            f"{len(found)} {kind.word}s are called {wanted!r}, name one by its id: {_choices(kind, found)}"
        )
    return found[0]


def resolve_all(api: ApiClient, kind: Kind, wanted: Iterable[str]) -> list[Entity]:
    """Return the thing that each of `wanted` names, each once, in that order."""
    found = [resolve(api, kind, name) for name in wanted]
    return list({entity["id"]: entity for entity in found}.values())


def _by_id(api: ApiClient, kind: Kind, wanted: str, of_vm: str | None) -> Entity | None:
    try:
        identifier = str(UUID(wanted))
    except ValueError:
        return None
    try:
        return next(api.entities(kind.command, kind.key, id=identifier, virtualmachineid=of_vm), None)
    except InvalidParameter:
        # No such id. It may be a name all the same: CloudStack calls the files of its volumes by 32 hex digits.
        return None


def _choices(kind: Kind, found: list[Entity]) -> str:
    return ", ".join(f"{entity['id']} ({_description(kind, entity)})" for entity in found)


def _description(kind: Kind, entity: Entity) -> str:
    return ", ".join(str(entity[name]) for name in kind.describe if entity.get(name))
