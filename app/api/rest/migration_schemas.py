"""Migrations as resources: what is asked for, and what a dry run tells."""

from __future__ import annotations

from typing import Annotated, Literal, Self
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field, StrictBool

from app.api.rest.values import NUMBER
from app.jobs.priority import MOST_PRIORITY
from app.migration.checks import Objection
from app.migration.dry_run import DryRun
from app.migration.requests import MigrateVirtualMachine, MigrateVolume, Request
from app.vsphere.facts import DiskFormat

MOST_SECONDS = 2**31 - 1


_Timeout = Annotated[int, Field(ge=1, le=MOST_SECONDS), NUMBER]
_Priority = Annotated[int, Field(ge=-MOST_PRIORITY, le=MOST_PRIORITY), NUMBER]


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid")

    format: DiskFormat | None = Field(
        default=None,
        description="What disks that move are converted to: `thin`, `thick` (zeroed when first written) or `eager` "
        "(zeroed at once); null: each stays as it is",
    )
    with_home: StrictBool | None = Field(
        default=None,
        description="Whether the VM's configuration goes along; null: with its first disk, and with the whole VM",
    )


class MoveVolume(_Asked):
    """One volume, detached or of a stopped VM, goes to a pool; the VM's other volumes stay where they are."""

    kind: Literal["volume"]
    volume_id: UUID
    pool_id: UUID
    offering_id: UUID | None = Field(
        default=None, description="The disk offering that it takes with the migration; null: it keeps its own"
    )

    @property
    def request(self) -> Request:
        """Return what is accepted as a job."""
        return MigrateVolume(
            volume_id=self.volume_id,
            pool_id=self.pool_id,
            format=self.format,
            with_home=self.with_home,
            offering_id=self.offering_id,
        )


class MoveVirtualMachine(_Asked):
    """All of a stopped VM goes to one pool."""

    kind: Literal["virtual-machine"]
    virtual_machine_id: UUID
    pool_id: UUID

    @property
    def request(self) -> Request:
        """Return what is accepted as a job."""
        return MigrateVirtualMachine(
            vm_id=self.virtual_machine_id, pool_id=self.pool_id, format=self.format, with_home=self.with_home
        )


class MoveVolumesOfVirtualMachine(_Asked):
    """Each volume of a stopped VM that is named goes to a pool of its own."""

    kind: Literal["volumes-of-virtual-machine"]
    virtual_machine_id: UUID
    volumes: dict[UUID, UUID] = Field(min_length=1, description="Volume → pool")
    pool_id: UUID | None = Field(default=None, description="Where the rest goes; null: it stays where it is")

    @property
    def request(self) -> Request:
        """Return what is accepted as a job."""
        return MigrateVirtualMachine(
            vm_id=self.virtual_machine_id,
            pool_id=self.pool_id,
            volumes=self.volumes,
            format=self.format,
            with_home=self.with_home,
        )


Move = Annotated[MoveVolume | MoveVirtualMachine | MoveVolumesOfVirtualMachine, Field(discriminator="kind")]


class DryRunIn(BaseModel):
    """What is to be looked at."""

    model_config = ConfigDict(extra="forbid")

    move: Move


class MigrationIn(DryRunIn):
    """What is to be done, and on which terms."""

    timeout_seconds: _Timeout | None = Field(
        default=None,
        description="How long vCenter may work on it, from its first task on; then it is cancelled. null: as the "
        "setting says",
    )
    priority: _Priority = Field(
        default=0,
        description="Its rank in every line for a slot; higher goes first",
    )


class DiskOut(BaseModel):
    """A disk that would move."""

    model_config = ConfigDict(from_attributes=True)

    volume_id: UUID
    name: str
    source: str = Field(description="Name of the pool that it is on")
    target: str = Field(description="Name of the pool that it would go to; of a datastore cluster, the member")
    bytes: int = Field(description="What it would take there")
    capacity_bytes: int
    format: DiskFormat | None = Field(description="As it is now; null: not known")
    target_format: DiskFormat | None = Field(description="What it would be converted to; null: it stays as it is")


class HomeOut(BaseModel):
    """A VM's configuration that would move."""

    model_config = ConfigDict(from_attributes=True)

    source: str | None = Field(description="Name of the pool; null: not known")
    target: str


class ObjectionOut(BaseModel):
    """One thing that speaks against a migration."""

    rule: str = Field(description="The check that says it, by a name that stays")
    severity: str = Field(description="`refuses` or `warns`")
    found: str
    todo: str

    @classmethod
    def of(cls, objection: Objection) -> Self:
        """Return an objection as clients see it."""
        return cls(rule=objection.rule, severity=objection.severity, found=objection.found, todo=objection.todo)


class DryRunOut(BaseModel):
    """What a migration would do if it were asked for now."""

    would_start: bool = Field(description="Whether a job would get as far as its first step")
    virtual_machine: str | None = Field(description="Name of the VM; null: a detached volume")
    strategy: str | None = Field(description="What would move the data; null: nothing to move, or nothing that can")
    steps: list[str] = Field(description="What would be done, one after another: `relocating`")
    disks: list[DiskOut]
    home: HomeOut | None = Field(description="null: the VM's configuration stays, or there is no VM")
    objections: list[ObjectionOut]

    @classmethod
    def of(cls, told: DryRun) -> Self:
        """Return a dry run as clients see it."""
        return cls(
            would_start=told.would_start,
            virtual_machine=told.vm,
            strategy=told.strategy,
            steps=list(told.steps),
            disks=[DiskOut.model_validate(disk) for disk in told.disks],
            home=HomeOut.model_validate(told.home) if told.home else None,
            objections=[ObjectionOut.of(objection) for objection in told.objections],
        )
