"""Responses on the wire: CloudStack's own examples, and anything that content may hold."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from defusedxml.ElementTree import fromstring
from hypothesis import given
from hypothesis import strategies as st

from app.api.cloudstack.envelope import Format, cloudstack_time, render, wrapper_of

pytestmark = pytest.mark.unit

JOB = UUID("264f4ca4-7a5f-4a4c-bd21-0a3a3e4f5e1b")

texts = st.text(st.characters())  # surrogates and control characters too
scalars = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts | st.uuids()
)
contents = st.recursive(
    st.dictionaries(texts, scalars, max_size=4),
    lambda inner: st.dictionaries(texts, scalars | inner | st.lists(scalars | inner, max_size=3), max_size=4),
    max_leaves=12,
)


def test_an_accepted_job_in_json() -> None:
    assert render(wrapper_of("migrateVolume"), {"jobid": JOB}, Format.JSON) == (
        b'{"migratevolumeresponse":{"jobid":"264f4ca4-7a5f-4a4c-bd21-0a3a3e4f5e1b"}}'
    )


def test_an_accepted_job_in_xml() -> None:
    assert render(wrapper_of("migrateVolume"), {"jobid": JOB}, Format.XML) == (
        b'<?xml version="1.0" encoding="UTF-8"?><migratevolumeresponse cloud-stack-version="4.20.0.0">'
        b"<jobid>264f4ca4-7a5f-4a4c-bd21-0a3a3e4f5e1b</jobid></migratevolumeresponse>"
    )


def test_an_xml_list_repeats_its_element_after_the_count() -> None:
    content = {"count": 2, "volume": [{"name": "a<b", "destroyed": False}, {"name": "c", "destroyed": True}]}
    assert render("listvolumesresponse", content, Format.XML).endswith(
        b"<count>2</count><volume><name>a&lt;b</name><destroyed>false</destroyed></volume>"
        b"<volume><name>c</name><destroyed>true</destroyed></volume></listvolumesresponse>"
    )


def test_an_empty_list_is_an_empty_object() -> None:
    assert render("listvolumesresponse", {}, Format.JSON) == b'{"listvolumesresponse":{}}'


def test_keys_without_a_value_are_left_out_and_text_is_utf8() -> None:
    assert render("r", {"a": None, "b": [{"c": None, "d": "é"}]}, Format.JSON) == '{"r":{"b":[{"d":"é"}]}}'.encode()


def test_times_are_written_as_cloudstack_writes_them() -> None:
    in_delhi = datetime(2021, 3, 26, 12, 46, 54, 999, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    assert cloudstack_time(in_delhi) == "2021-03-26T07:16:54+0000"
    assert render("r", {"created": datetime(2021, 3, 26, 7, 16, 54, tzinfo=UTC)}, Format.JSON) == (
        b'{"r":{"created":"2021-03-26T07:16:54+0000"}}'
    )


@pytest.mark.parametrize(
    ("asked", "form"),
    [(None, Format.XML), ("xml", Format.XML), ("JSON", Format.JSON), ("", Format.XML), ("yaml", Format.XML)],
)
def test_xml_unless_json_is_asked_for(asked: str | None, form: Format) -> None:
    assert Format.named(asked) is form


@given(contents)
def test_any_content_is_one_json_document(content: dict[str, object]) -> None:
    document = json.loads(render("anyresponse", content, Format.JSON))
    assert list(document) == ["anyresponse"]


@given(contents)
def test_any_content_is_one_well_formed_xml_document(content: dict[str, object]) -> None:
    root = fromstring(render("anyresponse", content, Format.XML))
    assert root.tag == "anyresponse"


@given(st.text(st.characters(categories=["L", "N", "P", "S"], exclude_characters="\ufffe\uffff")))
def test_xml_text_comes_back_as_it_was(text: str) -> None:
    assert (fromstring(render("r", {"errortext": text}, Format.XML)).findtext("errortext") or "") == text


def test_what_a_response_cannot_hold_is_a_mistake_of_ours() -> None:
    with pytest.raises(TypeError, match="cannot hold a set"):
        render("r", {"tags": {"a"}}, Format.JSON)
