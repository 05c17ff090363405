"""oslo.vmware, with which OpenStack drives vCenters: sessions that are renewed, tasks waited for, properties read."""

from __future__ import annotations

from typing import Any

import pytest
from oslo_vmware import exceptions, vim_util
from oslo_vmware.api import VMwareAPISession

from tests.contract.clients.conftest import Open
from tests.running.govc import Govc

pytestmark = pytest.mark.contract


def found(oslo: VMwareAPISession, path: str) -> Any:  # noqa: ANN401  # suds makes its types as it runs
    """Return the reference of what is at an inventory path below dc1."""
    index = oslo.vim.service_content.searchIndex
    return oslo.invoke_api(oslo.vim, "FindByInventoryPath", index, inventoryPath=f"dc1/{path}")


def read(oslo: VMwareAPISession, path: str, name: str) -> Any:  # noqa: ANN401
    return oslo.invoke_api(vim_util, "get_object_property", oslo.vim, found(oslo, path), name)


def moved(oslo: VMwareAPISession, vm: str, datastore: str) -> Any:  # noqa: ANN401
    """Begin a relocation; return its task."""
    spec = oslo.vim.client.factory.create("ns0:VirtualMachineRelocateSpec")
    spec.datastore = found(oslo, f"datastore/{datastore}")
    return oslo.invoke_api(oslo.vim, "RelocateVM_Task", found(oslo, f"vm/{vm}"), spec=spec)


def test_about(oslo: VMwareAPISession) -> None:
    about = oslo.vim.service_content.about
    assert (about.name, about.apiType) == ("VMware vCenter Server", "VirtualCenter")
    assert vim_util.get_vc_version(oslo) == about.version
    assert oslo.is_current_session_active()


def test_a_wrong_password_is_refused(open_session: Open) -> None:
    with pytest.raises(exceptions.VimFaultException) as refused:
        open_session(password="wrong")
    assert refused.value.fault_list == ["InvalidLogin"]


def test_objects_are_read_page_by_page(oslo: VMwareAPISession) -> None:
    names: list[str] = []
    page = oslo.invoke_api(vim_util, "get_objects", oslo.vim, "VirtualMachine", 5, ["name"])
    pages = 1
    while True:
        names += [property_.val for vm in page.objects for property_ in vm.propSet]
        following = oslo.invoke_api(vim_util, "continue_retrieval", oslo.vim, page)
        if following is None:
            break
        page, pages = following, pages + 1
    assert len(names) == len(set(names)) == 14
    assert pages == 3


def test_a_retrieval_can_be_given_up(oslo: VMwareAPISession) -> None:
    page = oslo.invoke_api(vim_util, "get_objects", oslo.vim, "VirtualMachine", 5, ["name"])
    oslo.invoke_api(vim_util, "cancel_retrieval", oslo.vim, page)
    with pytest.raises(exceptions.VimFaultException):
        oslo.invoke_api(vim_util, "continue_retrieval", oslo.vim, page)


def test_properties(oslo: VMwareAPISession) -> None:
    vm = found(oslo, "vm/vm-01")
    wanted = ["name", "config.files", "runtime.powerState", "datastore"]
    told = oslo.invoke_api(vim_util, "get_object_properties_dict", oslo.vim, vm, wanted)
    assert (told["name"], told["runtime.powerState"]) == ("vm-01", "poweredOff")
    assert told["config.files"].vmPathName == "[ds-1] vm-01/vm-01.vmx"
    (datastore,) = told["datastore"].ManagedObjectReference
    assert vim_util.get_moref_value(datastore) == vim_util.get_moref_value(found(oslo, "datastore/ds-1"))
    assert vim_util.get_inventory_path(oslo.vim, vm).lstrip("/") == "dc1/vm/vm-01"


def test_wait_for_task(oslo: VMwareAPISession, govc: Govc) -> None:
    info = oslo.wait_for_task(moved(oslo, "vm-02", "ds-2"))
    assert info.state == "success"
    assert info.queueTime <= info.startTime <= info.completeTime
    (datastore,) = govc.property("vm/vm-02", "datastore")
    assert govc.property(f"Datastore:{datastore['value']}", "name") == "ds-2"


def test_a_task_that_takes_its_time_is_polled(oslo: VMwareAPISession) -> None:
    task = moved(oslo, "long", "ds-3")
    first = oslo.invoke_api(vim_util, "get_object_property", oslo.vim, task, "info")
    assert first.state in ("queued", "running")
    assert oslo.wait_for_task(task).state == "success"
    assert read(oslo, "vm/long", "config.files").vmPathName == "[ds-3] long/long.vmx"


