"""What is to be moved, in words that strategies and gurus share: plain values, made from the inventory."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from app.vsphere.facts import DiskFormat


@dataclass(frozen=True)
class Pool:
    """A storage pool as a migration sees it."""

    id: UUID
    name: str
    moref: str
    hypervisor: str
    cluster_ids: frozenset[UUID]
    """Clusters with a host that mounts it."""


@dataclass(frozen=True)
class Machine:
    """The VM that holds the disks."""

    id: UUID
    name: str
    moref: str
    cluster_id: UUID | None
    host_id: UUID | None
    home: Pool | None
    """Where its configuration lies now."""
    instance_uuid: str | None = None
    """Keeps naming it when it is registered anew under another reference."""
    consolidation_needed: bool = False
    """Delta disks are left over that no snapshot needs."""
    path: str = ""
    """Of its configuration: `[ds] dir/name.vmx`."""
    disk_paths: tuple[str, ...] = ()
    """Where each of its disks is, moving or not."""
    linked_to: tuple[str, ...] = ()
    """Files of other VMs that its disks hang on."""
    home_bytes: int = 0
    """What its files that belong to no disk take; 0 where nobody says."""


@dataclass(frozen=True)
class DiskMove:
    """One disk, from where it is to where it shall be."""

    volume_id: UUID
    name: str
    path: str
    """Datastore path of the disk now."""
    device_key: int | None
    """The VM's device; `None` for a detached disk."""
    capacity_bytes: int
    needed_bytes: int
    """What it will take on the target, as far as is known: a thin disk takes what it holds."""
    source: Pool
    target: Pool
    format: DiskFormat | None = None
    """As it is now; `None` where nobody says."""
    target_format: DiskFormat | None = None
    """What it shall be converted to; `None`: it keeps its format."""
    first_class_id: str | None = None
    """Id of a First Class Disk; `None` for any other."""
    uuid: str | None = None
    """The disk's own, which it keeps wherever it goes; `None` where nobody says."""
    chain_length: int | None = None
    """How many disks it stands on; `None` for a detached disk, of which nobody says."""
    own_place: str | None = None
    """Folder and name on its datastore that are its own, where it was left in a worker VM's folder."""


@dataclass(frozen=True)
class Move:
    """Everything one migration moves. Disks that are on their target already are not in it."""

    hypervisor: str
    vcenter_id: UUID
    datacenter_moref: str
    machine: Machine | None
    """`None`: a detached disk."""
    home_target: Pool | None
    """Where the VM's configuration shall go; `None`: it stays."""
    disks: tuple[DiskMove, ...]
    secondary: bool = False
    """There is a secondary storage to go through."""
    native: bool = True
    """The hypervisor may be asked to move things itself; where it must not, storage migration is used."""

    @property
    def is_empty(self) -> bool:
        """Say whether everything is there already."""
        return not self.home_moves and not self.disks

    @property
    def home_moves(self) -> bool:
        """Say whether the VM's configuration has to go somewhere else."""
        home = self.machine.home if self.machine else None
        return self.home_target is not None and (home is None or home.id != self.home_target.id)

    def needed_on(self, pool_id: UUID) -> int:
        """Return the bytes that a pool is to take.

        What leaves the same pool makes no room for it: all is copied before anything is deleted.
        """
        needed = sum(disk.needed_bytes for disk in self.disks if disk.target.id == pool_id)
        if self.home_moves and self.machine and self.home_target and self.home_target.id == pool_id:
            needed += self.machine.home_bytes
        return needed

    @property
    def targets(self) -> dict[UUID, Pool]:
        """Return the pools that something goes to, by id."""
        pools = [disk.target for disk in self.disks]
        if self.home_target is not None:
            pools.append(self.home_target)
        return {pool.id: pool for pool in pools}

    @property
    def sources(self) -> dict[UUID, Pool]:
        """Return the pools that something comes from, by id."""
        pools = [disk.source for disk in self.disks]
        if self.home_target is not None and self.machine is not None and self.machine.home is not None:
            pools.append(self.machine.home)
        return {pool.id: pool for pool in pools if pool.id not in self.targets}
