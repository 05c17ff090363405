"""The commands that a guru answers with: what is asked of a hypervisor, kept as JSON before it is asked (law 3)."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter


class _Command(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class RelocateVm(_Command):
    """`VirtualMachine.RelocateVM_Task` of a stopped VM; disks that are not named stay where they are."""

    kind: Literal["relocate-vm"] = "relocate-vm"
    vm: str
    """Managed object reference of the VM."""
    home: str | None
    """Datastore that its configuration goes to; `None`: it stays."""
    disks: dict[int, str]
    """Device key of each disk that moves, and the datastore it goes to."""


class MoveVirtualDisk(_Command):
    """`VirtualDiskManager.MoveVirtualDisk_Task` of a disk that is attached to nothing."""

    kind: Literal["move-virtual-disk"] = "move-virtual-disk"
    source_path: str
    target_path: str
    datacenter: str
    """Managed object reference of the datacenter of both paths."""


Command = Annotated[RelocateVm | MoveVirtualDisk, Field(discriminator="kind")]
_COMMAND: TypeAdapter[RelocateVm | MoveVirtualDisk] = TypeAdapter(Command)


def command_to_json(command: RelocateVm | MoveVirtualDisk) -> dict[str, Any]:
    """Return the command as JSON holds it."""
    return command.model_dump(mode="json")


def command_from_json(document: dict[str, Any]) -> RelocateVm | MoveVirtualDisk:
    """Read what `command_to_json` wrote, perhaps another release's."""
    return _COMMAND.validate_python(document)
