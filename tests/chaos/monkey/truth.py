"""What vCenter really has, read with govc and from the files on its datastores: nobody under test is asked."""

from __future__ import annotations

import json
import ssl
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from tests.chaos.monkey.place import Place
from tests.integration.migration.random.files import Files
from tests.running.govc import Govc

WORKER_VM = "vrelocate-worker"


@dataclass(frozen=True)
class Machine:
    """A VM as vCenter shows it."""

    name: str
    home: str
    """Datastore path of its configuration."""
    disks: tuple[str, ...]


@dataclass(frozen=True)
class Truth:
    """The inventory and the files at one moment."""

    machines: list[Machine]
    files: Files
    disks: set[str]
    """Every virtual disk that there is a descriptor of."""

    @property
    def loose(self) -> set[str]:
        """Disks that no VM has."""
        return self.disks - {disk for machine in self.machines for disk in machine.disks}

    @property
    def resting(self) -> set[str]:
        """Disks that are in a worker VM's folder, and no VM has them."""
        return {disk for disk in self.loose if WORKER_VM in disk}

    def left_workers(self) -> list[str]:
        return [machine.name for machine in self.machines if machine.name.startswith(WORKER_VM)]

    def broken(self) -> Iterator[str]:
        """Say what cannot be, whatever the records say."""
        yield from (f"stray file {it}" for it in self.files.strays())
        attached = [disk for machine in self.machines for disk in machine.disks]
        yield from (f"{it} belongs to two VMs" for it, times in Counter(attached).items() if times > 1)
        yield from (f"{it} is a VM's disk and not on its datastore" for it in sorted(set(attached) - self.disks))
        homes = {machine.home for machine in self.machines}
        if homes != self.files.machines:
            yield f"configurations of VMs that are not where vCenter has them: {sorted(homes ^ self.files.machines)}"
        leftovers = {self.files.named(path) for path in self.files.root.rglob(f"*{WORKER_VM}*") if path.exists()}
        # Where a disk was left in one, a job has to say so: that is the judge's to see.
        resting = {disk.rpartition("/")[0] for disk in self.resting}
        yield from (f"{it} is left of a worker VM" for it in sorted(leftovers - resting))


def look(place: Place) -> Truth:
    """Read everything anew."""
    files = Files(place.datastores)
    return Truth(_machines(place), files, set(files.disks))


def _machines(place: Place) -> list[Machine]:
    wanted = ("name", "config.files.vmPathName", "config.hardware.device")
    said = _govc(place)("object.collect", "-json", "-type", "m", "/", *wanted)
    return [_machine({it["name"]: it["val"] for it in one["changeSet"]}) for one in _documents(said)]


def _documents(text: str) -> Iterator[dict[str, Any]]:
    """Read one JSON document after another."""
    decoder, at = json.JSONDecoder(), 0
    while at < len(text):
        document, at = decoder.raw_decode(text, at)
        yield document
        at += len(text[at:]) - len(text[at:].lstrip())


def _machine(shown: dict[str, Any]) -> Machine:
    disks = [
        device["backing"]["fileName"]
        for device in shown["config.hardware.device"]["_value"]
        if "capacityInKB" in device  # no other device has one
    ]
    return Machine(shown["name"], shown["config.files.vmPathName"], tuple(disks))


def _govc(place: Place) -> Govc:
    address = urlsplit(place.vcenter.url)
    certificate = place.folder / "certificate.pem"
    certificate.write_text(ssl.get_server_certificate((str(address.hostname), int(address.port or 443))))
    return Govc(place.vcenter, place.folder / "govc", certificate)
