from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.cli.naming import VM, VOLUME, resolve, resolve_all
from app.errors import InvalidParameter, NotFound

if TYPE_CHECKING:
    from app.cli.apiclient import ApiClient
    from tests.unit.cli.conftest import Endpoint

pytestmark = pytest.mark.unit

A, B, C = (f"00000000-0000-4000-8000-00000000000{n}" for n in "abc")


@pytest.fixture(autouse=True)
def inventory(endpoint: Endpoint) -> None:
    endpoint.lists(
        "listVirtualMachines",
        "virtualmachine",
        [
            {"id": A, "name": "app-1", "zonename": "z1"},
            {"id": B, "name": "twin", "zonename": "z1", "clustername": "c1"},
            {"id": C, "name": "twin", "zonename": "z2", "clustername": "c2"},
            {"id": "d", "name": "app-10"},
        ],
    )
    endpoint.lists(
        "listVolumes",
        "volume",
        [{"id": A, "name": "0123456789abcdef0123456789abcdef"}, {"id": B, "name": C}, {"id": C, "name": "plain"}],
    )


def test_an_id_is_found(api: ApiClient) -> None:
    assert resolve(api, VM, B)["id"] == B


def test_an_id_is_found_however_it_is_written(api: ApiClient) -> None:
    assert resolve(api, VM, B.upper())["id"] == B


def test_a_name_is_found_and_is_no_part_of_a_name(api: ApiClient) -> None:
    assert resolve(api, VM, "app-1")["id"] == A


def test_an_ambiguous_name_lists_every_id_with_what_tells_them_apart(api: ApiClient) -> None:
    with pytest.raises(InvalidParameter) as caught:
        resolve(api, VM, "twin")
    assert f"{B} (z1, c1), {C} (z2, c2)" in str(caught.value)


def test_an_unknown_name_says_which_command_lists_them(api: ApiClient) -> None:
    with pytest.raises(NotFound, match="no VM is called 'app': `vrelocate vms` lists them"):
        resolve(api, VM, "app")


def test_a_name_of_32_hex_digits_is_found_although_it_could_be_an_id(api: ApiClient) -> None:
    assert resolve(api, VOLUME, "0123456789abcdef0123456789abcdef")["id"] == A


def test_an_id_comes_before_the_same_text_as_a_name(api: ApiClient) -> None:
    assert resolve(api, VOLUME, C)["name"] == "plain"


def test_what_is_named_twice_is_taken_once(api: ApiClient) -> None:
    assert [vm["id"] for vm in resolve_all(api, VM, ["app-10", A, "app-1"])] == ["d", A]
