"""A session with a vCenter: logged in when first used, logged in again when it was lost.

Idle sessions end after about half an hour (NotAuthenticated), and a vCenter that restarts forgets them all; what it
was asked to do goes on without them. So a session is nothing to guard: each call gets one that works.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeVar
from uuid import UUID

from pyVmomi.VmomiSupport import GuessWsdlType

from app.settings import settings
from app.vsphere.endpoint import Endpoint
from app.vsphere.errors import ManagedObjectGone, ReplyLost, VCenterFault, VCenterLoginFailed, VCenterUnreachable
from app.vsphere.facts import About
from app.vsphere.faults import classify
from app.vsphere.pyvmomi import VimObject, vim, vmodl
from app.vsphere.soap import CONNECTION_LOST, NO_ANSWER, UNREADABLE, soap_stub
from app.vsphere.tls import fetch_thumbprint

__all__ = ["Endpoint", "Session", "about", "close_all", "fetch_thumbprint", "session_for"]

T = TypeVar("T")


@dataclass(frozen=True)
class _Login:
    """One login: its cookie lives in the stub, and everything reached through `content` uses it."""

    stub: VimObject
    content: VimObject


REFUSED_LOGIN_PAUSE_SECONDS = 30
"""A refused login is not tried again for so long: hundreds of waiting jobs must not get the account locked."""


class Session:
    """A session with the vCenter at `endpoint`, shared by all threads of a process.

    `timeout_seconds` bounds each wait for the network, not a whole call. Nothing connects before the first call.
    Every method raises `VCenterUnreachable`, `CertificateRefused` or `VCenterLoginFailed` when there is no way in.
    """

    def __init__(self, endpoint: Endpoint, timeout_seconds: float) -> None:
        self.endpoint = endpoint
        self.timeout_seconds = timeout_seconds
        self._login: _Login | None = None
        self._refusal: VCenterLoginFailed | None = None
        self._refused_at = -math.inf
        self._login_lock = threading.Lock()
        self._closed = False

    @property
    def content(self) -> VimObject:
        """The vCenter's ServiceContent, logged in."""
        return self._current().content

    def moref(self, kind: str, value: str) -> VimObject:
        """Return the managed object of type `kind` (`VirtualMachine`) and reference `value` (`vm-42`).

        It belongs to the present login: ask for it inside the function given to `call`, and do not keep it.
        """
        managed_object: VimObject = GuessWsdlType(kind)  # type: ignore[no-untyped-call]  # pyVmomi leaves it untyped
        return managed_object(value, self._current().stub)

    def call(self, ask: Callable[[VimObject], T], *, idempotent: bool = True) -> T:
        """Run `ask(content)` and return what it returns; with a lost session, log in and run it once more.

        With `idempotent=False`, for calls that start something, a connection that breaks after the request was sent,
        or an answer that cannot be read, raises `ReplyLost`, and nothing is sent again. (A refusal for want of a login
        is: it started nothing.)

        Raises `ManagedObjectGone` or `VCenterFault` when vCenter refuses, `VCenterUnreachable` when it does not answer
        within `timeout_seconds`, or breaks the connection twice.
        """
        login = self._current()
        may_log_in, may_send_again = True, idempotent
        while True:
            try:
                with _refusals_in_our_words():
                    return ask(login.content)
            except vim.fault.NotAuthenticated as fault:
                if not may_log_in:
                    raise VCenterLoginFailed(
                        f"the vCenter at {self.endpoint.host} forgets the session as soon as it is made"
                    ) from fault
                may_log_in = False
                login = self._renew(login)
            except NO_ANSWER as error:
                if not idempotent:
                    raise ReplyLost(
                        f"the vCenter at {self.endpoint.host} was asked, and no answer could be read: {_why(error)}"
                    ) from error
                if isinstance(error, UNREADABLE):
                    raise
                if not may_send_again or isinstance(error, TimeoutError):
                    raise self._no_answer(error) from error
                may_send_again = False

    def close(self) -> None:
        """Log out, if logged in, and refuse further calls. A vCenter that does not answer is not waited for."""
        with self._login_lock:
            self._closed = True
            login, self._login = self._login, None
        if login is not None:
            self._log_out(login)

    def _current(self) -> _Login:
        """Return the present login; log in if there is none."""
        login = self._login
        return login if login is not None else self._renew(None)

    def _renew(self, failed: _Login | None) -> _Login:
        """Log in, unless another thread has replaced the `failed` login meanwhile."""
        with self._login_lock:
            if self._closed:
                raise VCenterUnreachable(f"the session with the vCenter at {self.endpoint.host} was closed")
            if self._login is None or self._login is failed:
                if self._refusal is not None and time.monotonic() < self._refused_at + REFUSED_LOGIN_PAUSE_SECONDS:
                    raise VCenterLoginFailed(str(self._refusal))
                try:
                    # A new stub: an answer to somebody's request with the old cookie cannot overwrite the new one.
                    self._login = self._log_in()
                except VCenterLoginFailed as refused:
                    self._refusal, self._refused_at = refused, time.monotonic()
                    raise
                self._refusal = None
                if failed is not None:
                    # Connections that other threads are using are closed when they come back, and not kept.
                    failed.stub.poolSize = 0
                    failed.stub.DropConnections()
            return self._login

    def _log_in(self) -> _Login:
        stub = soap_stub(self.endpoint, self.timeout_seconds)
        try:
            content = vim.ServiceInstance("ServiceInstance", stub).RetrieveContent()
            content.sessionManager.Login(self.endpoint.username, self.endpoint.password.get_secret_value())
        except vim.fault.InvalidLogin:
            stub.DropConnections()
            # No cause: the request that it belongs to held the password.
            raise VCenterLoginFailed(
                f"the vCenter at {self.endpoint.host} refuses user {self.endpoint.username!r}: wrong name or password"
            ) from None
        except vmodl.MethodFault as fault:
            stub.DropConnections()
            info = classify(fault)
            raise VCenterLoginFailed(
                f"the vCenter at {self.endpoint.host} does not let {self.endpoint.username!r} in: "
                f"{info.message} ({info.name})"
            ) from None
        except CONNECTION_LOST as error:
            raise self._no_answer(error) from error
        return _Login(stub, content)

    def _log_out(self, login: _Login) -> None:
        try:
            login.content.sessionManager.Logout()
        except (vmodl.MethodFault, VCenterUnreachable, *CONNECTION_LOST):
            pass  # the session ends by itself
        finally:
            login.stub.DropConnections()

    def _no_answer(self, error: Exception) -> VCenterUnreachable:
        return VCenterUnreachable(f"the vCenter at {self.endpoint.host} does not answer: {_why(error)}")


