"""What people do in a vCenter by hand while vrelocate works with it."""

from __future__ import annotations

from collections.abc import Callable

from app.vsphere.facts import TaskState
from app.vsphere.inventory import read_vm
from app.vsphere.pyvmomi import VimObject, vim
from app.vsphere.session import Session
from app.vsphere.tasks import read_task
from tests.running.waiting import until

DEADLINE_SECONDS = 30


class Operator:
    """Works in one vCenter, and waits for what it has begun."""

    def __init__(self, session: Session) -> None:
        self.session = session

    def begin(self, ask: Callable[[VimObject], VimObject]) -> str:
        """Start a task and return its reference."""
        return str(self.session.call(lambda content: ask(content)._moId))

    def do(self, ask: Callable[[VimObject], VimObject]) -> None:
        """Start a task and wait until it has succeeded."""
        self.wait_for(self.begin(ask))

    def wait_for(self, task: str) -> None:
        """Wait until a task has succeeded."""
        ended = until(lambda: self._ended(task), DEADLINE_SECONDS, f"{task} ends")
        assert ended[0] is TaskState.SUCCESS, ended[1]

    def _ended(self, task: str) -> tuple[TaskState, object] | None:
        snapshot = read_task(self.session, task)
        assert snapshot
        return (snapshot.state, snapshot.fault) if snapshot.ended else None

    def vm(self, moref: str) -> VimObject:
        return self.session.moref("VirtualMachine", moref)

    def datastore(self, moref: str) -> VimObject:
        return self.session.moref("Datastore", moref)

    # -- virtual machines --------------------------------------------------------------------------------------------

    def begin_relocation(self, vm: str, datastore: str) -> str:
        return self.begin(
            lambda _: self.vm(vm).RelocateVM_Task(vim.vm.RelocateSpec(datastore=self.datastore(datastore)))
        )

    def relocate(self, vm: str, datastore: str) -> None:
        self.do(lambda _: self.vm(vm).RelocateVM_Task(vim.vm.RelocateSpec(datastore=self.datastore(datastore))))

    def destroy(self, vm: str) -> None:
        self.do(lambda _: self.vm(vm).Destroy_Task())

    def power_on(self, vm: str) -> None:
        self.do(lambda _: self.vm(vm).PowerOnVM_Task())

    def power_off(self, vm: str) -> None:
        self.do(lambda _: self.vm(vm).PowerOffVM_Task())

    def suspend(self, vm: str) -> None:
        self.do(lambda _: self.vm(vm).SuspendVM_Task())

    def make_template(self, vm: str) -> None:
        self.session.call(lambda _: self.vm(vm).MarkAsTemplate())

    def register_anew(self, vm: str) -> None:
        """Take a VM out of the inventory and put it back: it gets another reference."""
        self.register(self.unregister(vm))

    def unregister(self, vm: str) -> Callable[[VimObject], VimObject]:
        """Take a VM out of the inventory; return what puts it back."""
        seen, machine = read_vm(self.session, vm), self.vm(vm)
        folder, pool, host = self.session.call(lambda _: (machine.parent, machine.resourcePool, machine.runtime.host))
        self.session.call(lambda _: machine.UnregisterVM())
        return lambda _: folder.RegisterVM_Task(
            path=seen.vm_path_name, name=seen.name, asTemplate=False, pool=pool, host=host
        )

    def register(self, how: Callable[[VimObject], VimObject]) -> None:
        self.do(how)

    # -- disks -------------------------------------------------------------------------------------------------------

    def detach(self, vm: str, key: int) -> None:
        """Take a disk from a VM and keep its file."""
        self._change(vm, vim.vm.device.VirtualDeviceSpec.Operation.remove, vim.vm.device.VirtualDisk(key=key))

    def attach(self, vm: str, path: str, *, key: int, unit: int) -> None:
        """Give a VM a disk that exists."""
        controller = self.session.call(
            lambda _: next(
                device.key
                for device in self.vm(vm).config.hardware.device
                if isinstance(device, vim.vm.device.VirtualSCSIController)
            )
        )
        backing = vim.vm.device.VirtualDisk.FlatVer2BackingInfo(fileName=path, diskMode="persistent")
        disk = vim.vm.device.VirtualDisk(
            key=key, controllerKey=controller, unitNumber=unit, backing=backing, capacityInKB=0
        )
        self._change(vm, vim.vm.device.VirtualDeviceSpec.Operation.add, disk)

    def delete_disk(self, path: str) -> None:
        self.do(lambda content: content.virtualDiskManager.DeleteVirtualDisk_Task(path, self._datacenter(content)))

    def move_disk(self, source: str, target: str) -> None:
        folder = target.rpartition("/")[0]
        self.session.call(
            lambda content: content.fileManager.MakeDirectory(
                name=folder, datacenter=self._datacenter(content), createParentDirectories=True
            )
        )
        self.do(
            lambda content: content.virtualDiskManager.MoveVirtualDisk_Task(
                source, self._datacenter(content), target, self._datacenter(content)
            )
        )

    def copy_disk(self, source: str, target: str) -> None:
        self.do(
            lambda content: content.virtualDiskManager.CopyVirtualDisk_Task(
                source, self._datacenter(content), target, self._datacenter(content)
            )
        )

    def make_folder(self, path: str) -> None:
        self.session.call(
            lambda content: content.fileManager.MakeDirectory(
                name=path, datacenter=self._datacenter(content), createParentDirectories=True
            )
        )

    # -- datastores --------------------------------------------------------------------------------------------------

    def rename_datastore(self, datastore: str, name: str) -> None:
        self.do(lambda _: self.datastore(datastore).Rename_Task(name))

    def _change(self, vm: str, operation: str, device: VimObject) -> None:
        change = vim.vm.device.VirtualDeviceSpec(operation=operation, device=device)
        self.do(lambda _: self.vm(vm).ReconfigVM_Task(vim.vm.ConfigSpec(deviceChange=[change])))

    @staticmethod
    def _datacenter(content: VimObject) -> VimObject:
        return content.rootFolder.childEntity[0]
