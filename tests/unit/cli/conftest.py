"""A CloudStack endpoint in memory: the HTTP edge of the command line, and nothing behind it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl

import httpx
import pytest
from click.testing import Result
from typer.testing import CliRunner

from app.access.signature import verify
from app.cli import apiclient, main
from app.cli.connection import Connection

URL, KEY, SECRET = "http://api.example:8080/client/api", "key", "secret"

Answer = Callable[[dict[str, str]], dict[str, Any]]


class Refusal(Exception):
    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


class Endpoint:
    """Answers the commands that a test gives it; keeps every call, and insists on valid signatures."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.calls: list[dict[str, str]] = []
        self._looks: dict[str, list[dict[str, Any]]] = {}

    def lists(self, command: str, key: str, objects: list[dict[str, Any]]) -> None:
        """Let a list command narrow by id, name (a part of it, as for VMs) and where things are, and page."""

        def answer(given: dict[str, str]) -> dict[str, Any]:
            if "id" in given and all(it["id"] != given["id"] for it in objects):
                raise Refusal(431, f"invalid value {given['id']}")
            found = [
                it
                for it in objects
                if it["id"] == given.get("id", it["id"])
                and given.get("name", "") in it["name"]
                and all(it.get(key) == given.get(key, it.get(key)) for key in ("storageid", "virtualmachineid"))
            ]
            size, page = int(given["pagesize"]), int(given["page"])
            shown = found[size * (page - 1) : size * page]
            return {"count": len(found), key: shown} if found else {}

        self.answers[command] = answer

    @staticmethod
    def job(job_id: str, state: str = "running", **more: object) -> dict[str, Any]:
        """Return the content of a `queryAsyncJobResult` response."""
        status = {"succeeded": 1, "failed": 2, "cancelled": 2}.get(state, 0)
        content: dict[str, Any] = {
            "jobid": job_id,
            "cmd": "migrateVirtualMachine",
            "jobstatus": status,
            "jobresultcode": 0,
            "jobinstancetype": "VirtualMachine",
            "jobinstanceid": "vm-1",
            "state": state,
            "phase": "" if status else "relocating",
            "progress": 100 if state == "succeeded" else 40,
            "attempt": 1,
            "maxattempts": 5,
            "created": "2026-01-02T03:04:05+0000",
        }
        if state == "succeeded":
            disk = {
                "volume_id": "v1",
                "name": "d",
                "from": "a",
                "to": "b",
                "bytes": 2048,
                "seconds": 1,
                "verified": True,
            }
            content["jobresult"] = {"virtualmachine": {"id": "vm-1", "name": "app-01", "migrateddisks": [disk]}}
        elif status == 2:
            content |= {"jobresultcode": 530, "jobresult": {"errorcode": 530, "errortext": "it broke"}}
        return content | more

    def refuses(self, command: str, code: int, text: str) -> None:
        def answer(_given: dict[str, str]) -> dict[str, Any]:
            raise Refusal(code, text)

        self.answers[command] = answer

    def tells(self, job_id: str, *contents: dict[str, Any]) -> None:
        """Let `queryAsyncJobResult` tell of a job what happens to it, look by look; the last look stays."""
        self._looks[job_id] = list(contents)

        def answer(given: dict[str, str]) -> dict[str, Any]:
            if given["jobid"] not in self._looks:
                raise Refusal(431, f"no job {given['jobid']}")
            looks = self._looks[given["jobid"]]
            return looks.pop(0) if len(looks) > 1 else looks[0]

        self.answers["queryAsyncJobResult"] = answer

    def of(self, command: str) -> list[dict[str, str]]:
        return [call for call in self.calls if call["command"] == command]

    def __call__(self, request: httpx.Request) -> httpx.Response:
        given = dict(parse_qsl(request.content.decode(), keep_blank_values=True))
        assert request.method == "POST"
        assert not request.url.query, "keys and signatures do not belong into URLs"
        assert verify(given, SECRET, given["signature"])
        assert (given["apikey"], given["signatureversion"], given["response"]) == (KEY, "3", "json")
        self.calls.append(given)
        wrapper = given["command"].lower() + "response"
        try:
            return httpx.Response(200, json={wrapper: self.answers[given["command"]](given)})
        except Refusal as refusal:
            body = {"uuidList": [], "errorcode": refusal.code, "cserrorcode": 9999, "errortext": str(refusal)}
            return httpx.Response(refusal.code, json={wrapper: body})


@pytest.fixture
def vrelocate() -> Callable[..., Result]:
    return lambda *arguments: CliRunner().invoke(main.app, arguments)


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint()


@pytest.fixture
def api(endpoint: Endpoint) -> Iterator[apiclient.ApiClient]:
    with apiclient.ApiClient(Connection(URL, KEY, SECRET), transport=httpx.MockTransport(endpoint)) as client:
        yield client


@pytest.fixture
def wired(endpoint: Endpoint, monkeypatch: pytest.MonkeyPatch) -> Endpoint:
    """Let whole commands reach the endpoint: settings in the environment, the network replaced."""
    for name in ("VRELOCATE_READY_FILE", "VRELOCATE_STATE_DIR", "VRELOCATE_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("VRELOCATE_API_URL", URL)
    monkeypatch.setenv("VRELOCATE_API_KEY", KEY)
    monkeypatch.setenv("VRELOCATE_SECRET_KEY", SECRET)
    real = httpx.Client
    monkeypatch.setattr(
        apiclient.httpx, "Client", lambda **options: real(**{**options, "transport": httpx.MockTransport(endpoint)})
    )
    return endpoint
