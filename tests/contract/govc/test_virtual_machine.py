"""VMs: vm.create, vm.power, vm.disk.create and attach, device.*, vm.unregister, vm.register, vm.destroy."""

from __future__ import annotations

import pytest

from tests.running.govc import Govc

pytestmark = pytest.mark.contract

GIB = 1 << 30
NETWORK = ("-net", "VM Network")


def test_vm_create(govc: Govc) -> None:
    free = govc.free_bytes("ds-2")
    created = ("vm.create", "-on=false", "-ds", "ds-2", "-host", "esx-2", "-disk", "2GiB", "-disk.thick", *NETWORK)
    assert govc(*created, "-m", "512", "-c", "2", "made") == ""
    (vm,) = govc.json("vm.info", "made")["virtualMachines"]
    assert vm["config"]["files"]["vmPathName"] == "[ds-2] made/made.vmx"
    assert (vm["config"]["hardware"]["memoryMB"], vm["config"]["hardware"]["numCPU"]) == (512, 2)
    assert vm["runtime"]["powerState"] == "poweredOff"
    assert govc.property(f"HostSystem:{vm['runtime']['host']['value']}", "name") == "esx-2"
    assert govc.disks("made") == ["[ds-2] made/made.vmdk"]
    assert {"made.vmx", "made.vmdk"} <= govc.files("ds-2", "made")
    assert "already exists" in govc.refused(*created, "made")
    assert free - govc.free_bytes("ds-2") >= 2 * GIB, "a thick disk takes its space at once"


def test_vm_create_on_a_datastore_that_is_too_small(govc: Govc) -> None:
    created = ("vm.create", "-on=false", "-ds", "ds-2", "-disk", "4TiB", "-disk.thick", *NETWORK, "too-big")
    assert "space" in govc.refused(*created)
    assert govc("find", "-type", "m", "-name", "too-big") == ""
    assert "too-big" not in govc.files("ds-2")


def test_vm_power(govc: Govc) -> None:
    assert govc("vm.power", "-on", "vm-01").endswith("... OK\n")
    assert govc.property("vm/vm-01", "runtime.powerState") == "poweredOn"
    govc.refused("vm.power", "-on", "vm-01")
    assert govc("vm.power", "-suspend", "vm-01").endswith("... OK\n")
    assert govc.property("vm/vm-01", "runtime.powerState") == "suspended"
    govc("vm.power", "-on", "vm-01")
    assert govc("vm.power", "-off", "vm-01").endswith("... OK\n")
    assert govc.property("vm/vm-01", "runtime.powerState") == "poweredOff"


def test_vm_disk_create(govc: Govc) -> None:
    assert "Creating disk" in govc(
        "vm.disk.create", "-vm", "vm-02", "-ds", "ds-1", "-name", "vm-02/extra", "-size", "3G"
    )
    assert govc.disks("vm-02") == ["[ds-1] vm-02/vm-02.vmdk", "[ds-1] vm-02/extra.vmdk"]
    assert {"extra.vmdk", "extra-flat.vmdk"} <= govc.files("ds-1", "vm-02")
    assert "Disk already present" in govc("vm.disk.create", "-vm", "vm-02", "-ds", "ds-1", "-name", "vm-02/extra")
    assert len(govc.disks("vm-02")) == 2


def test_vm_disk_attach_and_detach(govc: Govc) -> None:
    path = "[ds-1] loose/data-1.vmdk"
    govc("vm.disk.attach", "-vm", "vm-03", "-ds", "ds-1", "-disk", "loose/data-1.vmdk", "-link=false")
    (disk,) = [
        device
        for device in govc.json("device.info", "-vm", "vm-03", "disk-*")["devices"]
        if device["backing"]["fileName"] == path
    ]
    assert disk["backing"]["diskMode"] == "persistent"
    govc("device.remove", "-vm", "vm-03", "-keep", disk["name"])
    assert govc.disks("vm-03") == ["[ds-1] vm-03/vm-03.vmdk"]
    assert {"data-1.vmdk", "data-1-flat.vmdk"} <= govc.files("ds-1", "loose"), "a disk that was detached stays"


