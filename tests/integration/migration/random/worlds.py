"""Random vCenters: clusters, datastores, VMs, loose disks and First Class Disks, written as a scenario."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

ROOMY, TIGHT = "1GiB", "12MiB"
EAST, WEST, BOTH = ("east",), ("west",), ("east", "west")
GOLD = "vrelocate-storage/gold"
FORMATS = ("thin", "thick", "eager")
USUAL = "usual"


@dataclass(frozen=True)
class Datastore:
    name: str
    clusters: tuple[str, ...] = EAST
    capacity: str = ROOMY
    gold: bool = False
    """It has the storage tag of that name."""
    read_only: bool = False
    in_maintenance: bool = False

    @property
    def holds(self) -> bool:
        """Whether something lies on it in the beginning."""
        return self.capacity == ROOMY and not self.read_only and not self.in_maintenance

    def scenario(self) -> dict[str, Any]:
        mounts = [{"host": name, "access": "read-only"} for name in self.clusters] if self.read_only else []
        tags = [GOLD] if self.gold else []
        of_pod = {"name": self.name, "capacity": self.capacity, "rate": "5GB/s", "hosts": list(self.clusters)}
        return {**of_pod, "mounts": mounts, "tags": tags}


@dataclass(frozen=True)
class Disk:
    datastore: str
    kind: str = "thin"
    size_mib: int = 4
    used_mib: int = 1
    gold: bool = False
    """Its disk offering wants that storage tag."""

    def scenario(self, content: str) -> dict[str, Any]:
        size = {"size": f"{self.size_mib}MiB", "used": f"{min(self.used_mib, self.size_mib)}MiB"}
        return {**size, "kind": self.kind, "content": content}


@dataclass(frozen=True)
class Vm:
    name: str
    cluster: str
    home: str
    disks: tuple[Disk, ...]
    snapshots: int = 0
    trait: str = USUAL

    def scenario(self) -> dict[str, Any]:
        disks = [
            {**disk.scenario(f"{self.name} {number}"), "datastore": disk.datastore}
            for number, disk in enumerate(self.disks)
        ]
        if self.trait == "multi_writer":
            disks[-1] |= {"sharing": "multi-writer", "kind": "eager"}
        placed = {"name": self.name, "cluster": self.cluster, "datastore": self.home, "disks": disks}
        snapshots = [{"name": f"s{number}", "used": "1MiB"} for number in range(self.snapshots)]
        return {**placed, "snapshots": snapshots, **_TRAITS[self.trait]}


_TRAITS: dict[str, dict[str, object]] = {
    USUAL: {},
    "running": {"running": True},
    "suspended": {"suspended": True},
    "template": {"template": True},
    "change_tracking": {"change_tracking": True},
    "consolidation_needed": {"consolidation_needed": True},
    "multi_writer": {},
}


@dataclass(frozen=True)
class World:
    datastores: tuple[Datastore, ...]
    vms: tuple[Vm, ...]
    loose: tuple[tuple[str, Disk], ...]
    """Names in the folder `loose`, and what they are."""
    first_class: tuple[tuple[str, Disk], ...]
    pods: tuple[str, ...] = ()
    """Datastores that are the datastore cluster `pod`."""
    each_disk: bool = False
    """A relocation switches to each disk as it is copied, so that half of it may be left."""
    secondary: bool = False
    """There is a secondary storage."""
    native: bool = True
    """vCenter moves things itself."""

    @property
    def pools(self) -> list[str]:
        """Everything that may be named as a target."""
        return [it.name for it in self.datastores] + (["pod"] if self.pods else [])

    def members(self, pool: str) -> tuple[str, ...]:
        """Return the datastores that count as `pool`."""
        return self.pods if pool == "pod" else (pool,)

    def scenario(self) -> dict[str, Any]:
        loose = [{"path": f"[{it.datastore}] loose/{name}.vmdk", **it.scenario(name)} for name, it in self.loose]
        first_class = [
            {
                "name": name,
                "datastore": it.datastore,
                "path": f"fcd/{name}.vmdk",
                "kind": it.kind,
                "size": f"{it.size_mib}MiB",
            }
            for name, it in self.first_class
        ]
        return {
            "tags": [{"category": "vrelocate-storage", "names": ["gold"]}],
            "relocation": {"switch": "each-disk" if self.each_disk else "at-end"},
            "datacenters": [
                {
                    "name": "dc1",
                    "clusters": [{"name": "east", "hosts": ["e1", "e2"]}, {"name": "west", "hosts": ["w1"]}],
                    "datastores": [it.scenario() for it in self.datastores],
                    "storage_pods": [{"name": "pod", "datastores": list(self.pods)}] if self.pods else [],
                    "vms": [it.scenario() for it in self.vms],
                    "disks": loose,
                    "fcds": first_class,
                }
            ],
        }


def _rarely() -> st.SearchStrategy[bool]:
    return st.sampled_from([False] * 9 + [True])


@st.composite
def _datastores(draw: st.DrawFn) -> tuple[Datastore, ...]:
    """Two to start from, and one to four others; the first can always be written to."""
    first = [Datastore("ds-0", gold=draw(st.booleans())), Datastore("ds-1", draw(st.sampled_from([EAST, EAST, BOTH])))]
    more = [
        Datastore(
            f"ds-{number}",
            draw(st.sampled_from([EAST, EAST, BOTH, WEST])),
            draw(st.sampled_from([ROOMY, ROOMY, ROOMY, TIGHT])),
            gold=draw(st.booleans()),
            read_only=draw(_rarely()),
            in_maintenance=draw(_rarely()),
        )
        for number in range(2, draw(st.integers(3, 6)))
    ]
    return (*first, *more)


@st.composite
def _disks(draw: st.DrawFn, on: list[str]) -> Disk:
    return Disk(
        draw(st.sampled_from(on)),
        draw(st.sampled_from(FORMATS)),
        draw(st.integers(1, 6)),
        draw(st.integers(0, 6)),
        gold=draw(_rarely()),
    )


@st.composite
def _vms(draw: st.DrawFn, name: str, datastores: tuple[Datastore, ...]) -> Vm:
    cluster = draw(st.sampled_from(["east", "east", "east", "west"]))
    on = [it.name for it in datastores if cluster in it.clusters and it.holds] or ["ds-0"]
    cluster = cluster if on != ["ds-0"] else "east"
    home = draw(st.sampled_from(on))
    return Vm(
        name,
        cluster,
        home,
        # Most disks lie with their VM.
        tuple(draw(st.lists(_disks([home, home, *on]), min_size=1, max_size=3))),
        snapshots=draw(st.sampled_from([0, 0, 0, 1, 2])),
        trait=draw(st.sampled_from([USUAL] * 20 + list(_TRAITS))),
    )


@st.composite
def worlds(draw: st.DrawFn) -> World:
    """Draw a vCenter with something in it."""
    datastores = draw(_datastores())
    on = [it.name for it in datastores if it.holds]
    vms = tuple(draw(_vms(f"vm-{number}", datastores)) for number in range(draw(st.integers(1, 3))))
    loose = tuple((f"loose-{number}", draw(_disks(on))) for number in range(draw(st.integers(1, 3))))
    first_class = tuple((f"pvc-{number}", draw(_disks(on))) for number in range(draw(st.integers(0, 2))))
    east = [it.name for it in datastores if it.clusters == EAST]
    pods = tuple(draw(st.permutations(east))[: draw(st.integers(1, 2))]) if draw(st.booleans()) else ()
    secondary = draw(st.sampled_from([False, False, True]))
    return World(
        datastores,
        vms,
        loose,
        first_class,
        pods,
        each_disk=draw(_rarely()),
        secondary=secondary,
        native=not (secondary and draw(st.booleans())),
    )
