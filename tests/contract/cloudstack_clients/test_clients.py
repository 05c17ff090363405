"""Existing clients of CloudStack, unmodified, on a whole installation: each comes to the right end by its own polling.

The last test holds docs/clients.md to what was found here; `make clients` writes it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from app.access.signature import sign
from tests.contract.cloudstack_clients import cloudmonkey
from tests.contract.cloudstack_clients.client import Client
from tests.contract.cloudstack_clients.page import PAGE, RENEW, renew_if_asked, written
from tests.contract.cloudstack_clients.run import CLIENTS, Run, running
from tests.contract.cloudstack_clients.steps import STEPS
from tests.contract.cloudstack_clients.wire import POLL

pytestmark = [pytest.mark.contract, pytest.mark.timeout(300)]

every_client = pytest.mark.parametrize("client", CLIENTS, ids=lambda client: client.name)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    with running(tmp_path_factory.mktemp("clients")) as started:
        yield started


@every_client
def test_it_lists_zones_vms_volumes_and_pools(run: Run, client: type[Client]) -> None:
    calls = run.done(client, "lists").calls
    assert {"listZones", "listVirtualMachines", "listVolumes", "listStoragePools"} <= set(calls)


@every_client
def test_it_migrates_a_stopped_vm(run: Run, client: type[Client]) -> None:
    assert run.done(client, "migrates a VM").calls == ("migrateVirtualMachine", POLL)


@every_client
def test_it_migrates_a_detached_volume(run: Run, client: type[Client]) -> None:
    assert run.done(client, "migrates a volume").calls == ("migrateVolume", POLL)


@every_client
def test_it_hears_that_a_check_refuses(run: Run, client: type[Client]) -> None:
    assert run.done(client, "refused by a check").calls == ("migrateVolume", POLL)


@every_client
def test_it_hears_that_vcenter_has_failed(run: Run, client: type[Client]) -> None:
    assert run.done(client, "failed in vCenter").calls == ("migrateVirtualMachine", POLL)


@every_client
def test_it_hears_that_a_job_was_cancelled(run: Run, client: type[Client]) -> None:
    assert run.done(client, "cancelled").calls == ("migrateVolume", POLL, "cancelAsyncJob")


# -- CloudMonkey, which itself does not run here -----------------------------------------------------------------------


def called(run: Run, command: str, secret: str = "", **parameters: str) -> tuple[int, dict[str, Any]]:
    request = {"apikey": run.place.ready["api_key"], "command": command, "response": "json", **parameters}
    request["signature"] = sign(request, secret or run.place.ready["secret_key"])
    answer = httpx.get(run.place.ready["api_url"], params=request, timeout=30, trust_env=False)
    return answer.status_code, answer.json()


def test_cloudmonkey_reads_what_every_client_was_answered(run: Run) -> None:
    for client in CLIENTS:
        for step in STEPS:
            run.done(client, step)
    ends = set()
    for exchange in run.exchanges:
        content = cloudmonkey.read(exchange.status, exchange.document)
        if exchange.command == POLL:
            ends.add(cloudmonkey.read_job(content))
        elif exchange.command.startswith("migrate"):
            assert cloudmonkey.read_start(content)
        elif exchange.command.startswith("list"):
            cloudmonkey.read_list(content)
    assert ends == {"polls again", "shows the result", "tells the error"}


def test_cloudmonkey_reads_an_answer_of_each_command(run: Run) -> None:
    served = cloudmonkey.read_apis(cloudmonkey.read(*called(run, "listApis")))
    volume, pool = run.place.ids["stays-1"], run.place.ids["new"]
    given = {
        "findStoragePoolsForMigration": {"id": volume},
        "checkMigration": {"volumeid": volume, "storageid": pool},
        "createDiskOffering": {"name": "plain"},
        "updateStoragePool": {"id": pool},
        "updateConfiguration": {"name": "retry.base.seconds", "value": "5"},
        "resetConfiguration": {"name": "retry.base.seconds"},
    }
    for command, is_async in served.items():
        status, document = called(run, command, **given.get(command, {}))
        content = cloudmonkey.read(status, document)
        assert document.keys() == {f"{command.lower()}response"}
        if is_async or status != 200:
            assert status == 431, f"{command} needs parameters, and had none"
        elif command == "logout":
            assert content == {"description": "success"}
        elif command == "listCapabilities" or not command.startswith(("list", "find")):
            ((_, thing),) = content.items()
            assert isinstance(thing, dict), command
        else:
            cloudmonkey.read_list(content)


def test_cloudmonkey_logs_in_with_a_name_and_a_password(run: Run) -> None:
    """As its `Login` and `NewAPIRequest` do: a form, then the cookie's value in the query of every call."""
    _, document = called(run, "getUser", userapikey=run.place.ready["api_key"])
    name = document["getuserresponse"]["user"]["username"]
    url, secret = run.place.ready["api_url"], run.place.ready["secret_key"]
    with httpx.Client(timeout=30, trust_env=False) as client:
        form = {"command": "login", "username": name, "domain": "/", "response": "json"}
        assert client.post(url, data={**form, "password": "another's"}).status_code != 200
        assert client.post(url, data={**form, "password": secret}).status_code == 200
        asked = {"command": "listZones", "response": "json", "sessionkey": client.cookies["sessionkey"]}
        answer = client.get(url, params=asked)
        assert cloudmonkey.read_list(cloudmonkey.read(answer.status_code, answer.json()))
        client.cookies.clear()
        answer = client.get(url, params=asked)
        assert answer.status_code == cloudmonkey.UNKNOWN, "then it logs in once more"


def test_cloudmonkey_hears_401_of_what_is_unknown_and_of_nothing_else(run: Run) -> None:
    for status, document in (called(run, "noSuchCommand"), called(run, "listZones", secret="another's")):
        assert cloudmonkey.read(status, document)["errorcode"] == cloudmonkey.UNKNOWN
    status, document = called(run, "migrateVolume", volumeid=run.place.ids["stays-1"])
    assert cloudmonkey.read(status, document)["errorcode"] == 431


# -- the page ----------------------------------------------------------------------------------------------------------


def test_the_page_says_what_this_run_has_found(run: Run) -> None:
    found = written(run)
    renew_if_asked(found)
    assert "**failed**" not in found
    assert PAGE.exists(), f"run `{RENEW}`"
    assert PAGE.read_text(encoding="utf-8") == found, f"run `{RENEW}`, and look at what has changed"
