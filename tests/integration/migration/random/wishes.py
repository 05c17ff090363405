"""Random requests, and what goes wrong meanwhile."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from hypothesis import strategies as st

from tests.integration.migration.programs.dying import EDGES
from tests.integration.migration.random.worlds import FORMATS, World, worlds

Subject = tuple[Literal["vm", "disk", "loose", "fcd"], str, int]
"""What kind, its name, and the number of the disk of a VM."""


@dataclass(frozen=True)
class Wish:
    """One request."""

    subject: Subject
    to: str
    """A pool."""
    each: tuple[tuple[int, str], ...] = ()
    """Of a VM, disks with a pool of their own; then `to` is only for what else `whole` says."""
    whole: bool = True
    """Of a VM: what has no pool of its own goes to `to`."""
    format: str | None = None
    with_home: bool | None = None


METHODS = {
    "vm": ["RelocateVM_Task", "ConsolidateVMDisks_Task", "UnregisterVM", "RegisterVM_Task"],
    "loose": ["CreateVM_Task", "RelocateVM_Task", "ReconfigVM_Task", "MoveVirtualDisk_Task", "Destroy_Task"],
    "fcd": ["RelocateVStorageObject_Task"],
}
WORKING = sorted({method for methods in METHODS.values() for method in methods})
READING = ["RetrievePropertiesEx", "WaitForUpdatesEx", "QueryVirtualDiskUuid", "CreateFilter", "MakeDirectory"]
COPYING = {"RelocateVM_Task", "MoveVirtualDisk_Task", "RelocateVStorageObject_Task"}
AT_ONCE = {"UnregisterVM"}
FAULTS = (
    *("FileLocked", "NoDiskSpace", "HostCommunication", "NotSupported", "NoPermission", "TaskInProgress"),
    *("FileAlreadyExists", "RequestCanceled", "SystemError", "Timedout", "FileNotFound", "ManagedObjectNotFound"),
)


@dataclass(frozen=True)
class Fault:
    """A call or its task fails."""

    method: str
    fault: str
    at: str
    times: int


@dataclass(frozen=True)
class Loss:
    """A connection dies before a call is carried out, or instead of its answer."""

    method: str
    carried_out: bool
    skip: int


@dataclass(frozen=True)
class Refusal:
    """An address of the vCenter answers with a status of HTTP."""

    path: str
    status: int
    times: int


@dataclass(frozen=True)
class Mishap:
    """While the copies of a round are under way, something happens to all of the vCenter, or to a pool."""

    what: Literal["cancel", "fill", "cut", "drop sessions", "restart", "restart and forget", "restart and go on"]
    round: int
    pool: str


@dataclass(frozen=True)
class Death:
    """A worker dies when it comes to an edge for the n-th time."""

    edge: str
    at: int


@dataclass(frozen=True)
class Example:
    """All that one run is made of."""

    world: World
    wishes: tuple[Wish, ...]
    faults: tuple[Fault, ...] = ()
    losses: tuple[Loss, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    mishaps: tuple[Mishap, ...] = ()
    death: Death | None = None


def _subjects(world: World) -> list[Subject]:
    found: list[Subject] = []
    for vm in world.vms:
        found += [("vm", vm.name, 0), ("vm", vm.name, 0)]
        found += [("disk", vm.name, number) for number in range(len(vm.disks))]
    found += [("loose", name, 0) for name, _ in world.loose]
    found += [("fcd", name, 0) for name, _ in world.first_class]
    return found


def _place(world: World, subject: Subject) -> str:
    kind, name, number = subject
    if kind in {"vm", "disk"}:
        return next(vm.disks[number].datastore for vm in world.vms if vm.name == name)
    return dict(world.loose + world.first_class)[name].datastore


@st.composite
def _wishes(draw: st.DrawFn, world: World) -> Wish:
    subject = draw(st.sampled_from(_subjects(world)))
    kind, name, _ = subject
    # Seldom to where it is.
    own = _place(world, subject)
    pools = st.sampled_from([it for it in world.pools if it != own] * 3 + [own])
    each: tuple[tuple[int, str], ...] = ()
    whole = True
    if kind == "vm" and draw(st.booleans()):
        [vm] = [vm for vm in world.vms if vm.name == name]
        numbers = draw(st.sets(st.integers(0, len(vm.disks) - 1), min_size=1))
        each = tuple((number, draw(pools)) for number in sorted(numbers))
        whole = draw(st.booleans())
    return Wish(
        subject,
        draw(pools),
        each,
        whole,
        format=draw(st.sampled_from([None, None, None, *FORMATS])),
        with_home=draw(st.sampled_from([None, None, None, True, False])),
    )


@st.composite
def _faults(draw: st.DrawFn) -> Fault:
    method = draw(st.sampled_from(WORKING))
    moments = ["call", *([] if method in AT_ONCE else ["0%"]), *(["50%", "90%", "done"] if method in COPYING else [])]
    return Fault(method, draw(st.sampled_from(FAULTS)), draw(st.sampled_from(moments)), draw(st.integers(1, 3)))


def _few(strategy: st.SearchStrategy[object], most: int) -> st.SearchStrategy[tuple[object, ...]]:
    return st.lists(strategy, max_size=most).map(tuple)


@st.composite
def examples(draw: st.DrawFn) -> Example:
    """Draw a vCenter, what is asked of it at once, and what goes wrong."""
    world = draw(worlds())
    losses = st.builds(Loss, st.sampled_from(WORKING + READING), st.booleans(), st.integers(0, 3))
    refusals = st.builds(Refusal, st.sampled_from(["/folder/", "/rest/"]), st.just(503), st.integers(1, 2))
    mishaps = st.builds(
        Mishap,
        st.sampled_from(
            ["cancel", "fill", "cut", "drop sessions", "restart", "restart and forget", "restart and go on"]
        ),
        st.integers(0, 1),
        st.sampled_from([it.name for it in world.datastores]),
    )
    deaths = st.none() | st.builds(Death, st.sampled_from(sorted(EDGES)), st.integers(0, 6))
    return Example(
        world,
        tuple(draw(st.lists(_wishes(world), min_size=1, max_size=5))),
        faults=draw(_few(_faults(), 3)),  # type: ignore[arg-type]  # of its kind
        losses=draw(_few(losses, 2)),  # type: ignore[arg-type]
        refusals=draw(_few(refusals, 1)),  # type: ignore[arg-type]
        mishaps=draw(_few(mishaps, 1)),  # type: ignore[arg-type]
        death=draw(deaths),
    )
