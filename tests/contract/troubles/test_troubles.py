"""What the simulated vCenter does when it is told to, as the product's session with it sees it."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest

from app.vsphere.errors import ReplyLost, VCenterFault, VCenterUnreachable
from app.vsphere.facts import TaskSnapshot
from app.vsphere.inventory import read_inventory, read_vm
from app.vsphere.relocation import relocate_vm
from app.vsphere.session import Session
from app.vsphere.task_info import read_task
from tests.running.faults import Entities, Faults
from tests.running.ledger import Ledger, OperationCounts
from tests.running.waiting import until

pytestmark = pytest.mark.contract

RELOCATE = "RelocateVM_Task"
GB = 10**9


@dataclass(frozen=True)
class Mover:
    """Relocates the one VM there is to the datastore `new`."""

    session: Session
    vm: str
    target: str

    def begin(self) -> str:
        disks = {disk.key: self.target for disk in read_vm(self.session, self.vm).disks}
        return relocate_vm(self.session, self.vm, home_datastore=self.target, disks=disks)

    def end(self, task: str) -> TaskSnapshot:
        def ended() -> TaskSnapshot | None:
            now = read_task(self.session, task)
            assert now, "the task can be read"
            return now if now.state in {"success", "error"} else None

        found = until(ended, 60, "the end of the task")
        assert found
        return found

    def fault(self, task: str) -> str:
        failure = self.end(task).fault
        assert failure, "the task failed"
        return failure.name

    @property
    def moved(self) -> bool:
        return read_vm(self.session, self.vm).vm_path_name == "[new] vm/vm.vmx"


@pytest.fixture
def mover(session: Session) -> Mover:
    there = read_inventory(session, "no category")
    [target] = [datastore.moref for datastore in there.datastores if datastore.name == "new"]
    [vm] = there.virtual_machines
    return Mover(session, vm.moref, target)


def copying(ledger: Ledger) -> None:
    """Wait until bytes arrive on `new`: a task that runs may still be at its checks."""
    until(lambda: "new" in (found := ledger.page().datastores) and found["new"].written_bytes, 30, "the copy")


def now(session: Session) -> datetime:
    told: datetime = session.call(lambda _: session.moref("ServiceInstance", "ServiceInstance").CurrentTime())
    return told


def test_a_task_fails_in_its_midst(faults: Faults, mover: Mover, ledger: Ledger) -> None:
    planted = faults.plant_fault(
        RELOCATE, "NoDiskSpace", "50%", Entities("vm"), properties={"datastore": "new"}, message="new is full"
    )
    failure = mover.end(mover.begin()).fault
    assert failure
    assert (failure.name, planted.struck(), mover.moved) == ("NoDiskSpace", 1, False)
    assert "new is full" in failure.message
    page = ledger.page()
    assert page.operations[RELOCATE]["vm"] == OperationCounts(started=1, failed=1)
    assert page.faults == {RELOCATE: {"NoDiskSpace": 1}}
    assert page.datastores["new"].written_bytes == pytest.approx(GB / 2, rel=0.1)
    limits = ledger.limits()
    [host] = limits.hosts.values()
    assert [(room.running, room.most_running) for room in (limits.tasks, host)] == [(0, 1)] * 2


def test_a_task_fails_when_all_is_done(faults: Faults, mover: Mover) -> None:
    faults.plant_fault(RELOCATE, "HostCommunication", "done")
    assert (mover.fault(mover.begin()), mover.moved) == ("HostCommunication", True)


def test_a_call_is_refused_as_often_as_planned(faults: Faults, session: Session) -> None:
    faults.plant_fault("CurrentTime", "HostCommunication", "call", Entities(skip=1, times=2))
    now(session)
    for _ in range(2):
        with pytest.raises(VCenterFault) as refused:
            now(session)
        assert refused.value.fault.name == "HostCommunication"
    now(session)


def test_the_reply_is_lost_and_the_work_is_done(faults: Faults, mover: Mover, ledger: Ledger) -> None:
    faults.lose_reply(RELOCATE)
    with pytest.raises(ReplyLost):
        mover.begin()
    until(lambda: ledger.of(RELOCATE).get("vm", {}).get("succeeded"), 60, "the relocation that nobody was told of")
    assert mover.moved


def test_the_request_is_lost_and_nothing_is_done(faults: Faults, mover: Mover, ledger: Ledger) -> None:
    faults.lose_request(RELOCATE)
    with pytest.raises(ReplyLost):
        mover.begin()
    assert ledger.of(RELOCATE) == {}


@pytest.mark.parametrize("carried_out", [False, True])
def test_a_call_hangs_until_it_is_let_go(
    faults: Faults, session: Session, ledger: Ledger, *, carried_out: bool
) -> None:
    now(session)
    ledger.reset()
    hanging = faults.hang("CurrentTime", carried_out=carried_out)
    caller = threading.Thread(target=now, args=[session])
    caller.start()
    until(hanging.struck, 10, "the call hangs")
    until(lambda: ledger.page().calls.get("CurrentTime", 0) == carried_out, 10, "the call")
    assert caller.is_alive()
    hanging.lift()
    caller.join(10)  # one that is not answered is sent again
    assert not caller.is_alive()
    assert ledger.page().calls["CurrentTime"] == 1


def test_every_call_is_late(faults: Faults, session: Session) -> None:
    now(session)
    faults.delay(0.05, jitter_seconds=0.01)
    begun = datetime.now(UTC)
    now(session)
    assert datetime.now(UTC) - begun >= timedelta(seconds=0.05)
    faults.lift_all()


def test_sessions_are_dropped_and_made_again(faults: Faults, session: Session, ledger: Ledger) -> None:
    now(session)
    assert faults.drop_sessions() == 1
    now(session)
    logins = ledger.page().logins
    assert (logins.accepted, logins.dropped, logins.now, logins.most) == (2, 1, 1, 1)


@pytest.mark.parametrize("how", ["refused", "unavailable"])
def test_it_goes_away_and_comes_back(faults: Faults, session: Session, how: str) -> None:
    now(session)
    with faults.away(how="unavailable" if how == "unavailable" else "refused"), pytest.raises(VCenterUnreachable):
        now(session)
    now(session)


def test_a_restart_ends_its_work(faults: Faults, mover: Mover, ledger: Ledger) -> None:
    task = mover.begin()
    copying(ledger)
    faults.restart()
    assert (mover.fault(task), mover.moved) == ("SystemError", False)


def test_a_datastore_fills_up(faults: Faults, mover: Mover, ledger: Ledger) -> None:
    task = mover.begin()
    copying(ledger)
    faults.fill("new", 100 * 2**30)
    assert mover.fault(task) == "NoDiskSpace"


def test_a_datastore_is_lost_and_found(faults: Faults, mover: Mover, ledger: Ledger) -> None:
    task = mover.begin()
    copying(ledger)
    faults.cut("new")
    assert mover.fault(task) == "InaccessibleDatastore"
    faults.mend("new")
    assert mover.end(mover.begin()).state == "success"


def test_a_host_is_lost_and_found(faults: Faults, mover: Mover, ledger: Ledger) -> None:
    task = mover.begin()
    copying(ledger)
    faults.disconnect("esx-1")
    assert mover.fault(task) == "HostCommunication"
    faults.connect("esx-1")
    assert mover.end(mover.begin()).state == "success"


def test_its_clock_is_wrong(faults: Faults, session: Session) -> None:
    faults.set_clock(-3600)
    assert timedelta(minutes=59) < datetime.now(UTC) - now(session) < timedelta(minutes=61)


def test_other_paths_are_refused(faults: Faults, session: Session, ledger: Ledger) -> None:
    planted = faults.refuse_path("/rest/", 503)
    assert not read_inventory(session, "no category").tags_known
    assert planted.struck() == 1
    assert ledger.page().requests["POST /rest"].failed == 1
