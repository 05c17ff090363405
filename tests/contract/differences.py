"""Where plain vcsim (govmomi v0.55.1) does something else than a vCenter does: the tests that it fails, and why.

This list is the only place of exceptions. It is checked from both sides: a test listed here must fail on plain vcsim
(conftest.py), and docs/simulator-fidelity.md shows the list word by word (test_differences.py).
"""

from __future__ import annotations

import re
from typing import NamedTuple


class Difference(NamedTuple):
    """What is asked, and what plain vcsim does instead of what a vCenter does."""

    asked: str
    instead: str
    raises: type[Exception] = AssertionError
    """How the test fails: a client that cannot read the answer says so in its own way."""
    is_fatal: bool = False
    """The process ends by it, and with it the tests after it: it is not asked, so this one is believed."""


_NO_SPACE = "capacity is 1 TB for each host that mounts it, and only the sizes of files are taken from it"
_NO_MAINTENANCE = "datastores have no maintenance mode"
_NO_ENTITY = "`info.entity` of the task is no ManagedEntity: pyVmomi cannot read it"
_ENDLESS = (
    "ends the whole process: a TraversalSpec's `type` is ignored, so that it goes in circles until the stack is full "
    "(not run)"
)
_NO_CHAINS = "a snapshot leaves disks and files as they are"

