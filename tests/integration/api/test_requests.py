"""Requests as they come over the wire: forms, queries, XML, and everything that is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import httpx
import pytest
from cs import CloudStack, CloudStackApiException
from defusedxml.ElementTree import fromstring
from libcloud.compute.providers import get_driver
from libcloud.compute.types import Provider

from app.access.signature import sign

pytestmark = pytest.mark.integration

Call = Callable[..., httpx.Response]
REFUSED = "unable to verify user credentials and/or request signature"


def failure(response: httpx.Response) -> tuple[str, dict[str, Any]]:
    """Return the wrapper and the content of a failed call; status, code and header must agree."""
    ((wrapper, content),) = response.json().items()
    assert response.status_code == content["errorcode"]
    assert response.headers["X-Description"] == content["errortext"]
    assert content["uuidList"] == []
    return wrapper, content


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_json_when_asked_for(call: Call, landscape: SimpleNamespace, method: str) -> None:
    response = call(method, command="listZones", response="json")
    assert response.status_code == 200
    assert response.headers["Content-Type"] == "application/json; charset=UTF-8"
    assert response.headers["X-Content-Type-Options"] == "nosniff"
    assert list(response.json()) == ["listzonesresponse"]
    assert response.json()["listzonesresponse"]["zone"][0]["id"] == str(landscape.zone.id)


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_xml_otherwise(call: Call, landscape: SimpleNamespace, method: str) -> None:
    response = call(method, command="listVolumes", name="spare & co")
    assert response.headers["Content-Type"] == "text/xml; charset=UTF-8"
    assert response.text.startswith('<?xml version="1.0" encoding="UTF-8"?><listvolumesresponse cloud-stack-version=')
    root = fromstring(response.text)
    assert root.findtext("count") == "1"
    assert root.findtext("volume/name") == "spare & co"
    assert root.findtext("volume/id") == str(landscape.spare.id)
    assert root.findtext("volume/destroyed") == "false"


def test_an_empty_list_is_empty_in_both(call: Call) -> None:
    assert call(command="listZones", name="none", response="json").text == '{"listzonesresponse":{}}'
    assert call(command="listZones", name="none").text.endswith('<listzonesresponse cloud-stack-version="4.20.0.0" />')


def test_names_come_in_any_case(api: Any, keys: dict[str, tuple[str, str]]) -> None:  # noqa: ANN401  # conftest's class
    key, secret = keys["admin"]
    request = {"Command": "listZones", "APIKEY": key, "Response": "json", "PAGE": "1", "PageSize": "1"}
    request["Signature"] = sign(request, secret)
    assert httpx.get(api.url, params=request, trust_env=False).status_code == 200


@pytest.mark.parametrize("form", ["%Y-%m-%dT%H:%M:%S+0000", "%Y-%m-%dT%H:%M:%SZ"])
def test_version_3_with_time_left(call: Call, form: str) -> None:
    expires = (datetime.now(UTC) + timedelta(minutes=5)).strftime(form)
    assert call(command="listZones", signatureversion="3", expires=expires).status_code == 200


@pytest.mark.parametrize(
    "changed",
    [
        {"signature": "bm8="},
        {"signature": ""},
        {"apikey": "unknown"},
        {"apikey": "\x00"},
        {"command": "listHosts"},
        {"added": "later"},
    ],
)
def test_what_was_not_signed_so_is_refused(
    api: Any,  # noqa: ANN401  # conftest's class
    keys: dict[str, tuple[str, str]],
    changed: dict[str, str],
) -> None:
    key, secret = keys["admin"]
    request = {"command": "listZones", "apikey": key, "response": "json"}
    request = {**request, "signature": sign(request, secret), **changed}
    wrapper, content = failure(httpx.get(api.url, params=request, trust_env=False))
    assert (wrapper, content["errorcode"]) == (f"{request['command'].lower()}response", 401)
    assert content["errortext"] == REFUSED


@pytest.mark.parametrize("expires", [None, "", "soon", "2020-01-01T00:00:00+0000", "2031-01-01T00:00:00"])
def test_version_3_without_time_left_is_refused(call: Call, expires: str | None) -> None:
    given = {} if expires is None else {"expires": expires}
    _, content = failure(call(command="listZones", response="json", signatureversion="3", **given))
    assert (content["errorcode"], content["errortext"]) == (401, REFUSED)


def test_an_unknown_command_is_answered_as_cloudstack_does(call: Call) -> None:
    wrapper, content = failure(call(command="deployVirtualMachine", response="json"))
    assert (wrapper, content["errorcode"], content["errortext"]) == ("errorresponse", 401, REFUSED)


def test_no_command_at_all(call: Call) -> None:
    wrapper, content = failure(call(response="json"))
    assert (wrapper, content["errorcode"], content["errortext"]) == (
        "errorresponse",
        432,
        "Invalid request, no command sent",
    )


def test_an_unsigned_request_in_xml(api: Any) -> None:  # noqa: ANN401  # conftest's class
    response = httpx.get(api.url, params={"command": "listZones"}, trust_env=False)
    root = fromstring(response.text)
    assert (response.status_code, root.tag, root.findtext("errorcode")) == (401, "listzonesresponse", "401")
    assert root.findtext("errortext") == response.headers["X-Description"] == REFUSED


def test_a_missing_parameter(call: Call) -> None:
    wrapper, content = failure(call(command="migrateVolume", response="json"))
    assert (wrapper, content["errorcode"], content["cserrorcode"]) == ("migratevolumeresponse", 431, 9999)
    assert content["errortext"] == "Unable to execute API command migratevolume due to missing parameter volumeid"


@pytest.mark.parametrize("value", ["6a1f0c7e-2b7d-4f43-9d0a-5b8c1e2f3a4d", "17", "", "x" * 2000])
def test_an_unknown_id(call: Call, landscape: SimpleNamespace, value: str) -> None:
    response = call(command="migrateVolume", response="json", volumeid=value, storageid=str(landscape.new.id))
    content = response.json()["migratevolumeresponse"]
    assert (response.status_code, content["errorcode"]) == (431, 431)
    assert content["errortext"].startswith(
        "Unable to execute API command migratevolume due to invalid value. "
        f"Invalid parameter volumeid value={value} due to incorrect long value format, or entity does not exist"
    )


def test_an_id_of_something_else(call: Call, landscape: SimpleNamespace) -> None:
    _, content = failure(call(command="listVolumes", response="json", storageid=str(landscape.zone.id)))
    assert "Invalid parameter storageid" in content["errortext"]
    ids = f"{landscape.loose.id},{landscape.web.id}"
    _, content = failure(call(command="listVolumes", response="json", ids=ids))
    assert f"Invalid parameter ids value={landscape.web.id}" in content["errortext"]


def test_control_characters(call: Call) -> None:
    _, content = failure(call(command="listVolumes", response="json", name="a\x00b"))
    assert content["errorcode"] == 431
    assert "non-printable characters for parameter name" in content["errortext"]


def test_text_beyond_latin_goes_into_the_answer_but_not_into_the_header(call: Call) -> None:
    response = call(command="listApis", response="json", name="дай 𝄞 €")
    assert "дай 𝄞 €" in response.json()["listapisresponse"]["errortext"]
    assert "??? ? ?" in response.headers["X-Description"]


def test_too_much_is_refused(api: Any) -> None:  # noqa: ANN401  # conftest's class
    heavy = httpx.post(api.url, data={"command": "x" * 1_100_000}, trust_env=False)
    many = httpx.post(api.url, data={f"p{n}": "" for n in range(1001)}, trust_env=False)
    for response in (heavy, many):
        assert response.status_code == 430
        assert fromstring(response.text).tag == "errorresponse"


@pytest.mark.parametrize(
    ("role", "command", "code"),
    [
        ("read-only", "listZones", 200),
        ("read-only", "queryAsyncJobResult", 431),
        ("read-only", "migrateVolume", 531),
        ("read-only", "updateStoragePool", 531),
        ("operator", "migrateVolume", 431),
        ("operator", "createDiskOffering", 531),
        ("operator", "updateStoragePool", 531),
    ],
)
def test_a_role_is_checked_before_anything_else(call: Call, role: str, command: str, code: int) -> None:
    response = call(role=role, command=command, response="json")
    assert response.status_code == code
    if code == 531:
        _, content = failure(response)
        assert content["cserrorcode"] == 4365
        assert command in content["errortext"]


def test_cs_reads_a_refusal(client_as: Callable[[str], CloudStack], landscape: SimpleNamespace) -> None:
    reader = client_as("read-only")
    with pytest.raises(CloudStackApiException) as refused:
        reader.migrateVolume(volumeid=str(landscape.loose.id), storageid=str(landscape.new.id))
    assert refused.value.error["errorcode"] == 531
    assert "migrateVolume" not in {api["name"] for api in reader.listApis()["api"]}


def test_cs_by_post(api: Any, keys: dict[str, tuple[str, str]], landscape: SimpleNamespace) -> None:  # noqa: ANN401
    client = CloudStack(endpoint=api.url, key=keys["admin"][0], secret=keys["admin"][1], method="post")
    assert client.listVolumes(name="spare & co")["volume"][0]["id"] == str(landscape.spare.id)


def test_libcloud_lists(api: Any, keys: dict[str, tuple[str, str]], landscape: SimpleNamespace) -> None:  # noqa: ANN401
    key, secret = keys["admin"]
    driver = get_driver(Provider.CLOUDSTACK)(
        key=key, secret=secret, secure=False, host="127.0.0.1", port=api.port, path="/client/api"
    )
    assert [zone.id for zone in driver.list_locations()] == [str(landscape.zone.id)]
    assert {volume.name for volume in driver.list_volumes()} == {"db-1", "loose", "spare & co", "web-1", "web-1_1"}


def test_nothing_secret_is_logged(api: Any, call: Call, keys: dict[str, tuple[str, str]]) -> None:  # noqa: ANN401
    response = call(command="listApis", name="none such", response="json")
    assert response.status_code == 431
    assert json.loads(api.logged("none such"))["event"] == "api.refused"
    signature = httpx.QueryParams(response.request.url.query)["signature"]
    everything = "".join(api.log)
    assert not [secret for secret in [signature, *(secret for _, secret in keys.values())] if secret in everything]


def test_a_change_is_logged_with_who_made_it(api: Any, call: Call, landscape: SimpleNamespace) -> None:  # noqa: ANN401
    assert call(command="updateStoragePool", id=str(landscape.wide.id)).status_code == 200
    line = json.loads(api.logged('"command": "updateStoragePool", "by"'))
    assert (line["event"], line["by"]) == ("api.called", "the admin")


@pytest.mark.parametrize("path", ["/client/api", "/healthz"])
def test_a_method_that_is_none_of_ours_does_nothing(api: SimpleNamespace, path: str) -> None:
    for method in ("HEAD", "PUT", "DELETE", "PATCH"):
        answer = httpx.request(method, f"{api.root}{path}", timeout=30)
        assert answer.status_code == 405, method
        assert "GET" in answer.headers["Allow"]
