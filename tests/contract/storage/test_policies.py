"""Storage policies: which ones a VM and its disks have, and which datastores suit them."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.vsphere.facts import Inventory, VirtualMachine
from app.vsphere.policies import StoragePolicy, VmPolicies, _asked, pbm, policies_of, unsuitable
from app.vsphere.pyvmomi import VimObject, vim
from app.vsphere.session import Session
from app.vsphere.tasks import read_task
from tests.running.faults import Faults
from tests.running.vcenter import RunningVCenter
from tests.running.waiting import until

pytestmark = pytest.mark.contract

NOT_FOUND, DEADLINE_SECONDS = 404, 30
Policy = Callable[[str], StoragePolicy]


@pytest.fixture
def policy(session: Session) -> Policy:
    """Find a policy by its name, as an operator sees it."""

    def named(name: str) -> StoragePolicy:
        def ask(content: VimObject) -> StoragePolicy:
            of_storage = pbm.profile.ResourceType(resourceType="STORAGE")
            ids = content.profileManager.PbmQueryProfile(resourceType=of_storage)
            [found] = [it for it in content.profileManager.PbmRetrieveContent(ids) if it.name == name]
            return StoragePolicy(found.profileId.uniqueId, found.name)

        found = _asked(session, ask)
        assert found is not None
        return found

    return named


def reconfigure(session: Session, vm: str, spec: VimObject) -> None:
    task = session.call(lambda _: session.moref("VirtualMachine", vm).ReconfigVM_Task(spec)._moId)
    ended = until(
        lambda: told if (told := read_task(session, task)) and told.ended else None,
        DEADLINE_SECONDS,
        "the VM is changed",
    )
    assert ended.fault is None


def test_a_vm_without_policies_has_none(session: Session, machines: dict[str, VirtualMachine]) -> None:
    vm = machines["golden"]
    assert policies_of(session, vm.moref, [disk.key for disk in vm.disks]) == VmPolicies(home=None, disks={})


def test_the_policies_of_home_and_disks_are_told_apart(
    session: Session, machines: dict[str, VirtualMachine], policy: Policy, vcenter: RunningVCenter
) -> None:
    """Plain vcsim forgets which policy anything has."""
    vm, gold = machines["pinned"], policy("gold storage")
    none = policy("VVol No Requirements Policy")
    devices = session.call(lambda _: session.moref("VirtualMachine", vm.moref).config.hardware.device)
    second = next(device for device in devices if device.key == vm.disks[1].key)
    change = vim.vm.device.VirtualDeviceSpec(
        operation="edit", device=second, profile=[vim.vm.DefinedProfileSpec(profileId=gold.id)]
    )
    home = [vim.vm.DefinedProfileSpec(profileId=none.id)]
    reconfigure(session, vm.moref, vim.vm.ConfigSpec(vmProfile=home, deviceChange=[change]))
    told = policies_of(session, vm.moref, [disk.key for disk in vm.disks])
    expected = VmPolicies(home=none, disks={second.key: gold})
    assert told == (VmPolicies(home=None, disks={}) if vcenter.admin is None else expected)


def test_a_datastore_that_does_not_suit_a_policy_says_why(
    session: Session, inventory: Inventory, policy: Policy, vcenter: RunningVCenter
) -> None:
    """To plain vcsim every datastore suits every policy."""
    of_name = {datastore.name: datastore.moref for datastore in inventory.datastores}
    told = unsuitable(session, policy("gold storage").id, [of_name["ds-1"], of_name["gold"]])
    assert told is not None
    if vcenter.admin is None:
        assert told == {}
    else:
        assert set(told) == {of_name["ds-1"]}
        assert "vrelocate-storage" in told[of_name["ds-1"]]
    assert unsuitable(session, policy("gold storage").id, []) == {}


def test_a_vcenter_whose_policy_service_does_not_answer_is_no_trouble(
    session: Session, machines: dict[str, VirtualMachine], vcenter: RunningVCenter
) -> None:
    if vcenter.admin is None:
        assert unsuitable(session, "no such policy", ["datastore-987654"]) == {}
        return
    faults = Faults(vcenter)
    planted = faults.refuse_path("/pbm", NOT_FOUND, times="always")
    assert policies_of(session, machines["golden"].moref, [2000]) is None
    planted.lift()
    assert unsuitable(session, "no such policy", [machines["golden"].home_datastore_moref or ""]) is None
    assert policies_of(session, machines["golden"].moref, [2000]) is not None


def test_a_session_that_was_lost_is_made_again(
    session: Session, machines: dict[str, VirtualMachine], vcenter: RunningVCenter
) -> None:
    assert session.content
    if vcenter.admin is not None:
        Faults(vcenter).drop_sessions()
    assert policies_of(session, machines["golden"].moref, [2000]) == VmPolicies(home=None, disks={})
