"""The judge: when everything is over, the ledger and the records decide, not what anybody says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from typing import TypeVar

from tests.chaos.monkey.place import Place
from tests.chaos.monkey.truth import WORKER_VM, Truth
from tests.chaos.monkey.wishes import Wish

T = TypeVar("T")

CALL_SECONDS = 60
"""For lists of everything."""

NOTHING_LEFT = {
    "slots": "SELECT resource || ' of ' || job_id FROM slot",
    "reserved space": "SELECT job_id::text FROM space_reservation",
    "marks on volumes that move": "SELECT path || ' by ' || moved_by FROM volume WHERE moved_by IS NOT NULL",
    "live jobs": "SELECT id::text || ' ' || state FROM job WHERE finished_at IS NULL",
    "leases of jobs": "SELECT id::text || ' ' || lease_owner FROM job WHERE lease_owner IS NOT NULL",
    "open attempts": "SELECT job_id || ' ' || number FROM job_attempt WHERE ended_at IS NULL",
    "open outside tasks": "SELECT job_id || ' ' || state FROM outside_task WHERE settled_at IS NULL",
    "references given to two tasks": (
        "SELECT reference FROM outside_task WHERE NOT adopted GROUP BY reference HAVING count(reference) > 1"
    ),
}
LEASES = "SELECT owner FROM watch_lease"
COPIES = """
    SELECT command->'command'->>'kind', command->'command'->>'vm', command->'command'->>'source_path',
           command->'command'->>'disk_id', command->'command'->>'worker'
    FROM outside_task
"""
WORKER_NAMES = """
    SELECT DISTINCT command->'command'->>'worker', command->'command'->>'name' FROM outside_task
    WHERE command->'command'->>'kind' = 'create-worker'
