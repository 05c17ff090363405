"""A VM's path may name a datastore that its own list does not have yet: then all of the datacenter are read."""

from __future__ import annotations

from xml.etree import ElementTree as ET

import pytest
from pydantic import SecretStr

from app.vsphere import inventory
from app.vsphere.answers import Found, Node, Objects
from app.vsphere.errors import ManagedObjectGone
from app.vsphere.session import Endpoint, Session

pytestmark = pytest.mark.unit


def session() -> Session:
    """A session that is never used."""
    return Session(Endpoint(url="https://vc.example.org", username="user", password=SecretStr("pass")), 60)


def datastore(name: str) -> Found:
    summary = Node(ET.fromstring(f'<summary xmlns="urn:vim25"><name>{name}</name></summary>'))  # noqa: S314  # our own text
    return Found("Datastore", {"parent": "datacenter-1", "summary": summary})


class Answers:
    """vCenter's answers: a VM with its own datastores, and with its datacenter's if these are asked for."""

    def __init__(self, path: str | None) -> None:
        self.calls = 0
        self._own: Objects = {
            "datacenter-1": Found("Datacenter", {"name": "dc"}),
            "vm-1": Found(
                "VirtualMachine",
                {
                    "name": "app",
                    "parent": "datacenter-1",
                    "datastore": ["datastore-1"],
                    "config.files.vmPathName": path,
                },
            ),
            "datastore-1": datastore("old"),
        }

    def read(self, _session: Session, _roots: object, _specs: object, *, select: list[object]) -> Objects:
        self.calls += 1
        asked = "".join(str(it) for it in select)
        return self._own | ({"datastore-2": datastore("new")} if "type = vim.Datacenter" in asked else {})


@pytest.mark.parametrize(
    ("path", "home", "calls"),
    [
        ("[old] app/app.vmx", "datastore-1", 1),
        ("[new] app/app.vmx", "datastore-2", 2),
        ("[gone] app/app.vmx", None, 2),
        (None, None, 1),
    ],
)
def test_the_datacenters_datastores_are_read_where_the_vms_own_do_not_have_its_home(
    monkeypatch: pytest.MonkeyPatch, path: str | None, home: str | None, calls: int
) -> None:
    answers = Answers(path)
    monkeypatch.setattr(inventory, "read", answers.read)
    vm = inventory.read_vm(session(), "vm-1")
    assert (vm.home_datastore_moref, answers.calls) == (home, calls)


def test_a_vm_that_is_not_there_is_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inventory, "read", Answers("[old] app/app.vmx").read)
    with pytest.raises(ManagedObjectGone):
        inventory.read_vm(session(), "vm-2")
