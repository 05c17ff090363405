"""A worker dies between any two lines of every step, a carrier in mid-copy, a reply is lost: one VM, whole, no rest."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.migration import carried_commands
from app.secondary import carry, removal, stores, transfers
from app.secondary.checksums import CHUNK_BYTES
from app.secondary.models import TransferPhase
from app.secondary.places import DatastorePlace
from app.vsphere import datastore_folders
from tests.integration.in_turn import InTurn
from tests.integration.jobs import rows
from tests.integration.migration.programs.dying import EDGES, Edges, Life
from tests.integration.migration.steps import Killed
from tests.integration.migration.storage.things import Disk, Vm
from tests.integration.migration.storage.ways import Ways
from tests.integration.secondary.dying import mortal
from tests.running.faults import Faults

pytestmark = [pytest.mark.integration, pytest.mark.timeout(400)]

OWN_EDGES: Edges = {
    "before it chooses a store": (stores, "choose"),
    "before it hands over": (carried_commands, "hand_over"),
    "while it hands over": (transfers, "begin"),
    "before a carrier ends": (carry.Hold, "settle"),
    "before it removes the sources": (removal, "remove_sources"),
    "with some of the sources deleted": (DatastorePlace, "delete"),
    "while it removes a folder": (datastore_folders, "names_in"),
}
ALL = {**EDGES, **OWN_EDGES}
VM_ONLY = {"between a call and its reference", "while it removes a folder"}


@pytest.fixture(params=["vm", "disk"])
def next_one(request: pytest.FixtureRequest, ways: Ways, unused: InTurn) -> Callable[[], Vm | Disk]:
    def vm() -> Vm:
        return Vm.named(ways, unused.vm("pair"))

    def disk() -> Disk:
        return Disk.of(ways, unused.disk())

    return vm if request.param == "vm" else disk


@pytest.fixture(scope="module")
def lives() -> dict[type, Life]:
    """Of each kind of thing, the life of a job in which nobody dies."""
    return {}


def lived(ways: Ways, thing: Vm | Disk, edges: Edges, *, deadly: bool) -> Life:
    """Take a thing to where it is to go; whoever dies in one of the turns leaves the job to the next."""
    life = Life(thing.ask(), deadly=deadly)
    with life.at(edges):
        life.to_its_end(lambda: ways.run(life.job_id))
    assert {attempt.number for attempt in rows.attempts(life.job_id)} == {1}, ways.told(life.job_id)
    thing.arrived()
    return life


@pytest.mark.parametrize("edge", ALL)
def test_a_worker_dies_at_any_moment(
    ways: Ways, next_one: Callable[[], Vm | Disk], lives: dict[type, Life], edge: str
) -> None:
    """One job, whose workers die one after the other: one at each moment that any of them comes to."""
    thing = next_one()
    if type(thing) not in lives:
        lives[type(thing)] = lived(ways, next_one(), ALL, deadly=False)
    undisturbed = lives[type(thing)]
    assert bool(undisturbed.came_to[edge]) is not (edge in VM_ONLY and isinstance(thing, Disk)), "who comes there"
    if undisturbed.came_to[edge]:
        assert lived(ways, thing, {edge: ALL[edge]}, deadly=True).missed(undisturbed, edge) == []


@pytest.mark.parametrize("after_bytes", [0, CHUNK_BYTES - 100])
@pytest.mark.parametrize("phase", [TransferPhase.DOWNLOADING, TransferPhase.UPLOADING, TransferPhase.COMPARING])
def test_a_carrier_dies_in_mid_copy(ways: Ways, unused: InTurn, phase: TransferPhase, after_bytes: int) -> None:
    def die() -> None:
        raise Killed

    vm = Vm.named(ways, unused.vm("long"))
    job_id = vm.ask()
    with mortal(phase, after_bytes, die), pytest.raises(Killed):
        ways.run(job_id)
    ways.run(job_id)
    vm.arrived()


@pytest.mark.parametrize("carried_out", [True, False], ids=["carried out", "not carried out"])
@pytest.mark.parametrize(
    "method", ["UnregisterVM", "RegisterVM_Task", "MoveDatastoreFile_Task", "DeleteDatastoreFile_Task"]
)
def test_a_reply_is_lost(ways: Ways, unused: InTurn, faults: Faults, *, method: str, carried_out: bool) -> None:
    vm = Vm.named(ways, unused.vm("pair"))
    lost = faults.lose_reply(method) if carried_out else faults.lose_request(method)
    ways.run(vm.ask())
    assert lost.struck() == 1
    vm.arrived()
