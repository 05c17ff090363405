"""The commands that a guru answers with: what is asked of a hypervisor, kept as JSON before it is asked (law 3).

Each is one call: most start a task of vCenter's, some are answered at once, and what is carried through secondary
storage is carried by our own workers. Several in a row are a program (`app/migration/programs.py`).
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from app.vsphere.facts import DiskFormat


class BaseCommand(BaseModel):
    """What every command has, besides its own fields."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    doing: ClassVar[str]
    """What goes on while it is carried out, for people: `relocating`."""
    copies: ClassVar[bool] = False
    """It moves the bytes: its progress is the job's. It may fail for reasons that a new attempt has to weigh again."""

    @property
    def cleanup(self) -> tuple[Command, ...]:
        """What is to be asked for when this or a later command of its program has failed for good."""
        return ()


class RelocateVm(BaseCommand):
    """`VirtualMachine.RelocateVM_Task` of a stopped VM; disks that are not named stay where they are."""

    doing: ClassVar[str] = "relocating"
    copies: ClassVar[bool] = True

    kind: Literal["relocate-vm"] = "relocate-vm"
    vm: str
    """Managed object reference of the VM."""
    home: str | None
    """Datastore that its configuration goes to; `None`: it stays."""
    disks: dict[int, str]
    """Device key of each disk that moves, and the datastore it goes to."""
    formats: dict[int, DiskFormat] = {}
    """Device keys of disks that are to be converted; all others keep their format."""


class ConsolidateDisks(BaseCommand):
    """`VirtualMachine.ConsolidateVMDisks_Task`: delta disks that no snapshot needs any more are merged."""

    doing: ClassVar[str] = "consolidating disks"

    kind: Literal["consolidate-disks"] = "consolidate-disks"
    vm: str
    """Managed object reference of the VM."""


class MoveVirtualDisk(BaseCommand):
    """`VirtualDiskManager.MoveVirtualDisk_Task` of a disk that is attached to nothing."""

    doing: ClassVar[str] = "moving the disk"
    copies: ClassVar[bool] = True

    kind: Literal["move-virtual-disk"] = "move-virtual-disk"
    source_path: str
    target_path: str
    datacenter: str
    """Managed object reference of the datacenter of both paths."""


class RelocateFirstClassDisk(BaseCommand):
    """`RelocateVStorageObject_Task` of a First Class Disk that is attached to nothing."""

    doing: ClassVar[str] = "relocating the disk"
    copies: ClassVar[bool] = True

    kind: Literal["relocate-first-class-disk"] = "relocate-first-class-disk"
    disk_id: str
    source: str
    """Datastore that it is on."""
    target: str
    format: DiskFormat | None = None
    """What it is to be there; `None`: vCenter's choice."""


class _OfWorker(BaseCommand):
    """A step of a worker VM: a VM that exists for as long as one detached disk needs it to be relocated."""

    worker: UUID
    """Its instance uuid, chosen before it is made: it is found by it whatever happened meanwhile."""


class CreateWorker(_OfWorker):
    """`Folder.CreateVM_Task` of a VM that does nothing and has the disk attached."""

    doing: ClassVar[str] = "making a worker VM for the disk"

    kind: Literal["create-worker"] = "create-worker"
    name: str
    datacenter: str
    source: str
    """Datastore that the disk is on: the worker's host writes to both."""
    target: str
    """Datastore that it goes to; the worker's configuration lies there."""
    disk_path: str

    @property
    def cleanup(self) -> tuple[Command, ...]:
        """Let go of the disk first: vCenter deletes what a VM has when it is destroyed."""
        return (DetachWorkerDisks(worker=self.worker), DestroyWorker(worker=self.worker))


class RelocateWorker(_OfWorker):
    """`RelocateVM_Task` of the worker's disk."""

    doing: ClassVar[str] = "relocating the disk"
    copies: ClassVar[bool] = True

    kind: Literal["relocate-worker"] = "relocate-worker"
    datastore: str
    format: DiskFormat | None = None
    """What the disk is converted to; `None`: it keeps its format."""


class DetachWorkerDisks(_OfWorker):
    """`ReconfigVM_Task` that takes the disk from the worker and leaves its files."""

    doing: ClassVar[str] = "detaching the disk from its worker VM"

    kind: Literal["detach-worker-disks"] = "detach-worker-disks"
    disk_path: str | None = None
    """Where the disk was when this was asked for: nobody else knows it afterwards."""
    disk_uuid: str | None = None
    disk_format: DiskFormat | None = None
    """As the worker had it; of a detached disk vCenter tells neither."""


class DestroyWorker(_OfWorker):
    """`Destroy_Task` of the worker, which has no disk any more."""

    doing: ClassVar[str] = "removing the worker VM"

    kind: Literal["destroy-worker"] = "destroy-worker"


class PlaceDisk(BaseCommand):
    """`MoveVirtualDisk_Task` within a datastore: the disk gets the folder and the name that it had before."""

    doing: ClassVar[str] = "giving the disk its folder and name back"

    kind: Literal["place-disk"] = "place-disk"
    source_path: str | None = None
    """Where vCenter put it, known when the disk has left its worker."""
    target_path: str
    datacenter: str


