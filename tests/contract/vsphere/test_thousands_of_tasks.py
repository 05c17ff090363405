"""Thousands of tasks in one filter: what that costs a vCenter is counted by the simulated one itself."""

from __future__ import annotations

import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic import SecretStr

from app.vsphere.endpoint import Endpoint
from app.vsphere.errors import VCenterFault
from app.vsphere.inventory import read_inventory
from app.vsphere.session import Session
from app.vsphere.tasks import TaskWatch
from tests.running.ledger import Ledger
from tests.running.vcenter import running_vcenter
from tests.running.waiting import until

pytestmark = pytest.mark.contract

MACHINES, TURNS = 100, 20
PAGE = 100
"""Objects that vCenter tells of in one answer."""
END_SECONDS = 60
MODEL = ["-dc", "1", "-cluster", "1", "-host", "1", "-standalone-host", "0", "-ds", "1", "-autostart=false"]


def begun(session: Session, moref: str) -> str:
    """A task of a VM; most fail, for it is on already."""

    def switch(_content: object) -> str:
        return str(session.moref("VirtualMachine", moref).PowerOnVM_Task()._moId)

    def tried() -> str | None:
        try:
            return session.call(switch, idempotent=False)
        except VCenterFault as refused:
            if refused.fault.name != "TaskInProgress":
                raise
            return None

    return until(tried, END_SECONDS, "the task before it is over") or ""


def test_thousands_of_tasks_in_one_filter(request: pytest.FixtureRequest, tmp_path: Path) -> None:
    with running_vcenter(tmp_path, *MODEL, "-vm", str(MACHINES), "--admin", "127.0.0.1:0") as vcenter:
        endpoint = Endpoint(vcenter.url, vcenter.username, SecretStr(vcenter.password), vcenter.thumbprint)
        session = Session(endpoint, timeout_seconds=30)
        request.addfinalizer(session.close)
        machines = [vm.moref for vm in read_inventory(session, "none").virtual_machines]
        with ThreadPoolExecutor(8) as pool:
            tasks = list(pool.map(lambda moref: begun(session, moref), machines * TURNS))
        assert len(set(tasks)) == MACHINES * TURNS
        ledger = Ledger(vcenter)
        ledger.reset()
        watch, told = TaskWatch(session), Counter[str]()
        assert watch.watch(tasks) == []
        deadline = time.monotonic() + END_SECONDS
        while len(told) < len(tasks):
            assert time.monotonic() < deadline, f"{len(told)} of {len(tasks)} were told of"
            told.update(task.moref for task in watch.wait(2) if task.ended)
        assert watch.wait(0) == []
        watch.progress()
        calls = ledger.page().calls
        watch.close()
    assert told == Counter(tasks), "each once"
    assert (calls["CreateFilter"], calls["ModifyListView"]) == (2, 1)
    # The pages of both filters, and an empty answer now and then.
    assert calls["WaitForUpdatesEx"] <= 2 * len(tasks) / PAGE + 5
