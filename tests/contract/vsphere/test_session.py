"""Logging in, trusting a certificate, and networks that break."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from app.vsphere.errors import CertificateRefused, ReplyLost, VCenterLoginFailed, VCenterUnreachable
from app.vsphere.facts import VirtualMachine
from app.vsphere.inventory import read_vm
from app.vsphere.session import Session, about
from app.vsphere.tls import fetch_thumbprint

if TYPE_CHECKING:
    from tests.contract.vsphere.conftest import VCenter, Wire

pytestmark = pytest.mark.contract

OTHER_THUMBPRINT = "00" * 32


@pytest.fixture
def wired(vcenter: VCenter, wire: Wire) -> Iterator[Session]:
    """A session whose network the test can break; it is pinned, so the relay's port does not matter."""
    session = Session(vcenter.but(url=f"https://127.0.0.1:{wire.port}/sdk"), timeout_seconds=5)
    yield session
    wire.hold.clear()
    session.close()


def times_started(session: Session, vm: VirtualMachine) -> int:
    """How many tasks vCenter remembers of a VM."""
    return len(session.call(lambda _: session.moref("VirtualMachine", vm.moref).recentTask))


def test_login_tells_which_vcenter_it_is(session: Session) -> None:
    told = about(session)
    assert told.api_version
    assert told.instance_uuid
    assert "vCenter" in told.name


def test_a_wrong_password_is_refused_and_not_repeated(vcenter: VCenter) -> None:
    session = Session(vcenter.but(password=SecretStr("not this one")), timeout_seconds=30)
    with pytest.raises(VCenterLoginFailed, match="'tester'") as refused:
        about(session)
    assert "not this one" not in str(refused.value)
    session.close()


def test_the_thumbprint_to_pin_can_be_fetched(vcenter: VCenter) -> None:
    assert fetch_thumbprint(vcenter.endpoint.url) == vcenter.endpoint.thumbprint


def test_another_certificate_than_the_pinned_one_is_refused_every_time(vcenter: VCenter) -> None:
    session = Session(vcenter.but(thumbprint=OTHER_THUMBPRINT), timeout_seconds=30)
    for _ in range(2):  # pyVmomi's own check is off from the second connection on
        with pytest.raises(CertificateRefused, match=OTHER_THUMBPRINT) as refused:
            about(session)
        assert refused.value.seen == vcenter.endpoint.thumbprint
    session.close()


def test_a_certificate_that_nobody_vouches_for_is_refused_with_its_thumbprint(vcenter: VCenter) -> None:
    session = Session(vcenter.but(thumbprint=None), timeout_seconds=30)
    with pytest.raises(CertificateRefused, match="not trusted") as refused:
        about(session)
    assert refused.value.seen == vcenter.endpoint.thumbprint
    session.close()


def test_whoever_says_insecure_trusts_any_certificate(vcenter: VCenter) -> None:
    session = Session(vcenter.but(thumbprint=None, insecure=True), timeout_seconds=30)
    assert about(session).instance_uuid
    session.close()


def test_nobody_there_is_unreachable(vcenter: VCenter) -> None:
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))  # taken, and nobody listens
        address = f"127.0.0.1:{reserved.getsockname()[1]}"
        session = Session(vcenter.but(url=f"https://{address}"), timeout_seconds=30)
        with pytest.raises(VCenterUnreachable, match=address):
            about(session)


def test_a_lost_login_is_made_again(session: Session, machines: dict[str, VirtualMachine]) -> None:
    vm = machines["DC0_C0_RP0_VM0"]
    session.content.sessionManager.Logout()
    assert read_vm(session, vm.moref) == vm


def test_connections_that_broke_while_idle_do_not_show(wired: Session, wire: Wire) -> None:
    assert about(wired).instance_uuid
    wire.cut_all()
    assert wired.call(lambda content: content.sessionManager.currentSession.userName) is not None


def test_an_answer_that_is_lost_is_asked_for_again(
    wired: Session, wire: Wire, machines: dict[str, VirtualMachine]
) -> None:
    vm = machines["DC0_C0_RP0_VM0"]
    assert about(wired).instance_uuid
    wire.cut_next_answer.set()
    assert read_vm(wired, vm.moref) == vm
    assert not wire.cut_next_answer.is_set()


def test_what_starts_a_task_is_sent_once_though_its_answer_is_lost(
    wired: Session, wire: Wire, session: Session, machines: dict[str, VirtualMachine]
) -> None:
    vm = machines["DC0_C0_RP0_VM1"]
    before = times_started(session, vm)
    assert about(wired).instance_uuid
    wire.cut_next_answer.set()
    with pytest.raises(ReplyLost, match="no answer could be read"):
        wired.call(lambda _: wired.moref("VirtualMachine", vm.moref).PowerOnVM_Task(), idempotent=False)
    assert times_started(session, vm) == before + 1


def test_a_vcenter_that_falls_silent_is_not_waited_for_for_ever(vcenter: VCenter, wire: Wire) -> None:
    session = Session(vcenter.but(url=f"https://127.0.0.1:{wire.port}"), timeout_seconds=0.5)
    assert about(session).instance_uuid
    wire.hold.set()
    with pytest.raises(VCenterUnreachable, match="timed out"):
        session.call(lambda content: content.sessionManager.currentSession)
    session.close()
