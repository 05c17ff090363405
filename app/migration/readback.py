"""What a disk is to be after its migration, and what it is: the rules by which the two are compared.

Where it is decides nothing here: the request is planned once more for that. These rules say whether it is still the
same disk.
"""

from __future__ import annotations

from dataclasses import dataclass

from app.db import Json
from app.hypervisors.move import DiskMove
from app.vsphere.facts import DiskFormat
from app.vsphere.paths import datastore_of

NOT_THIN = "not thin"
"""All that vCenter tells of the format of a detached disk that takes its space at once."""


@dataclass(frozen=True)
class Backing:
    """A disk's backing as vCenter shows it; `None` where it does not tell."""

    path: str
    capacity_bytes: int | None = None
    thin: bool | None = None
    format: DiskFormat | None = None
    uuid: str | None = None
    chain_length: int | None = None
    """How many disks it stands on."""


@dataclass(frozen=True)
class Readback:
    """What reading one disk back has shown."""

    problems: tuple[str, ...]
    """Why it is not the disk that was to be moved; none: it is."""
    told: Json
    """What the job tells of it: `path`, `to` and, where they are not as they should be, `format_changed` and
    `chain_changed`, each with what was `wanted` and what was `found`."""


def record_of(disk: DiskMove) -> Json:
    """Return what is kept of a disk before it moves: for the result, and to compare with."""
    return {
        "volume_id": str(disk.volume_id),
        "name": disk.name,
        "from": disk.source.name,
        "to": disk.target.name,
        "bytes": disk.needed_bytes,
        "capacity": disk.capacity_bytes,
        "format": disk.format,
        "target_format": disk.target_format,
        "path": disk.path,
        "device_key": disk.device_key,
        "uuid": disk.uuid,
        "chain_length": disk.chain_length,
    }


def compare(record: Json, backing: Backing | None) -> Readback:
    """Compare what `record_of` kept, perhaps of another release, with what is there now; `None`: nothing is."""
    name = record["name"]
    if backing is None:
        return Readback((f"disk {name} is not to be found any more",), {})
    problems = []
    was, now = record.get("capacity"), backing.capacity_bytes
    if was and now is not None and was != now:
        problems.append(f"disk {name} has a capacity of {now} bytes now, and had {was}")
    if record.get("uuid") and backing.uuid and record["uuid"] != backing.uuid:
        problems.append(
            f"another disk ({backing.uuid}) is at {backing.path}, where disk {name} ({record['uuid']}) goes"
        )
    told: Json = {"path": backing.path, "to": datastore_of(backing.path) or record["to"]}
    wanted = record.get("target_format") or record.get("format")
    if (found := _another_format(wanted, backing)) is not None:
        told["format_changed"] = {"wanted": wanted, "found": found}
    links = record.get("chain_length")
    if links is not None and backing.chain_length is not None and links != backing.chain_length:
        told["chain_changed"] = {"wanted": links, "found": backing.chain_length}
    return Readback(tuple(problems), told)


def _another_format(wanted: str | None, backing: Backing) -> str | None:
    """Return the format that a disk has instead of the wanted one, as far as anybody can say."""
    if wanted is None:
        return None
    if backing.format is not None:
        return backing.format if backing.format != wanted else None
    if wanted == DiskFormat.THIN and backing.thin is False:
        return NOT_THIN
    if wanted != DiskFormat.THIN and backing.thin:
        return DiskFormat.THIN
    return None