def test_an_attached_disk_has_its_true_size(govc: Govc) -> None:
    govc("vm.disk.attach", "-vm", "vm-04", "-ds", "ds-1", "-disk", "loose/data-2.vmdk", "-link=false")
    sizes = [device["capacityInKB"] for device in govc.json("device.info", "-vm", "vm-04", "disk-*")["devices"]]
    assert sizes == [1024 * 1024] * 2


def test_vm_disk_attach_makes_a_child(govc: Govc) -> None:
    govc("vm.disk.attach", "-vm", "vm-05", "-ds", "ds-1", "-disk", "loose/data-3.vmdk", "-link")
    child = govc.json("device.info", "-vm", "vm-05", "disk-*")["devices"][-1]["backing"]
    assert child["fileName"].startswith("[ds-1] vm-05/"), "the child is the VM's own"
    assert child["parent"]["fileName"] == "[ds-1] loose/data-3.vmdk"


def test_vm_disk_attach_refuses_what_is_not_there(govc: Govc) -> None:
    govc.refused("vm.disk.attach", "-vm", "vm-06", "-ds", "ds-1", "-disk", "loose/none.vmdk", "-link=false")
    assert govc.disks("vm-06") == ["[ds-1] vm-06/vm-06.vmdk"]


def test_device_ls_and_info(govc: Govc) -> None:
    listed = {line.split()[0]: line.split()[1] for line in govc("device.ls", "-vm", "vm-07").splitlines()}
    (disk,) = [name for name, kind in listed.items() if kind == "VirtualDisk"]
    assert "VirtualVmxnet3" in listed.values()
    assert f"{'File:':<14}[ds-1] vm-07/vm-07.vmdk" in govc("device.info", "-vm", "vm-07", disk)
    assert "not found" in govc.refused("device.info", "-vm", "vm-07", "disk-9-9")


def test_the_first_disk_is_unit_zero(govc: Govc) -> None:
    assert govc.json("device.info", "-vm", "vm-07", "disk-*")["devices"][0]["unitNumber"] == 0


def test_vm_unregister_and_register(govc: Govc) -> None:
    govc("vm.unregister", "vm-08")
    assert govc("find", "-type", "m", "-name", "vm-08") == ""
    assert {"vm-08.vmx", "vm-08.vmdk", "vm-08-flat.vmdk"} <= govc.files("ds-1", "vm-08"), "its files stay"
    govc("vm.register", "-ds", "ds-1", "-host", "esx-1", "vm-08/vm-08.vmx")
    assert govc.property("vm/vm-08", "config.files.vmPathName") == "[ds-1] vm-08/vm-08.vmx"
    assert "already" in govc.refused("vm.register", "-ds", "ds-1", "-host", "esx-1", "vm-08/vm-08.vmx").lower()


def test_a_registered_vm_has_its_disks_again(govc: Govc) -> None:
    govc("vm.unregister", "vm-09")
    govc("vm.register", "-ds", "ds-1", "-host", "esx-1", "vm-09/vm-09.vmx")
    assert govc.disks("vm-09") == ["[ds-1] vm-09/vm-09.vmdk"]


def test_vm_register_refuses_what_is_not_there(govc: Govc) -> None:
    govc.refused("vm.register", "-ds", "ds-1", "-host", "esx-1", "none/none.vmx")
    assert govc("find", "-type", "m", "-name", "none") == ""


def test_vm_destroy(govc: Govc) -> None:
    free = govc.free_bytes("ds-1")
    govc("vm.power", "-on", "vm-10")
    assert govc("vm.destroy", "vm-10") == "", "govc powers it off first"
    assert govc("find", "-type", "m", "-name", "vm-10") == ""
    assert "vm-10" not in govc.files("ds-1")
    assert govc.free_bytes("ds-1") - free >= GIB // 4, "its space is free again"


def test_faults_are_told_in_words(govc: Govc) -> None:
    missing = ("vm.disk.attach", "-vm", "vm-11", "-ds", "ds-1", "-disk", "loose/none.vmdk", "-link=false")
    told = [
        govc.refused("vm.power", "-off", "vm-11"),
        govc.refused("vm.register", "-ds", "ds-1", "-host", "esx-1", "none/none.vmx"),
        govc.refused(*missing),
    ]
    assert [message for message in told if "types." in message] == [], "no type of Go, which vcsim is written in"
    assert "none.vmdk" in told[-1], "which file it is that is missing"