class _Carry(BaseCommand):
    """Files that our own workers carry through secondary storage: to it, from it, and read back."""

    doing: ClassVar[str] = "copying through secondary storage"
    copies: ClassVar[bool] = True

    store: UUID | None = None
    """The secondary store, chosen when it is asked for."""
    parcels: tuple[dict[str, Any], ...] = ()
    """Each file with its source and its target (`app.secondary.locations.Parcel`), listed when it is asked for."""

    @property
    def cleanup(self) -> tuple[Command, ...]:
        """Delete what was carried; the sources are there still."""
        return (DiscardTargets(),)


class CarryDisk(_Carry):
    """A detached disk: its descriptor and its extents."""

    kind: Literal["carry-disk"] = "carry-disk"
    datacenter: str
    """Managed object reference of the datacenter of both paths."""
    source_path: str
    target_path: str


class CarryImage(_Carry):
    """A disk image of a file pool."""

    kind: Literal["carry-image"] = "carry-image"
    source_root: str
    """The pool's folder, the same on every worker."""
    target_root: str
    source_path: str
    """Of the image, `[pool] folder/name.qcow2`; where it is below the folder follows from it."""
    target_path: str


class CarryVm(_Carry):
    """Everything in the folder of a stopped VM."""

    kind: Literal["carry-vm"] = "carry-vm"
    datacenter: str
    vmx_path: str
    target: str
    """Name of the datastore that it goes to."""
    target_vmx_path: str | None = None
    """Where its configuration is going to lie, known when it is asked for: a folder of its name may be taken."""
    instance_uuid: str

    @property
    def cleanup(self) -> tuple[Command, ...]:
        """Delete what was carried with the folder that was made for it, unless a VM is registered there."""
        return (DiscardTargets(), RemoveFolder(datacenter=self.datacenter))


class RemoveSources(BaseCommand):
    """Delete the files that were carried from where they were, after all of them were found equal."""

    doing: ClassVar[str] = "deleting the source"

    kind: Literal["remove-sources"] = "remove-sources"
    carried_by: UUID | None = None
    """The outside task that carried them."""
    datacenter: str | None = None
    """Managed object reference of their datacenter; `None` for files in folders of ours."""


class DiscardTargets(BaseCommand):
    """Delete the files that were carried from where they went: something after it has failed.

    Nothing is deleted while a VM has some of them, or when they are all that is left.
    """

    doing: ClassVar[str] = "deleting what was copied"

    kind: Literal["discard-targets"] = "discard-targets"
    carried_by: UUID | None = None
    datacenter: str | None = None


class RemoveFolder(BaseCommand):
    """Delete the empty folder of a VM or of a worker VM (`FileManager.DeleteDatastoreFile_Task`)."""

    doing: ClassVar[str] = "removing the empty folder"

    kind: Literal["remove-folder"] = "remove-folder"
    datacenter: str
    emptied: bool = False
    """It is the folder that the VM's files were carried from; else the one that was made for them."""
    folder: str | None = None
    """`[datastore] folder`; of a VM known from the command that carried its files."""
    going: str | None = None
    """What it is called while it is being removed."""


class UnregisterVm(BaseCommand):
    """`VirtualMachine.UnregisterVM`: the VM leaves the inventory, its files stay. Answered at once."""

    doing: ClassVar[str] = "unregistering the VM"

    kind: Literal["unregister-vm"] = "unregister-vm"
    vm: str
    name: str
    instance_uuid: str
    datacenter: str
    vmx_path: str
    registration: dict[str, str] = {}
    """Its `folder`, `pool` and `host`, by managed object reference: nobody else knows them afterwards."""

    @property
    def cleanup(self) -> tuple[Command, ...]:
        """Register it where it was."""
        return (
            RegisterVm(
                name=self.name,
                instance_uuid=self.instance_uuid,
                datacenter=self.datacenter,
                vmx_path=self.vmx_path,
                back=True,
            ),
        )


class RegisterVm(BaseCommand):
    """`Folder.RegisterVM_Task`: the VM comes back with the same instance uuid and another reference."""

    doing: ClassVar[str] = "registering the VM"

    kind: Literal["register-vm"] = "register-vm"
    name: str
    instance_uuid: str
    datacenter: str
    vmx_path: str | None = None
    """`None`: where its files were carried to."""
    registration: dict[str, str] = {}
    back: bool = False
    """It is to be registered again where it was, unless it is registered anywhere."""


Carry = CarryDisk | CarryImage | CarryVm
CarriedCommand = Carry | RemoveSources | DiscardTargets | RemoveFolder
WorkerCommand = CreateWorker | RelocateWorker | DetachWorkerDisks | DestroyWorker
Command = Annotated[
    RelocateVm
    | ConsolidateDisks
    | MoveVirtualDisk
    | RelocateFirstClassDisk
    | WorkerCommand
    | PlaceDisk
    | CarriedCommand
    | UnregisterVm
    | RegisterVm,
    Field(discriminator="kind"),
]
_COMMAND: TypeAdapter[Command] = TypeAdapter(Command)


def command_to_json(command: Command) -> dict[str, Any]:
    """Return the command as JSON holds it."""
    return command.model_dump(mode="json")


def command_from_json(document: dict[str, Any]) -> Command:
    """Read what `command_to_json` wrote, perhaps another release's."""
    return _COMMAND.validate_python(document)