"""


def rows(place: Place, statement: str) -> list[tuple[object, ...]]:
    with place.connect() as connection:
        return connection.execute(statement.encode()).fetchall()


def texts(place: Place, statement: str) -> list[str]:
    return [str(value) for (value,) in rows(place, statement)]


def left_over(place: Place) -> Iterator[str]:
    """What should be gone."""
    for what, statement in NOTHING_LEFT.items():
        yield from (f"{what}: {it}" for it in texts(place, statement))
    page = place.ledger.page()
    if page.running:
        yield f"{page.running} tasks still run in vCenter"
    alive = place.workers()
    for owner in texts(place, LEASES):
        if not any(f":{pid}:" in owner for pid in alive):
            yield f"a lease of a dead watcher: {owner}"


def promises(place: Place, accepted: Mapping[str, Wish], refused: Mapping[str, Wish]) -> Iterator[str]:
    """Every job that was promised is known and over, and no other job is there."""
    with place.client(CALL_SECONDS) as client:
        shown = {job["jobid"]: job for job in client.entities("listAsyncJobs", "asyncjobs")}
    yield from (f"job {it} was accepted, and is not known" for it in sorted(accepted.keys() - shown.keys()))
    yield from (f"job {it} is there, and nobody was told so" for it in sorted(shown.keys() - accepted.keys()))
    yield from (f"job {it} was refused, and is there" for it in sorted(refused.keys() & shown.keys()))
    for job_id, job in shown.items():
        if job["jobstatus"] not in {1, 2}:
            yield f"job {job_id} is not over: {job['state']}"
        elif job["jobstatus"] == 2 and not job["jobresult"].get("errortext"):
            yield f"job {job_id} has failed, and does not say why"


def ledger(place: Place, first_class: Mapping[str, str]) -> Iterator[str]:
    """Nothing was worked on by two at once; nothing was copied more often than it was written down.

    `first_class` has the names of First Class Disks by their ids.
    """
    page = place.ledger.page()
    yield from (f"{times} overlaps on {entity}" for entity, times in page.overlaps.items() if times)
    asked = _asked(place, first_class)
    for method in ("RelocateVM_Task", "RelocateVStorageObject_Task", "MoveVirtualDisk_Task"):
        for entity, counts in page.operations.get(method, {}).items():
            if method == "MoveVirtualDisk_Task" and WORKER_VM in entity:
                continue  # a disk gets its folder back
            if counts.started > asked[entity]:
                yield f"{method} of {entity} was begun {counts.started} times, written down {asked[entity]} times"


def first_class_disks(place: Place) -> dict[str, str]:
    """Return their names by their ids; to be asked in the beginning, while files are called as they are."""
    return {str(fcd): str(name) for fcd, name in rows(place, "SELECT fcd_id, name FROM volume WHERE fcd_id <> ''")}


def _asked(place: Place, first_class: Mapping[str, str]) -> Counter[str]:
    """Count how often a copy of each entity was intended, by the names that the ledger has for them."""
    names = {str(moref): str(name) for moref, name in rows(place, "SELECT moref, name FROM virtual_machine")}
    names |= {str(worker): str(name) for worker, name in rows(place, WORKER_NAMES)}
    asked: Counter[str] = Counter()
    for kind, vm, source, disk, worker in rows(place, COPIES):
        match kind:
            case "relocate-vm":
                asked[names[str(vm)]] += 1
            case "relocate-worker":
                asked[names[str(worker)]] += 1
            case "move-virtual-disk":
                asked[str(source)] += 1
            case "relocate-first-class-disk":
                asked[first_class[str(disk)]] += 1
    return asked


def records(place: Place, truth: Truth, initial: int) -> Iterator[str]:
    """The records say what vCenter has: every volume once, where it is."""
    with place.client(CALL_SECONDS) as client:
        volumes = list(client.entities("listVolumes", "volume"))
        machines = list(client.entities("listVirtualMachines", "virtualmachine"))
    if len(volumes) != initial:
        yield f"{len(volumes)} volumes are known, and there were {initial} in the beginning"
    known_attached = Counter((it["vmname"], it["path"]) for it in volumes if it.get("virtualmachineid"))
    known_loose = Counter(it["path"] for it in volumes if not it.get("virtualmachineid"))
    attached = Counter((machine.name, disk) for machine in truth.machines for disk in machine.disks)
    yield from _differences("a VM's disk", known_attached, attached)
    yield from _differences("a detached disk", known_loose, Counter(truth.loose))
    for volume in volumes:
        if not volume["path"].startswith(f"[{volume['storage']}] "):
            yield f"{volume['path']} is known to be on {volume['storage']}"
    homes = Counter(str(path) for (path,) in rows(place, "SELECT path FROM virtual_machine WHERE removed_at IS NULL"))
    yield from _differences("a VM's home", homes, Counter(machine.home for machine in truth.machines))
    if len(machines) != len(truth.machines):
        yield f"{len(machines)} VMs are known, and there are {len(truth.machines)}"


def _differences(what: str, known: Counter[T], there: Counter[T]) -> Iterator[str]:
    yield from (f"{what} is known and not so: {it}" for it in sorted(map(str, known - there)))
    yield from (f"{what} is there and not known: {it}" for it in sorted(map(str, there - known)))


# -- whether what jobs say of their disks is true ----------------------------------------------------------------------

PLACES = "SELECT id, path FROM volume WHERE removed_at IS NULL"
ENDED = "SELECT subject, state, result, id FROM job ORDER BY finished_at"


def places(place: Place) -> Iterator[str]:
    """A disk is where the last job that it is in the result of has brought it, unless a later one has failed."""
    said: dict[str, tuple[str, str]] = {}
    doubtful: set[str] = set()
    of_subject: dict[str, set[str]] = {}
    for subject, state, result, job_id in rows(place, ENDED):
        if state != "succeeded":
            # It says where everything is in words; half a program may have been carried out.
            doubtful |= of_subject.get(str(subject), set())
            continue
        assert isinstance(result, dict)
        for disk in result["disks"]:
            said[disk["volume_id"]] = (disk["path"], str(job_id))
            of_subject.setdefault(str(subject), set()).add(disk["volume_id"])
            doubtful.discard(disk["volume_id"])
    there = {str(volume): str(path) for volume, path in rows(place, PLACES)}
    for volume, (path, job_id) in said.items():
        if volume not in doubtful and there.get(volume) != path:
            yield f"job {job_id} has brought {volume} to {path}, and it is at {there.get(volume)}"


LEFT_BY = """
    SELECT volume.path FROM volume JOIN job ON job.resource_type = 'Volume' AND job.resource_id = volume.id
    WHERE volume.removed_at IS NULL AND job.state IN ('failed', 'cancelled')
      AND strpos(job.error_text, 'the disk is at ' || volume.path || ' instead of') > 0
"""


def resting(place: Place, truth: Truth) -> Iterator[str]:
    """A disk may rest in a worker VM's folder only where a job about it has not succeeded and says that it is there."""
    told = set(texts(place, LEFT_BY))
    yield from (f"{it} is in the folder of a worker VM, and no job says so" for it in sorted(truth.resting - told))
