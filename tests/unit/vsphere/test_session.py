"""When a call is sent again, when it never is, and what its failure is called."""

from __future__ import annotations

import threading
from http.client import RemoteDisconnected
from types import SimpleNamespace
from uuid import uuid4

import pytest
from pydantic import SecretStr
from pyVmomi import vim, vmodl

from app.vsphere.endpoint import Endpoint
from app.vsphere.errors import ManagedObjectGone, ReplyLost, VCenterFault, VCenterLoginFailed, VCenterUnreachable
from app.vsphere.facts import FaultClass
from app.vsphere.session import REFUSED_LOGIN_PAUSE_SECONDS, Session, _Login, close_all, session_for

pytestmark = pytest.mark.unit


def endpoint(*, password: str = "pass") -> Endpoint:  # noqa: S107  # a test credential
    return Endpoint(url="https://vc.example.org", username="user", password=SecretStr(password))


class Answers:
    """A call that answers with these, one after another: an exception is raised, anything else returned."""

    def __init__(self, *answers: object) -> None:
        self.answers = list(answers)
        self.asked_with: list[object] = []

    def __call__(self, content: object) -> object:
        self.asked_with.append(content)
        answer = self.answers.pop(0)
        if isinstance(answer, BaseException):
            raise answer
        return answer


class SessionWithoutNetwork(Session):
    """Logs in by counting: the content of login number n is "content n"."""

    def __init__(self) -> None:
        super().__init__(endpoint(), 60)
        self.logins = 0

    def _log_in(self) -> _Login:
        self.logins += 1
        return _Login(stub=SimpleNamespace(DropConnections=lambda: None), content=f"content {self.logins}")


@pytest.fixture
def session() -> SessionWithoutNetwork:
    return SessionWithoutNetwork()


def test_nothing_happens_before_the_first_call(session: SessionWithoutNetwork) -> None:
    assert session.logins == 0
    assert session.call(Answers("answer")) == "answer"
    assert session.call(Answers("another")) == "another"
    assert session.logins == 1


@pytest.mark.parametrize("idempotent", [True, False])
def test_a_forgotten_login_is_made_again_even_for_calls_that_start_something(
    session: SessionWithoutNetwork, *, idempotent: bool
) -> None:
    ask = Answers(vim.fault.NotAuthenticated(), "answer")
    assert session.call(ask, idempotent=idempotent) == "answer"
    assert ask.asked_with == ["content 1", "content 2"]


def test_a_login_that_is_forgotten_at_once_is_no_endless_loop(session: SessionWithoutNetwork) -> None:
    with pytest.raises(VCenterLoginFailed, match="forgets the session"):
        session.call(Answers(vim.fault.NotAuthenticated(), vim.fault.NotAuthenticated()))


def test_a_refused_login_is_not_repeated_until_a_pause_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    class Refused(SessionWithoutNetwork):
        def _log_in(self) -> _Login:
            login = super()._log_in()
            if self.logins == 1:
                raise VCenterLoginFailed("wrong name or password")
            return login

    now = 1000.0
    monkeypatch.setattr("app.vsphere.session.time.monotonic", lambda: now)
    session = Refused()
    for _ in range(3):
        with pytest.raises(VCenterLoginFailed, match="wrong name or password"):
            session.call(Answers("never asked"))
    assert session.logins == 1

    now += REFUSED_LOGIN_PAUSE_SECONDS
    assert session.call(Answers("answer")) == "answer"
    assert session.logins == 2


def test_a_broken_connection_is_tried_once_more(session: SessionWithoutNetwork) -> None:
    assert session.call(Answers(RemoteDisconnected(), "answer")) == "answer"
    with pytest.raises(VCenterUnreachable, match="second time"):
        session.call(Answers(RemoteDisconnected("first time"), ConnectionResetError("second time")))


def test_a_restarted_vcenter_breaks_the_connection_and_forgets_the_login(session: SessionWithoutNetwork) -> None:
    assert session.call(Answers(RemoteDisconnected(), vim.fault.NotAuthenticated(), "answer")) == "answer"
    assert session.logins == 2


@pytest.mark.parametrize(
    "error",
    [RemoteDisconnected("closed"), ConnectionResetError("reset"), TimeoutError("timed out"), KeyError("FutureFault")],
)
def test_what_starts_something_is_never_sent_twice(session: SessionWithoutNetwork, error: Exception) -> None:
    ask = Answers(error, "must not be reached")
    with pytest.raises(ReplyLost):
        session.call(ask, idempotent=False)
    assert len(ask.asked_with) == 1


def test_a_timeout_is_not_waited_for_twice(session: SessionWithoutNetwork) -> None:
    ask = Answers(TimeoutError("timed out"), "must not be reached")
    with pytest.raises(VCenterUnreachable, match="timed out"):
        session.call(ask)
    assert len(ask.asked_with) == 1


def test_a_removed_object_is_named(session: SessionWithoutNetwork) -> None:
    fault = vmodl.fault.ManagedObjectNotFound(obj=vim.VirtualMachine("vm-7"))
    with pytest.raises(ManagedObjectGone, match="VirtualMachine vm-7") as gone:
        session.call(Answers(fault))
    assert (gone.value.kind, gone.value.moref) == ("VirtualMachine", "vm-7")


def test_a_refusal_comes_with_its_class(session: SessionWithoutNetwork) -> None:
    with pytest.raises(VCenterFault, match="FileLocked") as refused:
        session.call(Answers(vim.fault.FileLocked(file="[ds] a.vmdk")))
    assert refused.value.fault.classification is FaultClass.RETRY


def test_threads_that_find_the_login_lost_make_one_together(session: SessionWithoutNetwork) -> None:
    session.call(Answers("logged in"))
    threads = 8
    all_refused = threading.Barrier(threads)

    def refused_once() -> None:
        def ask(content: object) -> object:
            if content == "content 1":
                all_refused.wait(timeout=10)
                raise vim.fault.NotAuthenticated
            return content

        seen.append(session.call(ask))

    seen: list[object] = []
    workers = [threading.Thread(target=refused_once) for _ in range(threads)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(timeout=10)
    assert seen == ["content 2"] * threads


def test_a_closed_session_stays_closed(session: SessionWithoutNetwork) -> None:
    session.close()
    with pytest.raises(VCenterUnreachable, match="closed"):
        session.call(Answers("must not be reached"))


def test_there_is_one_session_a_vcenter_until_its_endpoint_changes() -> None:
    key, other = uuid4(), uuid4()
    first = session_for(key, endpoint(), 5)
    assert session_for(key, endpoint(), 5) is first
    assert session_for(other, endpoint(), 5) is not first
    changed = session_for(key, endpoint(password="new password"), 5)
    assert changed is not first
    with pytest.raises(VCenterUnreachable, match="closed"):
        first.call(Answers("must not be reached"))
    close_all()
    assert session_for(key, endpoint(password="new password"), 5) is not changed
    close_all()