def about(session: Session) -> About:
    """Return which vCenter this is: its product name, its versions, and the id that makes it unique."""
    told = session.call(lambda content: content.about)
    return About(
        name=told.name, version=told.version, api_version=told.apiVersion, instance_uuid=told.instanceUuid or ""
    )


_pool: dict[UUID, Session] = {}
_pool_lock = threading.Lock()


def session_for(key: UUID, endpoint: Endpoint, timeout_seconds: float | None = None) -> Session:
    """Return this process's session with the vCenter `key`; a changed `endpoint` closes the old one.

    `timeout_seconds` defaults to the setting `vcenter_call_timeout_seconds`.
    """
    with _pool_lock:
        session = _pool.get(key)
        if session is not None and session.endpoint == endpoint:
            return session
        replaced = session
        session = Session(endpoint, timeout_seconds or settings().vcenter_call_timeout_seconds)
        _pool[key] = session
    if replaced is not None:
        replaced.close()
    return session


def close_all() -> None:
    """Log out everywhere; for the end of a process."""
    with _pool_lock:
        sessions = list(_pool.values())
        _pool.clear()
    for session in sessions:
        session.close()


@contextmanager
def _refusals_in_our_words() -> Iterator[None]:
    """Turn vSphere's faults into our errors; all but the one that a new login mends."""
    try:
        yield
    except vim.fault.NotAuthenticated:
        raise
    except vmodl.MethodFault as fault:
        if isinstance(fault, vmodl.fault.ManagedObjectNotFound) and fault.obj is not None:
            kind, moref = type(fault.obj).__name__.rpartition(".")[2], fault.obj._moId  # noqa: SLF001  # no public name
            raise ManagedObjectGone(kind, moref) from fault
        raise VCenterFault(classify(fault)) from fault


def _why(error: Exception) -> str:
    return str(error) or type(error).__name__
