"""What each client has to do, and what must be true of it afterwards: on the wire, in what it tells, and in vCenter."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from tests.contract.cloudstack_clients.client import END_SECONDS, Client, Told
from tests.contract.cloudstack_clients.place import MOVE, RELOCATE, Place
from tests.contract.cloudstack_clients.wire import POLL, Wire


@dataclass(frozen=True)
class Doing:
    """One client at one thing."""

    client: Client
    canceller: Client
    """A second one of its kind: the first is waiting for its job."""
    number: int
    """Of the client: it has VMs and disks of its own."""
    wire: Wire
    place: Place

    def its(self, name: str) -> str:
        return f"{name}-{self.number}"

    def id_of(self, name: str) -> str:
        return self.place.ids[name]


@dataclass(frozen=True)
class Done:
    """What was really done, for the page."""

    calls: tuple[str, ...]
    how: str


def lists(doing: Doing) -> Done:
    """Zones, VMs, volumes and pools are found."""
    found = doing.client.lists()
    assert found.zones == ["dc1"]
    assert "moves-1" in found.vms
    assert "data-1" in found.volumes
    assert "old" in found.pools
    assert {exchange.status for exchange in doing.wire.exchanges} == {200}
    return Done(doing.wire.calls, "finds them")


def migrates_a_vm(doing: Doing) -> Done:
    """A stopped VM goes to another datastore with both of its disks."""
    name = doing.its("moves")
    assert doing.place.vm_is_on(name) == {"old"}
    told = doing.client.migrate_vm(doing.id_of(name), doing.id_of("new"))
    assert told.success, told
    assert doing.id_of(name) in told.text
    assert doing.place.vm_is_on(name) == {"new"}
    assert doing.place.asked(RELOCATE, name).succeeded == 1
    return _ended(doing, told, state="succeeded")


def migrates_a_volume(doing: Doing) -> Done:
    """A detached disk goes to another datastore."""
    name = doing.its("data")
    assert doing.place.disk_is_on(name, "old", "new") == {"old"}
    told = doing.client.migrate_volume(doing.id_of(name), doing.id_of("new"))
    assert told.success, told
    assert doing.id_of(name) in told.text
    assert '"new"' in told.text
    assert doing.place.disk_is_on(name, "old", "new") == {"new"}
    return _ended(doing, told, state="succeeded")


def hears_of_a_refusal(doing: Doing) -> Done:
    """A pre-flight check refuses inside the job: the other datastore is another cluster's."""
    name = doing.its("stays")
    told = doing.client.migrate_volume(doing.id_of(name), doing.id_of("far"))
    assert not told.success, told
    assert "cross-cluster migration is not supported" in told.text
    assert doing.wire.polls()[-1]["jobresultcode"] == 431
    assert doing.place.disk_is_on(name, "old", "far") == {"old"}
    return _ended(doing, told, state="failed")


def hears_of_a_failure(doing: Doing) -> Done:
    """vCenter's task ends in a fault half-way, at every try."""
    name = doing.its("fails")
    told = doing.client.migrate_vm(doing.id_of(name), doing.id_of("new"))
    assert not told.success, told
    assert "NotSupported" in told.text
    assert doing.wire.polls()[-1]["jobresultcode"] == 530
    assert doing.place.asked(RELOCATE, name).failed >= 1
    assert doing.place.vm_is_on(name) == {"old"}
    return _ended(doing, told, state="failed")


def hears_of_a_cancellation(doing: Doing) -> Done:
    """A job is cancelled while vCenter copies and the client, which has been told so, waits."""
    name, wire = doing.its("endless"), doing.wire
    with ThreadPoolExecutor(1) as waiting:
        migration = waiting.submit(doing.client.migrate_volume, doing.id_of(name), doing.id_of("aside"))
        migration.add_done_callback(wire.look_again)
        wire.until(
            lambda: migration.done() or any(poll["state"] == "running" for poll in wire.polls()),
            END_SECONDS,
            "the client is told that the job runs",
        )
        assert not migration.done(), migration.result()
        doing.canceller.cancel(wire.polls()[-1]["jobid"])
        told = migration.result()
    assert not told.success, told
    assert "cancelled" in told.text.lower()
    assert doing.place.asked(MOVE, f"[slow] loose/{name}.vmdk").cancelled == 1
    assert doing.place.disk_is_on(name, "slow", "aside") == {"slow"}
    return _ended(doing, told, state="cancelled")


STEPS: dict[str, Callable[[Doing], Done]] = {
    "lists": lists,
    "migrates a VM": migrates_a_vm,
    "migrates a volume": migrates_a_volume,
    "refused by a check": hears_of_a_refusal,
    "failed in vCenter": hears_of_a_failure,
    "cancelled": hears_of_a_cancellation,
}


def _ended(doing: Doing, told: Told, state: str) -> Done:
    """See that the client's own polling has ended with the job's end, and not before or after it."""
    *before, last = doing.wire.polls()
    assert (last["state"], last["jobstatus"]) == (state, 1 if state == "succeeded" else 2)
    assert {poll["jobstatus"] for poll in before} <= {0}
    assert doing.wire.calls[1] == POLL
    return Done(doing.wire.calls, told.how)
