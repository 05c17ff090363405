"""What vCenter tells of VMs and disks beside their places is written down, for the checks to read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from uuid import UUID

import pytest
from sqlalchemy import text

from app.db import transaction
from app.inventory.devices import device_id, is_root
from app.inventory.models import VirtualMachine, Volume
from app.inventory.observe import observe_detached, observe_pools, observe_vm
from app.inventory.queries import Page, VolumeFilter, list_volumes
from app.inventory.space import needed_bytes
from app.inventory.vcenters import session_to
from app.vsphere.facts import DiskFormat, Inventory
from app.vsphere.inventory import disk_exists, read_datastores, read_vm
from app.vsphere.registration import find_vm_by_instance_uuid
from tests.integration import known
from tests.integration.in_turn import InTurn
from tests.integration.operating import Operator
from tests.running.faults import Faults
from tests.running.vcenter import RunningVCenter

pytestmark = pytest.mark.integration

MIB = 2**20


@pytest.mark.usefixtures("vcenter_id")
def test_of_a_vm() -> None:
    golden, clone = known.vm("golden").traits, known.vm("clone").traits
    assert golden.has_snapshots
    assert golden.change_tracking
    assert golden.consolidation_needed
    assert not golden.is_linked_clone
    assert (golden.iso_paths, golden.floppy_paths) == (("[new] iso/x.iso",), ("[new] x.flp",))
    assert golden.other_bytes
    assert clone.linked_to == ("[old] golden/golden.vmdk",)
    assert not clone.has_snapshots
    assert (known.vm("secret").traits.encrypted, golden.encrypted) == (True, False)
    assert golden.connection_state == "connected"


@pytest.mark.usefixtures("vcenter_id")
def test_of_a_disk() -> None:
    multi, raw = known.disks("shared")
    assert (multi.traits.multi_writer, multi.traits.shared_bus, multi.format) == (True, True, "eager")
    assert (multi.traits.controller, multi.traits.bus_number, multi.unit_number) == ("scsi", 0, 0)
    assert (raw.traits.is_raw_device, multi.traits.is_raw_device, needed_bytes(raw)) == (True, False, 0)
    [chained] = known.disks("golden")
    assert chained.traits.chain == ("[old] golden/golden.vmdk",)
    assert (chained.format, chained.thin, chained.traits.mode) == ("thin", True, "persistent")
    assert 24 * MIB <= needed_bytes(chained) < 25 * MIB
    assert known.disks("secret")[0].traits.encrypted


@pytest.mark.usefixtures("vcenter_id")
def test_root_is_the_same_disk_in_python_and_in_sql(unused: InTurn) -> None:
    vm = known.vm(unused.vm("eager"))
    with transaction() as session:
        views, _ = list_volumes(session, VolumeFilter(vm_id=vm.id), Page())
        roots, _ = list_volumes(session, VolumeFilter(vm_id=vm.id, root=True), Page())
    assert {view.volume.id: view.device_id for view in views} == {it.id: device_id(it, vm.volumes) for it in vm.volumes}
    assert [view.volume.id for view in roots] == [it.id for it in vm.volumes if is_root(it, vm.volumes)]
    assert device_id(known.volume("[old] loose/data-09.vmdk"), []) is None


def test_a_vm_of_which_vcenter_knows_nothing_now_keeps_what_was_known(
    shown: Inventory, take_in: Callable[[Inventory], None]
) -> None:
    before = known.vm("golden")
    silent = tuple(
        replace(
            vm,
            config_known=False,
            connection_state="disconnected",
            instance_uuid=None,
            disks=(),
            has_snapshots=False,
            cpu_count=None,
            memory_bytes=None,
        )
        if vm.name == "golden"
        else vm
        for vm in shown.virtual_machines
    )
    take_in(replace(shown, virtual_machines=silent))
    after = known.vm("golden")
    assert (after.traits.config_known, after.traits.connection_state) == (False, "disconnected")
    assert (after.traits.has_snapshots, after.traits.iso_paths) == (True, ("[new] iso/x.iso",))
    assert (after.instance_uuid, after.cpu_count) == (before.instance_uuid, before.cpu_count)
    take_in(shown)
    assert known.vm("golden").traits == before.traits


def test_a_disk_that_is_detached_stays_eagerly_zeroed(vcenter_id: UUID, operator: Operator, unused: InTurn) -> None:
    """The files alone do not tell lazily from eagerly zeroed."""
    name = unused.vm("eager")
    disk = known.disks(name)[0]
    assert disk.device_key
    operator.detach(known.vm(name).moref, disk.device_key)
    known.sync(vcenter_id)
    loose = known.volume_of_id(disk.id)
    assert (loose.vm_id, loose.format, loose.thin, loose.traits.backing_kind) == (None, "eager", False, "FlatVer2")
    assert (loose.traits.controller, loose.traits.bus_number) == (None, None)
    assert loose.physical_bytes == 64 * MIB


@pytest.mark.usefixtures("vcenter_id")
def test_rows_of_another_release_are_read() -> None:
    """An older one writes none, a newer one may write more."""
    with transaction() as session:
        session.execute(text("""UPDATE volume SET traits = '{"from_tomorrow": 1, "mode": "append"}'"""))
        session.execute(text("UPDATE virtual_machine SET traits = '{}'"))
    [disk] = known.disks("golden")
    assert (disk.traits.mode, disk.traits.chain) == ("append", ())
    assert not known.vm("golden").traits.has_snapshots


def test_a_vm_that_was_registered_anew_is_observed_under_its_new_reference(
    vcenter_id: UUID, operator: Operator, unused: InTurn
) -> None:
    name = unused.vm()
    vm, disks, vcenter = known.vm(name), known.disks(name), session_to(vcenter_id)
    operator.register_anew(vm.moref)
    moref = find_vm_by_instance_uuid(vcenter, vm.instance_uuid or "")
    assert moref
    seen = read_vm(vcenter, moref)
    with transaction() as session:
        observe_vm(session, session.get_one(VirtualMachine, vm.id), seen)
    after = known.vm(name)
    assert (after.id, after.moref, after.removed_at) == (vm.id, moref, None)
    assert [it.id for it in known.disks(name)] == [it.id for it in disks]
    known.sync(vcenter_id)
    assert (known.vm(name).id, known.vm(name).moref) == (vm.id, moref)


def test_a_row_that_was_made_for_the_new_reference_meanwhile_gives_way(
    shown: Inventory, take_in: Callable[[Inventory], None], unused: InTurn
) -> None:
    """The instance uuid was not told when that one was made."""
    name = unused.vm()
    vm = known.vm(name)
    seen = next(it for it in shown.virtual_machines if it.name == name)
    anew = replace(seen, moref="vm-anew", instance_uuid=None)
    take_in(replace(shown, virtual_machines=tuple(anew if it is seen else it for it in shown.virtual_machines)))
    assert known.vm(name).id != vm.id
    with transaction() as session:
        observe_vm(session, session.get_one(VirtualMachine, vm.id), replace(seen, moref="vm-anew"))
    assert (known.vm(name).id, known.vm(name).moref, known.vm(name).removed_at) == (vm.id, "vm-anew", None)


def test_a_detached_disk_is_observed_with_what_was_told_of_it(vcenter_id: UUID, unused: InTurn) -> None:
    volume = known.volume(unused.disk())
    with transaction() as session:
        row = session.get_one(Volume, volume.id)
        row.format, row.thin = "eager", False
    datacenter = read_datastores(session_to(vcenter_id), [known.pool("old").moref])[0].datacenter_moref
    found = disk_exists(session_to(vcenter_id), datacenter, volume.path)
    assert found
    for thin, told, expected in (
        (None, None, "eager"),
        (False, None, "eager"),
        (False, DiskFormat.THICK, "thick"),
        (True, DiskFormat.THIN, "thin"),
        (False, None, None),
    ):
        with transaction() as session:
            observe_detached(session, volume.id, known.pool("old"), replace(found, thin=thin, format=told))
        assert known.volume_of_id(volume.id).format == expected


def test_pools_are_observed_with_their_mounts(vcenter_id: UUID, simulated: RunningVCenter) -> None:
    faults, old = Faults(simulated), known.pool("old")
    assert all(mount.usable for mount in old.mounts)
    faults.cut("old")
    seen = read_datastores(session_to(vcenter_id), [old.moref])
    faults.mend("old")
    with transaction() as session:
        observe_pools(session, vcenter_id, seen)
    assert not known.pool("old").accessible
    assert not any(mount.usable for mount in known.pool("old").mounts)
    with transaction() as session:
        observe_pools(session, vcenter_id, [replace(seen[0], accessible=True, mounts=())])
    assert not any(mount.mounted for mount in known.pool("old").mounts)
