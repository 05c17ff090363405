"""OpenStack's client of vSphere and VMware's own, logged in to the vCenter that is judged."""

from __future__ import annotations

import ssl
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pyVim.connect import Disconnect, SmartConnect
from pyVmomi import vim

from tests.contract.clients.wsdl import described
from tests.running.vcenter import RunningVCenter

with warnings.catch_warnings():
    # What oslo.vmware imports warns of itself: its timers are eventlet's, and oslo.service tells that they are.
    warnings.filterwarnings("ignore", message=r"\s*Eventlet is deprecated")
    warnings.filterwarnings("ignore", message="eventletutils module is deprecated", category=DeprecationWarning)
    warnings.filterwarnings(
        "ignore", message="The 'oslo_service.eventlet_backdoor' module", category=DeprecationWarning
    )
    from oslo_service.loopingcall import RetryDecorator
    from oslo_vmware.api import VMwareAPISession

POLL_SECONDS = 0.05
METHODS = [
    "RetrieveServiceContent",
    "Login",
    "Logout",
    "SessionIsActive",
    "TerminateSession",
    "CreateContainerView",
    "DestroyView",
    "RetrievePropertiesEx",
    "ContinueRetrievePropertiesEx",
    "CancelRetrievePropertiesEx",
    "FindByInventoryPath",
    "FindByUuid",
    "RelocateVM_Task",
    "PowerOnVM_Task",
    "CancelTask",
    "MakeDirectory",
    "CreateVirtualDisk_Task",
    "CopyVirtualDisk_Task",
    "DeleteVirtualDisk_Task",
    "MoveDatastoreFile_Task",
    "SearchDatastore_Task",
]
TYPES = [
    # The types of properties that the tests read.
    "TaskInfo",
    "VirtualMachineFileInfo",
    "DatastoreSummary",
    "VirtualMachinePowerState",
    "HostDatastoreBrowserSearchResults",
    # What stands in the place of what it is derived from.
    "TraversalSpec",
    "FileBackedVirtualDiskSpec",
    "TaskReasonUser",
    "NotAuthenticated",
    "InvalidPowerState",
    "FileAlreadyExists",
    "NoDiskSpace",
    "RequestCanceled",
    "NotSupported",
    "InvalidLogin",
    "InsufficientStorageSpace",
]


@pytest.fixture(scope="session")
def wsdl(tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("wsdl") / "vimService.wsdl"
    path.write_bytes(described(METHODS, TYPES))
    return path.as_uri()


Open = Callable[..., VMwareAPISession]


@pytest.fixture
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let oslo.vmware repeat a call at once: that it waits 10 s before is its own affair."""
    first, _pause_seconds, *rest = RetryDecorator.__init__.__defaults__
    monkeypatch.setattr(RetryDecorator.__init__, "__defaults__", (first, 0, *rest))


@pytest.fixture
def open_session(vcenter: RunningVCenter, certificate: Path, wsdl: str) -> Iterator[Open]:
    """Open sessions of oslo.vmware, which are logged out at the end."""
    opened: list[VMwareAPISession] = []

    def opening(password: str = vcenter.password) -> VMwareAPISession:
        url = urlsplit(vcenter.url)
        session = VMwareAPISession(
            host=url.hostname,
            port=url.port,
            server_username=vcenter.username,
            server_password=password,
            api_retry_count=3,
            task_poll_interval=POLL_SECONDS,
            wsdl_loc=wsdl,
            cacert=str(certificate),
        )
        opened.append(session)
        return session

    yield opening
    for session in opened:
        session.logout()
        session.vim.client.options.transport.session.close()


@pytest.fixture
def oslo(open_session: Open) -> VMwareAPISession:
    return open_session()


@pytest.fixture
def content(vcenter: RunningVCenter, certificate: Path) -> Iterator[Any]:
    """What pyVmomi gets of the vCenter first."""
    url = urlsplit(vcenter.url)
    instance = SmartConnect(
        host=url.hostname,
        port=url.port,
        user=vcenter.username,
        pwd=vcenter.password,
        sslContext=ssl.create_default_context(cafile=str(certificate)),
    )
    yield instance.RetrieveContent()
    disconnect(instance)


def disconnect(instance: Any) -> None:  # noqa: ANN401  # pyVmomi has no types
    """Log out and close the connections, which pyVmomi keeps for a next login."""
    Disconnect(instance)
    instance._stub.DropConnections()


Find = Callable[[str], Any]


@pytest.fixture
def find(content: Any) -> Find:  # noqa: ANN401  # pyVmomi has no types
    """Find an object by its inventory path below dc1, such as vm/vm-01."""

    def found(path: str) -> Any:  # noqa: ANN401
        thing = content.searchIndex.FindByInventoryPath(f"dc1/{path}")
        assert thing is not None, path
        return thing

    return found


@pytest.fixture
def datacenter(content: Any) -> vim.Datacenter:  # noqa: ANN401  # pyVmomi has no types
    only: vim.Datacenter = content.rootFolder.childEntity[0]
    return only
