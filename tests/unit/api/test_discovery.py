"""`listApis` against everything that CloudMonkey's cache casts without looking."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from app.access.keys import Caller
from app.access.roles import Role
from app.api.cloudstack.command import Call
from app.api.cloudstack.envelope import Format, render, wrapper_of
from app.api.cloudstack.parameters import Arguments
from app.api.cloudstack.registry import SERVED
from app.errors import InvalidParameter

pytestmark = pytest.mark.unit

SERVED_BY_NOW = {
    "cancelAsyncJob", "checkMigration", "createDiskOffering", "findStoragePoolsForMigration", "getUser",
    "listAccounts", "listApis", "listAsyncJobEvents", "listAsyncJobs", "listCapabilities", "listClusters",
    "listDiskOfferings", "listDomains", "listEvents", "listHosts", "listPods", "listProjects", "listStoragePools",
    "listStorageTags", "listUsers", "listVirtualMachines", "listVolumes", "listZones", "login", "logout",
    "listConfigurations", "updateConfiguration", "resetConfiguration",
    "migrateVirtualMachine", "migrateVirtualMachineWithVolume", "migrateVolume", "queryAsyncJobResult",
    "retryAsyncJob", "updateDiskOffering", "updateStoragePool",
    "listIpForwardingRules", "listPortForwardingRules", "listPublicIpAddresses",
}  # fmt: skip


def called(command: str, role: Role = Role.ADMIN, **values: object) -> dict[str, Any]:
    caller = Caller(user_id=uuid4(), account_id=uuid4(), role=role, key_name="test")
    content = SERVED[command].run(Call(caller, Arguments(values), SERVED))
    document: dict[str, dict[str, Any]] = json.loads(render(wrapper_of(command), content, Format.JSON))
    return document[wrapper_of(command)]


def test_every_command_is_described_as_cloudmonkey_reads_it() -> None:
    content = called("listApis")
    apis = content["api"]
    assert isinstance(apis, list)
    assert content["count"] == len(apis)
    assert {api["name"] for api in apis} == SERVED_BY_NOW
    for api in apis:
        assert isinstance(api["isasync"], bool)
        assert isinstance(api["description"], str)
        assert isinstance(api["params"], list)
        assert isinstance(api["response"], list)
        assert all(isinstance(field["name"], str) for field in api["response"])
        for parameter in api["params"]:
            assert isinstance(parameter["name"], str)
            assert isinstance(parameter["type"], str)
            assert isinstance(parameter["description"], str)
            assert isinstance(parameter["required"], bool)
            assert isinstance(parameter.get("related", ""), str)


def test_only_migrations_are_asynchronous() -> None:
    migrations = {"migrateVirtualMachine", "migrateVirtualMachineWithVolume", "migrateVolume"}
    assert {name for name, served in SERVED.items() if served.is_async} == migrations


def test_volumes_and_their_pools_are_a_map() -> None:
    (api,) = called("listApis", name="migrateVirtualMachineWithVolume")["api"]
    kinds = {parameter["name"]: parameter["type"] for parameter in api["params"]}
    assert kinds == {
        "virtualmachineid": "uuid",
        "hostid": "uuid",
        "migrateto": "map",
        "storageid": "uuid",
        "provisioningtype": "string",
        "movehome": "boolean",
        "timeout": "integer",
        "priority": "integer",
        "customjobid": "string",
    }


def test_parameters_are_declared_in_lower_case_and_once() -> None:
    for served in SERVED.values():
        names = [parameter.name for parameter in served.parameters]
        assert names == [name.lower() for name in names]
        assert len(names) == len(set(names))


def test_a_role_is_told_what_it_may_call() -> None:
    apis = called("listApis", Role.READ_ONLY)["api"]
    assert isinstance(apis, list)
    assert "migrateVolume" not in {api["name"] for api in apis}


def test_one_api_by_name() -> None:
    assert called("listApis", name="listZones")["count"] == 1
    with pytest.raises(InvalidParameter, match="The API deployVirtualMachine either does not exist"):
        called("listApis", name="deployVirtualMachine")


def test_capabilities_are_one_object() -> None:
    capability = called("listCapabilities")["capability"]
    assert isinstance(capability, dict)
    assert capability["cloudstackversion"] == "4.20.0.0"
