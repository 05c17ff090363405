"""pyVmomi as its users use it: pyVim's connection and task waiting, views, the property collector, managers."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pyVim.connect import SmartConnect
from pyVim.task import WaitForTask, WaitForTasks
from pyVmomi import vim, vmodl

from tests.contract.clients.conftest import Find, disconnect
from tests.running.vcenter import RunningVCenter
from tests.running.waiting import until

pytestmark = pytest.mark.contract

END_SECONDS = 60
Collector = vmodl.query.PropertyCollector


def connected(vcenter: RunningVCenter, **changes: Any) -> Any:  # noqa: ANN401  # pyVmomi has no types
    url = urlsplit(vcenter.url)
    wanted = {"user": vcenter.username, "pwd": vcenter.password} | changes
    return SmartConnect(host=url.hostname, port=url.port, **wanted)


def test_connect(vcenter: RunningVCenter, certificate: Path) -> None:
    instance = connected(vcenter, sslContext=ssl.create_default_context(cafile=str(certificate)))
    try:
        assert instance.content.about.apiType == "VirtualCenter"
        assert abs((instance.CurrentTime() - instance.content.sessionManager.currentSession.loginTime).days) < 1
    finally:
        disconnect(instance)


def test_a_certificate_of_nobody_is_refused(vcenter: RunningVCenter) -> None:
    with pytest.raises(ssl.SSLCertVerificationError):
        connected(vcenter, sslContext=ssl.create_default_context())


def test_a_wrong_password_is_refused(vcenter: RunningVCenter, certificate: Path) -> None:
    instance = connected(vcenter, sslContext=ssl.create_default_context(cafile=str(certificate)))
    try:
        sessions = instance.content.sessionManager
        sessions.Logout()
        with pytest.raises(vim.fault.InvalidLogin):
            sessions.Login(userName=vcenter.username, password="wrong")
        with pytest.raises(vim.fault.NotAuthenticated):
            _ = instance.content.rootFolder.name
    finally:
        instance._stub.DropConnections()


def test_views(content: Any) -> None:  # noqa: ANN401
    view = content.viewManager.CreateContainerView(
        container=content.rootFolder, type=[vim.VirtualMachine, vim.Datastore], recursive=True
    )
    assert len(view.view) == 14 + 3
    only = content.viewManager.CreateListView(list(view.view)[:2])
    assert len(only.view) == 2
    view.Destroy()
    with pytest.raises(vmodl.fault.ManagedObjectNotFound):
        _ = view.view


def test_property_collector(content: Any) -> None:  # noqa: ANN401
    view = content.viewManager.CreateContainerView(
        container=content.rootFolder, type=[vim.VirtualMachine], recursive=True
    )
    traversal = Collector.TraversalSpec(name="all", type=vim.view.ContainerView, path="view", skip=False)
    spec = Collector.FilterSpec(
        objectSet=[Collector.ObjectSpec(obj=view, skip=True, selectSet=[traversal])],
        propSet=[Collector.PropertySpec(type=vim.VirtualMachine, pathSet=["name", "layoutEx.file"])],
    )
    result = content.propertyCollector.RetrievePropertiesEx([spec], Collector.RetrieveOptions(maxObjects=10))
    objects = list(result.objects)
    assert (len(objects), bool(result.token)) == (10, True)
    result = content.propertyCollector.ContinueRetrievePropertiesEx(result.token)
    assert result.token is None
    found = [{prop.name: prop.val for prop in item.propSet} for item in [*objects, *result.objects]]
    assert len({item["name"] for item in found}) == 14
    assert all(any(file.name.endswith(".vmx") for file in item["layoutEx.file"]) for item in found)


def test_updates_are_waited_for(content: Any, find: Find) -> None:  # noqa: ANN401
    vm = find("vm/vm-01")
    collector = content.propertyCollector.CreatePropertyCollector()
    spec = Collector.FilterSpec(
        objectSet=[Collector.ObjectSpec(obj=vm)],
        propSet=[Collector.PropertySpec(type=vim.VirtualMachine, pathSet=["runtime.powerState"])],
    )
    collector.CreateFilter(spec=spec, partialUpdates=False)
    first = collector.WaitForUpdatesEx("", Collector.WaitOptions(maxWaitSeconds=10))
    assert first.filterSet[0].objectSet[0].changeSet[0].val == "poweredOff"
    assert collector.WaitForUpdatesEx(first.version, Collector.WaitOptions(maxWaitSeconds=0)) is None
    WaitForTask(vm.PowerOnVM_Task())
    second = collector.WaitForUpdatesEx(first.version, Collector.WaitOptions(maxWaitSeconds=10))
    assert second.filterSet[0].objectSet[0].changeSet[0].val == "poweredOn"
    assert second.version != first.version
    collector.Destroy()


def test_search_index(content: Any, find: Find) -> None:  # noqa: ANN401
    vm = find("vm/vm-02")
    index = content.searchIndex
    assert index.FindByUuid(uuid=vm.config.uuid, vmSearch=True) == vm
    assert index.FindByUuid(uuid=vm.config.instanceUuid, vmSearch=True, instanceUuid=True) == vm
    assert index.FindByDatastorePath(find(""), "[ds-1] vm-02/vm-02.vmx") == vm
    assert index.FindChild(find("vm"), "vm-02") == vm
    assert index.FindByInventoryPath("dc1/vm/nobody") is None


def test_relocate_and_wait_for_its_task(find: Find) -> None:
    vm, target = find("vm/vm-03"), find("datastore/ds-2")
    assert WaitForTask(vm.RelocateVM_Task(vim.vm.RelocateSpec(datastore=target))) == "success"
    assert list(vm.datastore) == [target]
    assert vm in target.vm


def test_disk_locators_say_where_each_disk_goes(find: Find) -> None:
    vm, home, target = find("vm/vm-04"), find("datastore/ds-1"), find("datastore/ds-3")
    locator = vim.vm.RelocateSpec.DiskLocator(diskId=2000, datastore=target)
    WaitForTask(vm.RelocateVM_Task(vim.vm.RelocateSpec(disk=[locator])))
    (disk,) = [device for device in vm.config.hardware.device if isinstance(device, vim.vm.device.VirtualDisk)]
    assert disk.backing.fileName.startswith("[ds-3] ")
    assert vm.config.files.vmPathName == "[ds-1] vm-04/vm-04.vmx"
    assert {datastore.name for datastore in vm.datastore} == {home.name, target.name}


def test_tasks_are_waited_for_together(find: Find) -> None:
    vms = [find(f"vm/vm-{number:02}") for number in (5, 6, 7)]
    spec = vim.vm.RelocateSpec(datastore=find("datastore/ds-2"))
    WaitForTasks([vm.RelocateVM_Task(spec) for vm in vms])
    assert {vm.recentTask[-1].info.state for vm in vms} == {"success"}


def test_progress_and_cancel(find: Find) -> None:
    vm = find("vm/endless")
    task = vm.RelocateVM_Task(vim.vm.RelocateSpec(datastore=find("datastore/ds-2")))
    until(lambda: task.info.state != "queued", END_SECONDS)
    assert (task.info.state, task.info.cancelable) == ("running", True)
    until(lambda: (task.info.progress or 0) > 0, END_SECONDS)
    task.CancelTask()
    with pytest.raises(vmodl.fault.RequestCanceled):
        WaitForTask(task)
    assert task.info.cancelled
    assert vm.config.files.vmPathName == "[ds-1] endless/endless.vmx"


def test_a_tasks_fault_is_raised(find: Find) -> None:
    with pytest.raises(vim.fault.InvalidPowerState) as failed:
        WaitForTask(find("vm/vm-08").PowerOffVM_Task())
    assert failed.value.existingState == "poweredOff"


def test_file_manager(content: Any, datacenter: vim.Datacenter, find: Find) -> None:  # noqa: ANN401
    files = content.fileManager
    files.MakeDirectory(name="[ds-2] folder/inner", datacenter=datacenter, createParentDirectories=True)
    with pytest.raises(vim.fault.FileAlreadyExists):
        files.MakeDirectory(name="[ds-2] folder", datacenter=datacenter, createParentDirectories=False)
    WaitForTask(files.MoveDatastoreFile_Task("[ds-2] folder", datacenter, "[ds-2] other", datacenter))
    browsed = find("datastore/ds-2").browser.SearchDatastoreSubFolders_Task("[ds-2] other")
    WaitForTask(browsed)
    assert {result.folderPath.rstrip("/") for result in browsed.info.result} == {"[ds-2] other", "[ds-2] other/inner"}
    WaitForTask(files.DeleteDatastoreFile_Task("[ds-2] other", datacenter))
    with pytest.raises(vim.fault.FileNotFound):
        WaitForTask(files.DeleteDatastoreFile_Task("[ds-2] other", datacenter))


def test_virtual_disk_manager(content: Any, datacenter: vim.Datacenter) -> None:  # noqa: ANN401
    disks, name = content.virtualDiskManager, "[ds-3] volume.vmdk"
    spec = vim.VirtualDiskManager.FileBackedVirtualDiskSpec(diskType="thin", adapterType="lsiLogic", capacityKb=1 << 20)
    task = disks.CreateVirtualDisk_Task(name, datacenter, spec)
    WaitForTask(task)
    assert task.info.result == name
    uuid = disks.QueryVirtualDiskUuid(name, datacenter)
    assert uuid
    WaitForTask(disks.MoveVirtualDisk_Task(name, datacenter, "[ds-2] volume.vmdk", datacenter))
    with pytest.raises(vim.fault.FileNotFound):
        disks.QueryVirtualDiskUuid(name, datacenter)
    WaitForTask(disks.DeleteVirtualDisk_Task("[ds-2] volume.vmdk", datacenter))


def test_first_class_disks(content: Any, find: Find) -> None:  # noqa: ANN401
    objects, datastore = content.vStorageObjectManager, find("datastore/ds-1")
    backing = vim.vslm.CreateSpec.DiskFileBackingSpec(datastore=datastore, provisioningType="thin")
    spec = vim.vslm.CreateSpec(name="volume", capacityInMB=1024, backingSpec=backing, keepAfterDeleteVm=True)
    task = objects.CreateDisk_Task(spec)
    WaitForTask(task)
    disk = task.info.result
    assert (disk.config.name, disk.config.capacityInMB) == ("volume", 1024)
    assert disk.config.id.id in [found.id for found in objects.ListVStorageObject(datastore)]
    read = objects.RetrieveVStorageObject(disk.config.id, datastore)
    assert read.config.backing.filePath == disk.config.backing.filePath
    WaitForTask(objects.DeleteVStorageObject_Task(disk.config.id, datastore))
    assert disk.config.id.id not in [found.id for found in objects.ListVStorageObject(datastore)]


def test_first_class_disks_move(content: Any, find: Find) -> None:  # noqa: ANN401
    objects, home, target = content.vStorageObjectManager, find("datastore/ds-1"), find("datastore/ds-2")
    backing = vim.vslm.CreateSpec.DiskFileBackingSpec(datastore=home, provisioningType="thin")
    created = objects.CreateDisk_Task(vim.vslm.CreateSpec(name="moves", capacityInMB=64, backingSpec=backing))
    WaitForTask(created)
    identity = created.info.result.config.id
    where = vim.vslm.RelocateSpec(backingSpec=vim.vslm.CreateSpec.DiskFileBackingSpec(datastore=target))
    WaitForTask(objects.RelocateVStorageObject_Task(identity, home, where))
    assert identity.id in [found.id for found in objects.ListVStorageObject(target)]
    assert identity.id not in [found.id for found in objects.ListVStorageObject(home)]
    assert objects.RetrieveVStorageObject(identity, target).config.backing.filePath.startswith("[ds-2] ")


def test_task_history(content: Any, find: Find) -> None:  # noqa: ANN401
    vm = find("vm/vm-09")
    WaitForTask(vm.PowerOnVM_Task())
    WaitForTask(vm.RelocateVM_Task(vim.vm.RelocateSpec(host=find("host/cluster-a/esx-2"), pool=vm.resourcePool)))
    of_the_vm = vim.TaskFilterSpec(entity=vim.TaskFilterSpec.ByEntity(entity=vm, recursion="self"))
    collector = content.taskManager.CreateCollectorForTasks(of_the_vm)
    collector.SetCollectorPageSize(10)
    assert [info.descriptionId for info in collector.ReadNextTasks(10)][-2:] == [
        "VirtualMachine.powerOn",
        "VirtualMachine.relocate",
    ]
    assert collector.ReadNextTasks(10) == []
    collector.DestroyCollector()
    failed = vim.TaskFilterSpec(state=[vim.TaskInfo.State.error], entity=of_the_vm.entity)
    collector = content.taskManager.CreateCollectorForTasks(failed)
    assert list(collector.latestPage) == []
    collector.DestroyCollector()