def test_a_task_that_fails_raises_its_fault(oslo: VMwareAPISession) -> None:
    vm = found(oslo, "vm/vm-03")
    oslo.wait_for_task(oslo.invoke_api(oslo.vim, "PowerOnVM_Task", vm))
    with pytest.raises(exceptions.InvalidPowerStateException):
        oslo.wait_for_task(oslo.invoke_api(oslo.vim, "PowerOnVM_Task", vm))
    assert read(oslo, "vm/vm-03", "runtime.powerState") == "poweredOn"


def test_a_call_that_fails_raises_its_fault(oslo: VMwareAPISession) -> None:
    files = oslo.vim.service_content.fileManager
    made = {"name": "[ds-1] made", "datacenter": found(oslo, ""), "createParentDirectories": False}
    oslo.invoke_api(oslo.vim, "MakeDirectory", files, **made)
    with pytest.raises(exceptions.FileAlreadyExistsException):
        oslo.invoke_api(oslo.vim, "MakeDirectory", files, **made)


def test_an_object_that_is_gone_is_told_from_others(oslo: VMwareAPISession) -> None:
    gone = vim_util.get_moref("vm-987654", "VirtualMachine")
    with pytest.raises(exceptions.ManagedObjectNotFoundException):
        oslo.invoke_api(vim_util, "get_object_property", oslo.vim, gone, "name")


@pytest.mark.usefixtures("at_once")
def test_a_session_that_was_terminated_is_renewed(oslo: VMwareAPISession, open_session: Open) -> None:
    other, before = open_session(), oslo._session_id
    other.invoke_api(other.vim, "TerminateSession", other.vim.service_content.sessionManager, sessionId=[before])
    assert not oslo.is_current_session_active()
    assert read(oslo, "vm/vm-04", "name") == "vm-04"
    assert oslo._session_id != before
    assert oslo.is_current_session_active()


@pytest.mark.usefixtures("at_once")
def test_a_task_is_waited_for_across_sessions(oslo: VMwareAPISession, open_session: Open, govc: Govc) -> None:
    task, other = moved(oslo, "vm-05", "ds-2"), open_session()
    manager = other.vim.service_content.sessionManager
    other.invoke_api(other.vim, "TerminateSession", manager, sessionId=[oslo._session_id])
    assert oslo.wait_for_task(task).state == "success", "a task outlives the session that began it"
    (datastore,) = govc.property("vm/vm-05", "datastore")
    assert govc.property(f"Datastore:{datastore['value']}", "name") == "ds-2"


def test_disks(oslo: VMwareAPISession, govc: Govc) -> None:
    disks, dc = oslo.vim.service_content.virtualDiskManager, found(oslo, "")
    spec = oslo.vim.client.factory.create("ns0:FileBackedVirtualDiskSpec")
    spec.diskType, spec.adapterType, spec.capacityKb = "thin", "lsiLogic", 1 << 20
    created = {"name": "[ds-2] volume.vmdk", "datacenter": dc, "spec": spec}
    oslo.wait_for_task(oslo.invoke_api(oslo.vim, "CreateVirtualDisk_Task", disks, **created))
    copied = {"sourceName": "[ds-2] volume.vmdk", "sourceDatacenter": dc, "destName": "[ds-3] copy.vmdk"}
    oslo.wait_for_task(
        oslo.invoke_api(oslo.vim, "CopyVirtualDisk_Task", disks, **copied, destDatacenter=dc, force=False)
    )
    assert {"copy.vmdk", "copy-flat.vmdk"} <= govc.files("ds-3")
    oslo.wait_for_task(
        oslo.invoke_api(oslo.vim, "DeleteVirtualDisk_Task", disks, name="[ds-2] volume.vmdk", datacenter=dc)
    )
    assert not {"volume.vmdk", "volume-flat.vmdk"} & govc.files("ds-2")


def test_cancel(oslo: VMwareAPISession) -> None:
    task = moved(oslo, "endless", "ds-2")
    begun = oslo.invoke_api(vim_util, "get_object_property", oslo.vim, task, "info")
    assert begun.state in ("queued", "running")
    oslo.invoke_api(oslo.vim, "CancelTask", task)
    with pytest.raises(exceptions.VimFaultException, match=r"(?i)cancel"):
        oslo.wait_for_task(task)
    assert read(oslo, "vm/endless", "config.files").vmPathName == "[ds-1] endless/endless.vmx"
