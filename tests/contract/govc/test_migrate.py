"""VMs move: vm.migrate to a datastore, a host, a pool, with its progress; vm.check.relocate says what would be."""

from __future__ import annotations

import re

import pytest

from tests.running.govc import END_SECONDS, Govc

pytestmark = pytest.mark.contract

GIB = 1 << 30


def test_vm_migrate_to_a_datastore(govc: Govc) -> None:
    assert govc("vm.migrate", "-ds", "ds-2", "vm-01").endswith("... OK\n")
    names = [govc.property(f"Datastore:{ds['value']}", "name") for ds in govc.property("vm/vm-01", "datastore")]
    assert names == ["ds-2"]


def test_vm_migrate_takes_the_files_along(govc: Govc) -> None:
    before = govc.files("ds-1", "vm-02")
    free = govc.free_bytes("ds-2")
    govc("vm.migrate", "-ds", "ds-2", "vm-02")
    assert govc.property("vm/vm-02", "config.files.vmPathName") == "[ds-2] vm-02/vm-02.vmx"
    assert govc.disks("vm-02") == ["[ds-2] vm-02/vm-02.vmdk"]
    assert govc.files("ds-2", "vm-02") == before
    assert "vm-02" not in govc.files("ds-1")
    assert {file["name"].split("]")[0] for file in govc.property("vm/vm-02", "layoutEx.file")} == {"[ds-2"}
    assert free - govc.free_bytes("ds-2") >= GIB // 4


def test_vm_migrate_to_a_host(govc: Govc) -> None:
    assert govc("vm.migrate", "-host", "esx-2", "vm-03").endswith("... OK\n")
    host = govc.property("vm/vm-03", "runtime.host")
    assert govc.property(f"HostSystem:{host['value']}", "name") == "esx-2"
    assert govc.property("vm/vm-03", "config.files.vmPathName") == "[ds-1] vm-03/vm-03.vmx", "its files stay"


def test_vm_migrate_to_a_pool(govc: Govc) -> None:
    govc("pool.create", "/dc1/host/cluster-a/Resources/quiet")
    assert govc("vm.migrate", "-pool", "/dc1/host/cluster-a/Resources/quiet", "vm-04").endswith("... OK\n")
    pool = govc.property("vm/vm-04", "resourcePool")
    assert govc.property(f"ResourcePool:{pool['value']}", "name") == "quiet"


def test_vm_migrate_shows_its_progress(govc: Govc) -> None:
    with govc.start("vm.migrate", "-ds", "ds-3", "long") as moving:
        said, _ = moving.communicate(timeout=END_SECONDS)
    assert moving.returncode == 0, said
    shown = [int(percent) for percent in re.findall(r"\((\d+)%\)", said)]
    assert shown, said
    assert shown == sorted(shown)
    assert shown[-1] <= 100


def test_vm_migrate_of_several(govc: Govc) -> None:
    said = govc("vm.migrate", "-ds", "ds-3", "vm-05", "vm-06")
    assert said.count("... OK") == 2
    for vm in ("vm-05", "vm-06"):
        (datastore,) = govc.property(f"vm/{vm}", "datastore")
        assert govc.property(f"Datastore:{datastore['value']}", "name") == "ds-3"


def test_vm_migrate_where_there_is_no_room(govc: Govc) -> None:
    govc("datastore.disk.create", "-ds", "ds-3", "-size", "900G", "-d", "preallocated", "full.vmdk")
    refused = govc.refused("vm.migrate", "-ds", "ds-3", "endless")
    assert "space" in refused.lower(), refused
    assert govc.disks("endless") == ["[ds-1] endless/endless.vmdk"]
    assert "endless" not in govc.files("ds-3")


def test_vm_migrate_of_a_template(govc: Govc) -> None:
    govc("vm.markastemplate", "vm-07")
    refused = govc.refused("vm.migrate", "-ds", "ds-2", "vm-07")
    assert "not supported" in refused.lower(), refused
    assert govc.disks("vm-07") == ["[ds-1] vm-07/vm-07.vmdk"]


def test_vm_check_relocate(govc: Govc) -> None:
    spec = govc("vm.migrate", "-spec", "-xml", "-ds", "ds-2", "vm-08")
    results = govc.json("vm.check.relocate", "-vm", "vm-08", given=spec)["result"]
    assert [(result.get("error"), result.get("warning")) for result in results] == [(None, None)]
    assert govc.disks("vm-08") == ["[ds-1] vm-08/vm-08.vmdk"], "a check moves nothing"


def test_vm_check_relocate_says_what_would_go_wrong(govc: Govc) -> None:
    govc("vm.markastemplate", "vm-09")
    spec = govc("vm.migrate", "-spec", "-xml", "-ds", "ds-2", "vm-09")
    (result,) = govc.json("vm.check.relocate", "-vm", "vm-09", given=spec)["result"]
    assert result["vm"] == govc.json("vm.info", "vm-09")["virtualMachines"][0]["self"]
    (error,) = result.get("error") or [{"localizedMessage": "no error"}]
    assert "not supported" in error["localizedMessage"].lower()
