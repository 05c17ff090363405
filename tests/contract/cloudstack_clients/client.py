"""What every client of the tests can do, whatever it is made of."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from pathlib import Path

END_SECONDS = 90
"""The longest that a client may take for one thing."""


@dataclass(frozen=True)
class Access:
    """How a client reaches the API, and where it may write."""

    url: str
    key: str
    secret: str = field(repr=False)
    folder: Path


@dataclass(frozen=True)
class Listed:
    """The names of what a client has found."""

    zones: list[str]
    vms: list[str]
    volumes: list[str]
    pools: list[str]


@dataclass(frozen=True)
class Told:
    """How a client tells that a job is over: in its own way, after its own polling."""

    success: bool
    how: str
    """The same each time, for the page."""
    text: str
    """What it says, with the names and the reasons of this time."""


class Client(ABC):
    """A client of CloudStack's, as its users have it."""

    name: str
    """For the ids of tests."""
    title: str
    """For the page."""

    def __init__(self, access: Access) -> None:
        self.access = access

    @staticmethod
    @abstractmethod
    def version() -> str:
        """Return what is installed."""

    @abstractmethod
    def lists(self) -> Listed:
        """List zones, VMs, volumes and storage pools."""

    @abstractmethod
    def migrate_vm(self, vm_id: str, pool_id: str) -> Told:
        """Call `migrateVirtualMachine`, and wait for the job's end as the client does."""

    @abstractmethod
    def migrate_volume(self, volume_id: str, pool_id: str) -> Told:
        """Call `migrateVolume`, and wait for the job's end as the client does."""

    @abstractmethod
    def cancel(self, job_id: str) -> None:
        """Call `cancelAsyncJob`."""