PLAIN_DIFFERS: dict[str, Difference] = {
    # Relocation
    "govc/test_migrate.py::test_vm_migrate_takes_the_files_along": Difference(
        "`vm.migrate -ds`", "changes the VM's `datastore` alone: its files, paths and the space stay"
    ),
    "govc/test_migrate.py::test_vm_migrate_shows_its_progress": Difference(
        "`vm.migrate` with progress", "every task is over at once and has no progress"
    ),
    "govc/test_migrate.py::test_vm_migrate_where_there_is_no_room": Difference(
        "`vm.migrate -ds` to a full datastore", "succeeds"
    ),
    "govc/test_migrate.py::test_vm_migrate_of_a_template": Difference("`vm.migrate -ds` of a template", "succeeds"),
    "govc/test_migrate.py::test_vm_check_relocate_says_what_would_go_wrong": Difference(
        "`vm.check.relocate` of a template", "finds nothing wrong, whatever it is asked"
    ),
    "govc/test_tasks.py::test_a_migration_is_an_event": Difference(
        "`events` of a migration", "one `VmMigratedEvent`, as of a host, with the same datastore twice"
    ),
    # Snapshots and linked clones
    "govc/test_snapshot.py::test_a_snapshot_puts_a_delta_on_top_of_each_disk": Difference(
        "`snapshot.create`", _NO_CHAINS
    ),
    "govc/test_snapshot.py::test_vm_clone_linked": Difference("`vm.clone -link`", "makes a full clone"),
    "govc/test_snapshot.py::test_vm_clone_takes_the_space_of_what_it_copies": Difference(
        "`vm.clone`", "takes the whole capacity of a thin disk"
    ),
    "govc/test_snapshot.py::test_vm_migrate_takes_the_whole_chain": Difference(
        "`vm.migrate -ds` of a VM with a snapshot", _NO_CHAINS
    ),
    "govc/test_disks.py::test_datastore_disk_info_shows_the_chain": Difference(
        "`datastore.disk.info -c`", "there are no chains; a path that does not exist is answered as if it did"
    ),
    # Tasks
    "govc/test_tasks.py::test_task_cancel": Difference(
        "`task.cancel`", "every task is over before it can be cancelled"
    ),
    "govc/test_tasks.py::test_a_second_operation_on_a_vm_that_moves_is_refused": Difference(
        "a second `vm.migrate` meanwhile", "the first one is over already"
    ),
    "govc/test_tasks.py::test_a_task_names_its_target_and_who_began_it": Difference(
        "`tasks` after `vm.migrate`", "names targets by their references and `vcsim` as who began it"
    ),
    "govc/test_tasks.py::test_every_task_names_its_target_and_who_began_it": Difference(
        "`tasks` after `vm.power`", "names targets by their references and `vcsim` as who began it"
    ),
    "govc/test_virtual_machine.py::test_faults_are_told_in_words": Difference(
        "the text of a fault", "the name of a Go type, such as `*types.InvalidPowerState`"
    ),
    # Disks
    "govc/test_disks.py::test_datastore_disk_create_takes_the_space_of_its_type": Difference(
        "`datastore.disk.create -d eagerZeroedThick`", _NO_SPACE
    ),
    "govc/test_disks.py::test_datastore_disk_info_tells_the_uuid": Difference(
        "`datastore.disk.info -uuid`", "a UUID made of the path, not the one in the VM's configuration"
    ),
    "govc/test_disks.py::test_datastore_disk_create_with_a_uuid": Difference(
        "`datastore.disk.create -uuid`", "the UUID that is set is forgotten"
    ),
    "govc/test_disks.py::test_datastore_disk_inflate": Difference("`datastore.disk.inflate`", "does not implement it"),
    "govc/test_disks.py::test_a_registered_disk_has_its_true_size": Difference("`disk.register`", "the size is 0"),
    "govc/test_disks.py::test_disk_attach_and_detach": Difference(
        "`disk.attach`", "succeeds, and the VM has no such disk"
    ),
    # VMs
    "govc/test_virtual_machine.py::test_vm_create_on_a_datastore_that_is_too_small": Difference(
        "`vm.create` on a datastore that is too small", "succeeds"
    ),
    "govc/test_virtual_machine.py::test_an_attached_disk_has_its_true_size": Difference(
        "`vm.disk.attach`", "the size is 0"
    ),
    "govc/test_virtual_machine.py::test_a_registered_vm_has_its_disks_again": Difference(
        "`vm.register`", "the VM has no disks: nothing reads its vmx file"
    ),
    "govc/test_inventory.py::test_vm_layout_names_every_file": Difference(
        "`vm.info -json`, layoutEx", "a thin disk's extent has the disk's capacity"
    ),
    # Datastores
    "govc/test_inventory.py::test_datastore_info_tells_capacity_and_free_space": Difference(
        "`datastore.info`", _NO_SPACE
    ),
    "govc/test_cluster.py::test_cluster_usage_of_storage": Difference("`cluster.usage`, storage", _NO_SPACE),
    "govc/test_datastore_files.py::test_an_upload_takes_space": Difference("`datastore.upload`", _NO_SPACE),
    "govc/test_datastore_files.py::test_datastore_mv_keeps_a_disk_as_it_is": Difference(
        "`datastore.mv` of a VMDK", "gives it another UUID"
    ),
    "govc/test_datastore_files.py::test_the_disk_of_a_running_vm_is_locked": Difference(
        "`datastore.rm` of a running VM's disk", "deletes it"
    ),
    "govc/test_cluster.py::test_datastore_maintenance": Difference("`datastore.maintenance.enter`", _NO_MAINTENANCE),
    "govc/test_cluster.py::test_a_datastore_in_maintenance_takes_nothing": Difference(
        "`vm.migrate -ds` to a datastore in maintenance", _NO_MAINTENANCE
    ),
    "govc/test_cluster.py::test_datastore_cluster": Difference(
        "`datastore.cluster.info`", "a datastore cluster has no name, capacity and free space"
    ),
    "govc/test_cluster.py::test_a_datastore_leaves_its_cluster": Difference(
        "`object.mv` out of a datastore cluster", "NotSupported"
    ),
    "govc/test_cluster.py::test_storage_policy": Difference(
        "`storage.policy.info -s`", "every datastore complies with a policy of tags"
    ),
    "govc/test_tags.py::test_a_category_that_allows_one_tag_allows_one": Difference(
        "`tags.attach` of a second tag of a category that allows one", "attaches it"
    ),
    # Our own client of /folder
    "vsphere/test_datastore_files.py::test_an_upload_goes_on_where_it_broke_off": Difference(
        "`PUT /folder/…` with `Content-Range`", "takes the part for the whole file"
    ),
    "vsphere/test_datastore_files.py::test_a_file_is_deleted": Difference(
        "`DELETE /folder/…`", "answers 200 and leaves the file"
    ),
    # oslo.vmware and pyVmomi
    "clients/test_oslo_vmware.py::test_objects_are_read_page_by_page": Difference(
        "`get_objects` of oslo.vmware", _ENDLESS, is_fatal=True
    ),
    "clients/test_oslo_vmware.py::test_a_retrieval_can_be_given_up": Difference(
        "`get_objects`, then `cancel_retrieval`", _ENDLESS, is_fatal=True
    ),
    "clients/test_oslo_vmware.py::test_a_task_that_takes_its_time_is_polled": Difference(
        "`RelocateVM_Task`, polled", "every task is over at once"
    ),
    "clients/test_oslo_vmware.py::test_cancel": Difference("`CancelTask`", "every task is over at once"),
    "clients/test_pyvmomi.py::test_progress_and_cancel": Difference(
        "`info.progress`, `info.cancelable`, `CancelTask`", "every task is over at once and cannot be cancelled"
    ),
    "clients/test_pyvmomi.py::test_updates_are_waited_for": Difference(
        "`WaitForUpdatesEx`", "every version is `-`: a client cannot ask again for what got lost"
    ),
    "clients/test_pyvmomi.py::test_relocate_and_wait_for_its_task": Difference(
        "`RelocateVM_Task`, then the target's `vm`", "the datastore does not list the VM"
    ),
    "clients/test_pyvmomi.py::test_disk_locators_say_where_each_disk_goes": Difference(
        "`RelocateVM_Task` with disk locators", "the locators are ignored"
    ),
    "clients/test_pyvmomi.py::test_task_history": Difference(
        "`TaskHistoryCollector`", "relocations are `VirtualMachine.relocateVm`, not `VirtualMachine.relocate`"
    ),
    "clients/test_pyvmomi.py::test_file_manager": Difference("`MoveDatastoreFile_Task`", _NO_ENTITY, TypeError),
    "clients/test_pyvmomi.py::test_virtual_disk_manager": Difference("`CreateVirtualDisk_Task`", _NO_ENTITY, TypeError),
    "clients/test_pyvmomi.py::test_first_class_disks": Difference("`CreateDisk_Task`", _NO_ENTITY, TypeError),
    "clients/test_pyvmomi.py::test_first_class_disks_move": Difference(
        "`RelocateVStorageObject_Task`", f"does not implement it, and {_NO_ENTITY}", TypeError
    ),
}


def key_of(nodeid: str) -> str | None:
    """Return how a test of plain vcsim is listed here, such as govc/test_disks.py::test_disk_register; else None."""
    found = re.fullmatch(r"tests/contract/(\w+/\w+\.py::\w+)\[plain\]", nodeid)
    return found[1] if found else None


def as_table() -> str:
    """Return the list as the table of docs/simulator-fidelity.md."""
    rows = [f"| {of.asked} | {of.instead} | `{key}` |" for key, of in PLAIN_DIFFERS.items()]
    return "\n".join(["| asked | plain vcsim | test |", "|---|---|---|", *rows])


if __name__ == "__main__":
    print(as_table())  # noqa: T201  # what the page is to show
