"""What a call wants to be moved: the parameters that the migrating commands and `checkMigration` share, read once."""

from __future__ import annotations

from collections.abc import Mapping
from uuid import UUID

from app.api.cloudstack.parameters import UUID_FORM, Arguments, BadParameter, Kind, Parameter
from app.api.cloudstack.provisioning import format_of
from app.db import transaction
from app.errors import InvalidParameter
from app.inventory.models import DiskOffering, Host, StoragePool, Volume
from app.inventory.queries import Thing, known_ids
from app.migration.requests import MigrateVirtualMachine, MigrateVolume

MOVE_HOME = Parameter(
    "movehome",
    Kind.BOOLEAN,
    "whether the configuration of the VM goes along; by default it goes with its ROOT volume, and with the whole VM",
)
MIGRATE_TO = Parameter(
    "migrateto",
    Kind.MAP,
    "which volume goes to which pool: migrateto[0].volume=<uuid>&migrateto[0].pool=<uuid>&migrateto[1].volume=…; "
    "volumes that it does not name go to storageid, and stay where they are without one",
)
NEW_OFFERING = Parameter(
    "newdiskofferingid",
    Kind.UUID,
    "the disk offering that the volume takes when it is on its target, which must have its tags; "
    "without it the volume keeps its own",
    entity=DiskOffering,
)
HOST = Parameter("hostid", Kind.UUID, "refused: a VM is not moved to another host", entity=Host)

_HALVES = (("volume", "key"), ("pool", "value"))
"""The field of each half, and what cloudstack-go calls it: its generator (`generate.go`) knows no other names for maps
of which nobody told it better ones."""


def wanted_of_volume(command: str, asked: Arguments) -> MigrateVolume:
    """Return what a call with `volumeid` and `storageid` wants."""
    return MigrateVolume(
        volume_id=asked.required_uuid("volumeid"),
        pool_id=asked.required_uuid("storageid"),
        format=format_of(command, asked),
        with_home=asked.flag(MOVE_HOME.name),
        offering_id=asked.uuid(NEW_OFFERING.name),
    )


def wanted_of_vm(command: str, asked: Arguments) -> MigrateVirtualMachine:
    """Return what a call with `virtualmachineid` and `storageid`, `migrateto` or both wants.

    Raises `BadParameter` and `InvalidParameter` in CloudStack's words.
    """
    return MigrateVirtualMachine(
        vm_id=asked.required_uuid("virtualmachineid"),
        pool_id=asked.uuid("storageid"),
        volumes=_goals(command, asked),
        format=format_of(command, asked),
        with_home=asked.flag(MOVE_HOME.name),
    )


def _goals(command: str, asked: Arguments) -> dict[UUID, UUID]:
    """Return volume → pool."""
    pairs = [_pair(command, number, fields) for number, fields in asked.entries(MIGRATE_TO.name).items()]
    volumes, pools = [volume for volume, _ in pairs], [pool for _, pool in pairs]
    _require_known("volume", Volume, volumes)
    _require_known("storage pool", StoragePool, pools)
    goals = {UUID(volume): UUID(pool) for volume, pool in pairs}
    if len(goals) < len(pairs):
        twice = next(volume for volume in goals if sum(UUID(it) == volume for it in volumes) > 1)
        raise InvalidParameter(f"Volume {twice} is in {MIGRATE_TO.name} more than once: name one pool for it")
    return goals


def _pair(command: str, number: int, fields: Mapping[str, str]) -> tuple[str, str]:
    halves = []
    for names in _HALVES:
        texts = [fields[name] for name in names if fields.get(name)]
        if not texts:
            raise BadParameter(
                f"Unable to execute API command {command.lower()} due to missing parameter "
                f"{MIGRATE_TO.name}[{number}].{names[0]}"
            )
        halves.append(texts[0])
    return halves[0], halves[1]


def _require_known(what: str, kind: type[Thing], ids: list[str]) -> None:
    """Refuse ids that name nothing, in the words of CloudStack's `UserVmManagerImpl`."""
    readable = [UUID(text) for text in ids if UUID_FORM.fullmatch(text)]
    known: set[UUID] = set()
    if readable:
        with transaction() as session:
            known = known_ids(session, kind, readable)
    for text in ids:
        if not UUID_FORM.fullmatch(text) or UUID(text) not in known:
            raise InvalidParameter(f"There is no {what} present with the given id {text}")
