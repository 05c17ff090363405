"""What there is: about, ls, find, tree, object.collect, vm.info, host.info, datastore.info, datacenter.info."""

from __future__ import annotations

import pytest

from tests.running.govc import END_SECONDS, Govc

pytestmark = pytest.mark.contract

GIB = 1 << 30


def test_about(govc: Govc) -> None:
    said = dict(line.split(":", 1) for line in govc("about").splitlines())
    assert said["Name"].strip() == "VMware vCenter Server"
    assert said["API type"].strip() == "VirtualCenter"
    about = govc.json("about")["about"]
    assert about["instanceUuid"] == said["UUID"].strip()
    assert about["productLineId"] == "vpx"


def test_ls(govc: Govc) -> None:
    assert govc("ls").split() == ["/dc1/vm", "/dc1/host", "/dc1/datastore", "/dc1/network"]
    assert govc("ls", "datastore").split() == ["/dc1/datastore/ds-1", "/dc1/datastore/ds-2", "/dc1/datastore/ds-3"]
    (reference,) = govc("ls", "-i", "vm/vm-01").split()
    assert reference.startswith("VirtualMachine:vm-")
    assert govc("ls", "-L", reference).split() == ["/dc1/vm/vm-01"]


def test_find(govc: Govc) -> None:
    assert len(govc("find", "-type", "m").split()) == 14
    assert govc("find", "vm", "-type", "m", "-name", "vm-0[12]").split() == ["vm/vm-01", "vm/vm-02"]
    host = govc("find", "-i", "-type", "h", "-name", "esx-2").strip()
    assert govc("find", "vm", "-type", "m", "-runtime.host", host).split() == []
    assert len(govc("find", "vm", "-type", "m", "-runtime.powerState", "poweredOff").split()) >= 12
    assert govc("find", "-type", "s", "-name", "ds-3").split() == ["/dc1/datastore/ds-3"]


def test_tree(govc: Govc) -> None:
    lines = govc("tree").splitlines()
    assert lines[0] == "/"
    names = [line.split(" ")[-1] for line in lines]
    assert {"dc1", "datastore", "ds-1", "cluster-a", "Resources", "esx-1", "esx-2", "vm-01"} <= set(names)
    assert lines[names.index("esx-1")].index("esx-1") > lines[names.index("cluster-a")].index("cluster-a")


def test_object_collect(govc: Govc) -> None:
    assert govc("object.collect", "-s", "vm/vm-01", "config.files.vmPathName") == "[ds-1] vm-01/vm-01.vmx\n"
    states = govc("object.collect", "-type", "m", "/", "runtime.powerState").splitlines()
    assert len(states) == 14
    assert {line.split()[-2] for line in states} == {"types.VirtualMachinePowerState"}
    # The answer refers to objects that can be asked in turn.
    datastore = govc.property("vm/vm-01", "datastore")[0]
    assert govc.property(f"Datastore:{datastore['value']}", "name") == "ds-1"


def test_object_collect_waits_for_an_update(govc: Govc) -> None:
    with govc.start("object.collect", "-s", "-n", "1", "vm/vm-02", "runtime.powerState") as watching:
        assert watching.stdout
        assert watching.stdout.readline() == "poweredOff\n"
        govc("vm.power", "-on", "vm-02")
        assert watching.stdout.readline() == "poweredOn\n"
        assert watching.wait(END_SECONDS) == 0


def test_object_collect_waits_for_a_value(govc: Govc) -> None:
    with govc.start("object.collect", "-s", "-wait", "30s", "vm/vm-03", "-runtime.powerState", "poweredOn") as watching:
        govc("vm.power", "-on", "vm-03")
        said, _ = watching.communicate(timeout=END_SECONDS)
        assert (watching.returncode, said) == (0, "poweredOn\n")


def test_object_collect_waits_no_longer_than_it_was_told(govc: Govc) -> None:
    assert govc("object.collect", "-s", "-wait", "1s", "vm/vm-04", "runtime.powerState") == "poweredOff\n"


def test_vm_info(govc: Govc) -> None:
    assert govc("vm.info", "vm-05").splitlines()[0].split() == ["Name:", "vm-05"]
    (vm,) = govc.json("vm.info", "vm-05")["virtualMachines"]
    assert vm["config"]["files"]["vmPathName"] == "[ds-1] vm-05/vm-05.vmx"
    assert vm["runtime"]["powerState"] == "poweredOff"
    (disk,) = [device for device in vm["config"]["hardware"]["device"] if device["key"] == 2000]
    assert disk["backing"]["fileName"] == "[ds-1] vm-05/vm-05.vmdk"
    assert disk["capacityInBytes"] == GIB
    assert govc.json("vm.info", "-vm.uuid", vm["config"]["uuid"])["virtualMachines"][0]["name"] == "vm-05"
    assert govc.json("vm.info", "nobody") == {"virtualMachines": None}


def test_vm_layout_names_every_file(govc: Govc) -> None:
    (vm,) = govc.json("vm.info", "vm-05")["virtualMachines"]
    files = {file["name"]: file for file in vm["layoutEx"]["file"]}
    assert {"[ds-1] vm-05/vm-05.vmx", "[ds-1] vm-05/vm-05.vmdk", "[ds-1] vm-05/vm-05-flat.vmdk"} <= set(files)
    assert files["[ds-1] vm-05/vm-05-flat.vmdk"]["size"] == GIB // 4, "what a thin disk takes"
    assert {name.partition("/")[2] for name in files} <= govc.files("ds-1", "vm-05")


def test_host_info(govc: Govc) -> None:
    said = govc("host.info", "esx-1")
    assert "Path:            /dc1/host/cluster-a/esx-1" in said
    assert "State:           connected" in said
    (host,) = govc.json("host.info", "esx-1")["hostSystems"]
    mounted = [govc.property(f"Datastore:{datastore['value']}", "name") for datastore in host["datastore"]]
    assert sorted(mounted) == ["ds-1", "ds-2", "ds-3"]


def test_datacenter_info(govc: Govc) -> None:
    parts = [line.partition(":") for line in govc("datacenter.info", "dc1").splitlines()]
    said = {name.strip(): value.strip() for name, _, value in parts}
    assert (said["Path"], said["Hosts"], said["Clusters"], said["Datastores"]) == ("/dc1", "2", "1", "3")
    assert said["Virtual Machines"] == "14"


def test_datastore_info(govc: Govc) -> None:
    said = govc("datastore.info", "ds-1", "ds-2")
    assert [line.split()[1] for line in said.splitlines() if line.startswith("Name:")] == ["ds-1", "ds-2"]
    (datastore,) = govc.json("datastore.info", "ds-3")["datastores"]
    assert datastore["summary"]["accessible"]
    assert datastore["summary"]["type"] == "VMFS"
    assert {mount["mountInfo"]["accessMode"] for mount in datastore["host"]} == {"readWrite"}
    assert datastore["vm"] is None


def test_datastore_info_tells_capacity_and_free_space(govc: Govc) -> None:
    (datastore,) = govc.json("datastore.info", "ds-1")["datastores"]
    assert datastore["summary"]["capacity"] == 1024 * GIB, "as the scenario says, however many hosts mount it"
    # 12 VMs and 6 loose disks of a quarter, 10 and 400 GiB, and a little for descriptors and vmx files.
    assert 0 <= (1024 - 410) * GIB - 18 * GIB // 4 - datastore["summary"]["freeSpace"] < GIB // 4
