"""SOAP by hand: a client that costs next to nothing, so that what is measured is the vCenter and not the client."""

from __future__ import annotations

import http.client
import re
import ssl
import threading
import time
from datetime import datetime

from pydantic import SecretStr

from app.vsphere.endpoint import Endpoint
from app.vsphere.pyvmomi import vim, vmodl
from tests.running.vcenter import RunningVCenter

_ENVELOPE = (
    '<?xml version="1.0" encoding="UTF-8"?><Envelope xmlns="http://schemas.xmlsoap.org/soap/envelope/" '
    'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"><Body>{body}</Body></Envelope>'
)
_WAIT = (
    '<WaitForUpdatesEx xmlns="urn:vim25"><_this type="PropertyCollector">{collector}</_this>'
    "<version>{version}</version><options><maxWaitSeconds>30</maxWaitSeconds></options></WaitForUpdatesEx>"
)
_READ = (
    '<RetrievePropertiesEx xmlns="urn:vim25"><_this type="PropertyCollector">propertyCollector</_this><specSet>'
    "<propSet><type>VirtualMachine</type><pathSet>name</pathSet><pathSet>datastore</pathSet></propSet>"
    '<objectSet><obj type="VirtualMachine">{machine}</obj></objectSet></specSet>'
    "<options></options></RetrievePropertiesEx>"
)
_LOGIN = (
    '<Login xmlns="urn:vim25"><_this type="SessionManager">SessionManager</_this><userName>{username}</userName>'
    "<password>{password}</password></Login>"
)
_COMPLETED = re.compile(rb"<name>info\.completeTime</name><op>assign</op><val[^>]*>([^<]+)</val>")
READ_EVERY_SECONDS = 1.0


def unverified() -> ssl.SSLContext:
    """Return TLS that trusts whoever answers: on loopback, our own process."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def address(vcenter: RunningVCenter) -> tuple[str, int]:
    """Return where the vCenter answers: host and port."""
    endpoint = Endpoint(vcenter.url, vcenter.username, SecretStr(vcenter.password), vcenter.thumbprint)
    return endpoint.host, endpoint.port


class Connection:
    """One connection with one session."""

    def __init__(self, vcenter: RunningVCenter, cookie: str = "") -> None:
        host, port = address(vcenter)
        context = unverified()
        self._http = http.client.HTTPSConnection(host, port, context=context, timeout=120)
        self._cookie = cookie
        if not cookie:
            self.call(_LOGIN.format(username=vcenter.username, password=vcenter.password))

    def call(self, body: str) -> bytes:
        """Return the answer's text.

        Raises:
            RuntimeError: The vCenter answered with a fault.
        """
        headers = {"Content-Type": "text/xml; charset=utf-8", "SOAPAction": "urn:vim25/8.0.0.1"}
        if self._cookie:
            headers["Cookie"] = self._cookie
        self._http.request("POST", "/sdk", _ENVELOPE.format(body=body), headers)
        answer = self._http.getresponse()
        text = answer.read()
        if answer.status != http.HTTPStatus.OK:
            raise RuntimeError(text.decode()[:500])
        if cookie := answer.getheader("Set-Cookie"):
            self._cookie = cookie.split(";")[0]
        return text


class Waiter:
    """One filter over many tasks, in the session of `service`."""

    def __init__(self, vcenter: RunningVCenter, service: vim.ServiceInstance, tasks: list[vim.Task]) -> None:
        content = service.RetrieveContent()
        collector = content.propertyCollector
        view = content.viewManager.CreateListView(tasks)
        query = vmodl.query.PropertyCollector
        members = query.TraversalSpec(name="members", path="view", skip=False, type=vim.view.ListView)
        paths = ["info.state", "info.progress", "info.completeTime"]
        collector.CreateFilter(
            query.FilterSpec(
                objectSet=[query.ObjectSpec(obj=view, skip=True, selectSet=[members])],
                propSet=[query.PropertySpec(type=vim.Task, pathSet=paths)],
            ),
            partialUpdates=True,
        )
        self._collector = collector._moId
        self._connection = Connection(vcenter, service._stub.cookie.split(";")[0])
        self.answers = 0
        self.updates = 0

    def until_ended(self, tasks: int) -> list[tuple[float, float]]:
        """Wait for so many ends; return when each was, by the vCenter, and when it was known here."""
        version = ""
        ends: list[tuple[float, float]] = []
        while len(ends) < tasks:
            answer = self._connection.call(_WAIT.format(collector=self._collector, version=version))
            arrived = time.time()
            self.answers += 1
            self.updates += answer.count(b"<objectSet>")
            if found := re.search(rb"<version>([^<]*)</version>", answer):
                version = found[1].decode()
            ends += [(datetime.fromisoformat(at.decode()).timestamp(), arrived) for at in _COMPLETED.findall(answer)]
        return ends


def read_names(vcenter: RunningVCenter, machine: vim.VirtualMachine, stop: threading.Event) -> list[float]:
    """Read a VM in a session of its own, about once a second; return how many seconds each read took."""
    connection = Connection(vcenter)
    took = []
    while not stop.wait(READ_EVERY_SECONDS):
        began = time.monotonic()
        connection.call(_READ.format(machine=machine._moId))
        took.append(time.monotonic() - began)
    return took
