"""What vCenter tells of a VM and of a disk beside what the columns hold: checks read it, no query filters by it.

They are kept as one JSON object a row. An object of an older or a newer release is read as far as it is known here;
what it lacks has its default, until the next sync writes it.
"""

from __future__ import annotations

from typing import Any, ClassVar, Generic, TypeVar

from pydantic import BaseModel, ConfigDict
from sqlalchemy import Dialect
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.types import TypeDecorator


class _Traits(BaseModel):
    model_config: ClassVar[ConfigDict] = ConfigDict(frozen=True, extra="ignore")


class VmTraits(_Traits):
    """Of a VM; vSphere's object and property in brackets."""

    config_known: bool = True
    """False: vCenter has no configuration of it now (its host or storage is away), and what stands here is older."""
    connection_state: str = "connected"
    """`connected`, `disconnected`, `orphaned`, `inaccessible` or `invalid` (runtime.connectionState)."""
    has_snapshots: bool = False
    linked_to: tuple[str, ...] = ()
    """Files that its disks hang on and that are not its own: it is a linked clone of the VM that has them."""
    consolidation_needed: bool = False
    """Deltas lie about that belong to no snapshot (runtime.consolidationNeeded)."""
    change_tracking: bool = False
    """Changed-block tracking (config.changeTrackingEnabled)."""
    encrypted: bool = False
    """Its home is encrypted (config.keyId)."""
    iso_paths: tuple[str, ...] = ()
    """ISO images on datastores that its CD drives have, `[ds] iso/x.iso`."""
    floppy_paths: tuple[str, ...] = ()
    """Floppy images on datastores, `[ds] x.flp`."""
    other_bytes: int | None = None
    """What its files that belong to no disk take; they go where its home goes. `None`: not told."""

    @property
    def is_linked_clone(self) -> bool:
        """Say whether some disk hangs on another VM's file."""
        return bool(self.linked_to)


class VolumeTraits(_Traits):
    """Of a disk. What a VM alone says of it (mode, controller, chain) has its default when it is detached."""

    backing_kind: str = ""
    """`FlatVer2`, `SeSparse`, `RawDiskMappingVer1`, …: the backing's vSphere type; empty: not told."""
    chain: tuple[str, ...] = ()
    """Paths of what it stands on, nearest first; empty without snapshots and linked clones."""
    mode: str = "persistent"
    """`persistent`, `independent_persistent`, `independent_nonpersistent`, … (VirtualDiskMode)."""
    multi_writer: bool = False
    """Several VMs may write to it (backing.sharing)."""
    shared_bus: bool = False
    """Its controller shares the bus with other VMs (VirtualSCSIController.sharedBus)."""
    encrypted: bool = False
    """backing.keyId."""
    controller: str | None = None
    """`scsi`, `sata`, `ide` or `nvme`; `None`: detached, or not told."""
    bus_number: int | None = None
    """Of its controller: with the unit number its place, `scsi0:1`."""

    @property
    def is_raw_device(self) -> bool:
        """Say whether it is a raw device or a mapping to one: its bytes are on no datastore."""
        return self.backing_kind.startswith(("RawDisk", "PartitionedRawDisk"))


TraitsT = TypeVar("TraitsT", bound=_Traits)


class TraitsColumn(TypeDecorator[TraitsT], Generic[TraitsT]):
    """A JSONB column that holds traits; they are immutable, so a change is a new value."""

    impl = JSONB
    cache_ok = True

    def __init__(self, traits: type[TraitsT]) -> None:
        """Take the kind of traits."""
        super().__init__()
        self.traits = traits

    def process_bind_param(self, value: TraitsT | None, dialect: Dialect) -> Any:  # noqa: ANN401, ARG002  # SQLAlchemy's
        """Write them, without what has its default."""
        return None if value is None else value.model_dump(mode="json", exclude_defaults=True)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> TraitsT | None:  # noqa: ANN401, ARG002
        """Read them."""
        return None if value is None else self.traits.model_validate(value)
