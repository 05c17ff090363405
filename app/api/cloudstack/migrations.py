"""Migrations: `migrateVolume`, `migrateVirtualMachine`, `migrateVirtualMachineWithVolume`, and `checkMigration`.

The first three accept a job; the last one tells what such a job would do, and changes nothing.
"""

from __future__ import annotations

from uuid import UUID

from app.api.cloudstack.command import Call, command
from app.api.cloudstack.envelope import Content
from app.api.cloudstack.jobids import job_id_of
from app.api.cloudstack.parameters import Arguments, BadParameter, Kind, Parameter
from app.api.cloudstack.provisioning import PROVISIONING_TYPE
from app.api.cloudstack.shapes import Field, Shape
from app.api.cloudstack.virtual_machines import VIRTUAL_MACHINE
from app.api.cloudstack.volumes import VOLUME
from app.api.cloudstack.wanted import HOST, MIGRATE_TO, MOVE_HOME, NEW_OFFERING, wanted_of_vm, wanted_of_volume
from app.db import Json
from app.errors import InvalidParameter
from app.inventory.models import StoragePool, VirtualMachine, Volume
from app.jobs.priority import MOST_PRIORITY
from app.migration.accept import accept
from app.migration.dry_run import dry_run, dry_run_to_json
from app.migration.requests import Request

_VM = Parameter("virtualmachineid", Kind.UUID, "the ID of the virtual machine", required=True, entity=VirtualMachine)
_VOLUME, _VM_WHOLE, _VM_BY_VOLUME, _CHECK = (
    "migrateVolume",
    "migrateVirtualMachine",
    "migrateVirtualMachineWithVolume",
    "checkMigration",
)


TIMEOUT = Parameter(
    "timeout",
    Kind.INTEGER,
    "for how many seconds vCenter may work on it, from its first task on; then it is cancelled",
)

PRIORITY = Parameter(
    "priority",
    Kind.INTEGER,
    f"its rank in every line for a slot, from -{MOST_PRIORITY} to {MOST_PRIORITY}: higher goes first; 0 without it",
)


def _told(name: str, kind: str, description: str) -> Field[Json]:
    return Field(name, kind, description, lambda document: document[name])


MIGRATION = Shape[Json](
    "migration",
    (
        _told("wouldstart", "boolean", "true if a job would get as far as its first step"),
        _told("virtualmachine", "string", "the name of the virtual machine; none for a detached volume"),
        _told("strategy", "string", "what would move the data; none if there is nothing to move, or nothing can"),
        _told("steps", "list", "what would be done, one after another"),
        _told("disks", "list", "what would move: name, from, to, bytes that it takes there, format, targetformat"),
        _told("home", "object", "from where to where the configuration of the virtual machine would go"),
        _told("objections", "list", "every objection: rule, severity (refuses or warns), found, todo"),
    ),
)


@command(
    _VOLUME,
    "Migrate volume",
    response=VOLUME,
    is_async=True,
    parameters=(
        Parameter("volumeid", Kind.UUID, "the ID of the volume", required=True, entity=Volume),
        Parameter("storageid", Kind.UUID, "destination storage pool ID", required=True, entity=StoragePool),
        Parameter("livemigrate", Kind.BOOLEAN, "has no effect: volumes of running VMs are not migrated"),
        NEW_OFFERING,
        PROVISIONING_TYPE,
        MOVE_HOME,
        TIMEOUT,
        PRIORITY,
    ),
)
def migrate_volume_command(call: Call) -> Content:
    """Answer `migrateVolume`: accept the job."""
    return _accepted(call, wanted_of_volume(_VOLUME, call.arguments))


@command(
    _VM_WHOLE,
    "Attempts Migration of a VM to a different host or Root volume of the vm to a different storage pool",
    response=VIRTUAL_MACHINE,
    is_async=True,
    parameters=(
        _VM,
        Parameter("storageid", Kind.UUID, "destination storage pool ID of all of its files", entity=StoragePool),
        HOST,
        Parameter("autoselect", Kind.BOOLEAN, "has no effect: a storageid is always needed"),
        PROVISIONING_TYPE,
        MOVE_HOME,
        TIMEOUT,
        PRIORITY,
    ),
)
def migrate_virtual_machine_command(call: Call) -> Content:
    """Answer `migrateVirtualMachine`: accept the job."""
    host_id, pool_id = call.arguments.uuid(HOST.name), call.arguments.uuid("storageid")
    if host_id and pool_id:
        raise InvalidParameter("Only one of hostId and storageId can be specified")
    if pool_id is None:
        raise InvalidParameter("moving to another host is not what vrelocate does: name a storageid")
    return _accepted(call, wanted_of_vm(_VM_WHOLE, call.arguments))


