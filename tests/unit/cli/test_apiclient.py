from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from app.cli.apiclient import ApiClient
from app.cli.connection import Connection
from app.errors import (
    DatabaseUnavailable,
    InvalidParameter,
    NotAuthenticated,
    PermissionDenied,
    ResourceInUse,
    ResourceUnavailable,
    VrelocateError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.unit.cli.conftest import Endpoint

pytestmark = pytest.mark.unit


def _client(answer: Callable[[httpx.Request], httpx.Response]) -> ApiClient:
    return ApiClient(Connection("http://api.example/client/api", "k", "s"), transport=httpx.MockTransport(answer))


def test_a_call_is_signed_and_unwrapped(api: ApiClient, endpoint: Endpoint) -> None:
    endpoint.answers["migrateVolume"] = lambda given: {"jobid": given["volumeid"]}
    assert api.call("migrateVolume", volumeid="a b~*+ü/[c]", storageid=None) == {"jobid": "a b~*+ü/[c]"}
    assert "storageid" not in endpoint.calls[0]


def test_lists_are_read_page_after_page(api: ApiClient, endpoint: Endpoint) -> None:
    endpoint.lists("listVolumes", "volume", [{"id": str(n), "name": "v"} for n in range(5)])
    assert [it["id"] for it in api.entities("listVolumes", "volume", page_size=2)] == list("01234")
    assert len(endpoint.calls) == 3


def test_an_empty_list_is_empty(api: ApiClient, endpoint: Endpoint) -> None:
    endpoint.lists("listVolumes", "volume", [])
    assert list(api.entities("listVolumes", "volume")) == []


def test_no_page_is_asked_for_before_it_is_due(api: ApiClient, endpoint: Endpoint) -> None:
    endpoint.lists("listVolumes", "volume", [{"id": str(n), "name": "v"} for n in range(5)])
    assert next(api.entities("listVolumes", "volume", page_size=2))["id"] == "0"
    assert len(endpoint.calls) == 1


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (401, NotAuthenticated),
        (431, InvalidParameter),
        (531, PermissionDenied),
        (536, ResourceInUse),
        (534, ResourceUnavailable),
        (503, DatabaseUnavailable),
        (530, VrelocateError),
    ],
)
def test_refusals_become_our_own_errors(
    api: ApiClient, endpoint: Endpoint, code: int, kind: type[VrelocateError]
) -> None:
    endpoint.refuses("migrateVolume", code, "because of this")
    with pytest.raises(kind, match=r"^because of this$") as caught:
        api.call("migrateVolume")
    assert type(caught.value) is kind


@pytest.mark.parametrize(
    "response",
    [
        httpx.Response(502, text="<html>Bad Gateway</html>"),
        httpx.Response(200, json=["no object"]),
        httpx.Response(200, json={"a": {}, "b": {}}),
        httpx.Response(200, json={"migratevolumeresponse": "no object"}),
    ],
)
def test_what_is_no_cloudstack_api_is_said_to_be_none(response: httpx.Response) -> None:
    with (
        _client(lambda _request: response) as api,
        pytest.raises(ResourceUnavailable, match=r"not as a CloudStack API: check the URL"),
    ):
        api.call("listZones")


def test_silence_says_what_to_look_at() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with _client(refuse) as api, pytest.raises(ResourceUnavailable, match=r"does not answer \(ConnectError\): is"):
        api.call("listZones")


def test_an_unusable_url_says_so() -> None:
    with (
        ApiClient(Connection("api.example/client/api", "k", "s")) as api,
        pytest.raises(ResourceUnavailable, match="is no URL"),
    ):
        api.call("listZones")


def test_the_secret_is_in_no_representation() -> None:
    assert "s3cret" not in repr(Connection("u", "k", "s3cret"))
