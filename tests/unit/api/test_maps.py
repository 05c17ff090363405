"""Map parameters: CloudStack's way to send objects, field by field."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.cloudstack.maps import read_map
from app.api.cloudstack.parameters import BadParameter, Kind, Parameter, parse
from app.errors import MalformedRequest

pytestmark = pytest.mark.unit

ENTRIES = st.dictionaries(
    st.integers(0, 999_999_999),
    st.dictionaries(st.sampled_from(["volume", "pool", "key", "value", "x y"]), st.text(), min_size=1),
)
DECLARED = (Parameter("migrateto", Kind.MAP, "", required=True), Parameter("name", Kind.STRING, ""))


@given(ENTRIES, st.randoms())
def test_what_a_client_spreads_is_put_together_again(
    entries: dict[int, dict[str, str]],
    random: object,
) -> None:
    spread = [(f"m[{number}].{name}", text) for number, fields in entries.items() for name, text in fields.items()]
    random.shuffle(spread)  # type: ignore[attr-defined]  # hypothesis's own Random
    found = read_map("m", {"command": "x", "m2[0].volume": "other", **dict(spread)})
    assert found == entries
    assert list(found) == sorted(entries)


@given(st.dictionaries(st.text() | st.text("m[]0.-+ volume").map("m[".__add__), st.text()))
def test_whatever_the_names_are_they_are_read_or_refused(given_: dict[str, str]) -> None:
    with suppress(MalformedRequest):
        found = read_map("m", given_)
        assert sum(len(fields) for fields in found.values()) == sum(name.startswith("m[") for name in given_)


@pytest.mark.parametrize(
    "name",
    [
        "m[",
        "m[]",
        "m[0",
        "m[0]",
        "m[0].",
        "m[0]volume",
        "m[a].volume",
        "m[-1].volume",
        "m[0][1].v",
        "m[0].a.b",
        "m[٣].v",
    ],
)
def test_what_cannot_be_decoded_is_refused_as_cloudstack_does(name: str) -> None:
    with pytest.raises(MalformedRequest) as refused:
        read_map("m", {name: "1"})
    assert str(refused.value).startswith(
        f"Unable to decode parameter {name}; if specifying an object array, please use"
    )
    assert refused.value.code == 430


def test_a_field_that_is_given_twice_is_refused() -> None:
    with pytest.raises(MalformedRequest, match=r"m\[00\]\.volume"):
        read_map("m", {"m[0].volume": "1", "m[00].volume": "2"})


def test_a_map_among_other_parameters() -> None:
    read = parse("x", DECLARED, {"migrateto[1].pool": "p", "migrateto[1].volume": "v", "name": "n"})
    assert read.entries("migrateto") == {1: {"pool": "p", "volume": "v"}}
    assert read.text("name") == "n"
    assert read.entries("other") == {}


def test_a_map_that_is_missing_or_no_map() -> None:
    with pytest.raises(BadParameter, match="due to missing parameter migrateto"):
        parse("x", DECLARED, {})
    with pytest.raises(BadParameter, match="due to invalid value v:p for parameter migrateto"):
        parse("x", DECLARED, {"migrateto": "v:p"})