@command(
    _VM_BY_VOLUME,
    "Attempts Migration of a VM with its volumes to different storage pools",
    response=VIRTUAL_MACHINE,
    is_async=True,
    parameters=(
        _VM,
        HOST,
        MIGRATE_TO,
        Parameter("storageid", Kind.UUID, "where all goes that migrateto does not name", entity=StoragePool),
        PROVISIONING_TYPE,
        MOVE_HOME,
        TIMEOUT,
        PRIORITY,
    ),
)
def migrate_virtual_machine_with_volume_command(call: Call) -> Content:
    """Answer `migrateVirtualMachineWithVolume`: accept the job."""
    if call.arguments.uuid(HOST.name):
        raise InvalidParameter("moving to another host is not what vrelocate does: leave hostid out, name migrateto")
    if not call.arguments.entries(MIGRATE_TO.name):
        raise InvalidParameter(
            f"{MIGRATE_TO.name} must be passed for migrating the VM: {MIGRATE_TO.name}[0].volume=…, "
            f"{MIGRATE_TO.name}[0].pool=…"
        )
    return _accepted(call, wanted_of_vm(_VM_BY_VOLUME, call.arguments))


@command(
    _CHECK,
    "Tells what a migration would do if it were asked for now, and everything that speaks against it",
    response=MIGRATION,
    parameters=(
        Parameter("volumeid", Kind.UUID, "the ID of the volume; or virtualmachineid", entity=Volume),
        Parameter("virtualmachineid", Kind.UUID, "the ID of the virtual machine", entity=VirtualMachine),
        Parameter("storageid", Kind.UUID, "destination storage pool ID", entity=StoragePool),
        MIGRATE_TO,
        NEW_OFFERING,
        PROVISIONING_TYPE,
        MOVE_HOME,
    ),
)
def check_migration_command(call: Call) -> Content:
    """Answer `checkMigration`: ask vCenter as a job would, and change nothing."""
    told = dry_run(_to_be_checked(call.arguments))
    return {MIGRATION.name: MIGRATION.render(dry_run_to_json(told))}


def _to_be_checked(asked: Arguments) -> Request:
    volume_id, vm_id = asked.uuid("volumeid"), asked.uuid("virtualmachineid")
    if (volume_id is None) is (vm_id is None):
        raise InvalidParameter("Exactly one of volumeid and virtualmachineid must be specified")
    if vm_id is not None:
        if asked.uuid(NEW_OFFERING.name):
            raise InvalidParameter(f"{NEW_OFFERING.name} is for one volume: specify it with volumeid")
        return wanted_of_vm(_CHECK, asked)
    if asked.entries(MIGRATE_TO.name):
        raise InvalidParameter(f"{MIGRATE_TO.name} is for the volumes of a VM: specify storageid with volumeid")
    if asked.uuid("storageid") is None:
        raise BadParameter(f"Unable to execute API command {_CHECK.lower()} due to missing parameter storageid")
    return wanted_of_volume(_CHECK, asked)


def _accepted(call: Call, request: Request) -> Content:
    caller, timeout = call.caller, call.arguments.number(TIMEOUT.name)
    if timeout is not None and timeout < 1:
        raise InvalidParameter(f"{TIMEOUT.name} is a number of seconds, at least 1: leave it out for the default")
    job_id: UUID = accept(
        request,
        user_id=caller.user_id,
        account_id=caller.account_id,
        job_id=job_id_of(call.arguments),
        timeout_seconds=timeout,
        priority=call.arguments.number(PRIORITY.name) or 0,
    )
    return {"jobid": job_id}


COMMANDS = (
    migrate_virtual_machine_command,
    migrate_virtual_machine_with_volume_command,
    migrate_volume_command,
    check_migration_command,
)
