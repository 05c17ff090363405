"""Parameters: CloudStack's rules, codes and texts."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.api.cloudstack.jobids import job_id_of
from app.api.cloudstack.paging import ids_of, page_of
from app.api.cloudstack.parameters import Arguments, BadParameter, Kind, Parameter, parse, refuse_unprintable
from app.api.cloudstack.registry import SERVED
from app.errors import InvalidParameter
from app.inventory.models import Volume
from app.inventory.queries import Page

pytestmark = pytest.mark.unit

ID = "0f2b1c3e-5d4a-4c6b-8e7f-9a0b1c2d3e4f"


def read(kind: Kind, text: str) -> Arguments:
    return parse("migrateVolume", [Parameter("it", kind, "", length=5)], {"it": text})


def refusal(kind: Kind, text: str) -> str:
    with pytest.raises(BadParameter) as refused:
        read(kind, text)
    return str(refused.value)


def test_a_missing_parameter() -> None:
    with pytest.raises(BadParameter) as refused:
        parse("migrateVolume", SERVED["migrateVolume"].parameters, {"storageid": ID})
    assert str(refused.value) == "Unable to execute API command migratevolume due to missing parameter volumeid"
    assert refused.value.code == 431


def test_unknown_parameters_are_ignored() -> None:
    assert parse("listZones", SERVED["listZones"].parameters, {"projectid": "-1", "_": "1"}).uuid("id") is None


@pytest.mark.parametrize(
    "text", ["", "-1", "1", "0f2b1c3e5d4a4c6b8e7f9a0b1c2d3e4f", "{" + ID + "}", ID + "0", "ü" * 36]
)
def test_what_is_no_uuid(text: str) -> None:
    assert refusal(Kind.UUID, text) == (
        f"Unable to execute API command migratevolume due to invalid value. Invalid parameter it value={text} due to "
        "incorrect long value format, or entity does not exist or due to incorrect parameter annotation for the field "
        "in api cmd class."
    )


def test_a_uuid_in_any_case() -> None:
    assert read(Kind.UUID, ID.upper()).required_uuid("it") == UUID(ID)


@pytest.mark.parametrize(
    ("text", "value"), [("true", True), ("TRUE", True), ("false", False), ("yes", False), ("", False)]
)
def test_a_truth_value_is_true_when_it_says_so(text: str, value: bool) -> None:  # noqa: FBT001  # a table's column
    assert read(Kind.BOOLEAN, text).flag("it") is value


@pytest.mark.parametrize(
    ("text", "value"), [("7", 7), ("-1", -1), ("+3", 3), ("2147483647", 2147483647), ("", None), (" ", None)]
)
def test_an_integer(text: str, value: int | None) -> None:
    assert read(Kind.INTEGER, text).number("it") == value


@pytest.mark.parametrize("text", ["x", "1.5", "1_000", "٣", "2147483648", "9" * 5000])
def test_what_is_no_integer(text: str) -> None:
    assert refusal(Kind.INTEGER, text) == (
        f"Unable to execute API command migratevolume due to invalid value {text} for parameter it"
    )


def test_a_text_has_a_length() -> None:
    assert read(Kind.STRING, "12345").text("it") == "12345"
    assert "Value greater than max allowed length 5 for param: it" in refusal(Kind.STRING, "123456")


def test_lists_are_separated_by_commas() -> None:
    assert read(Kind.LIST, "a,,b,").texts("it") == ("a", "b")
    assert read(Kind.LIST, "").texts("it") == ()
    declared = [Parameter("ids", Kind.LIST, "", entity=Volume)]
    assert parse("listVolumes", declared, {"ids": f"{ID},{ID}"}).uuids("ids") == (UUID(ID), UUID(ID))


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-05-04", datetime(2026, 5, 4, tzinfo=UTC)),
        ("2026-05-04 03:02:01", datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)),
        ("2026-05-04T03:02:01+0000", datetime(2026, 5, 4, 3, 2, 1, tzinfo=UTC)),
        ("2026-05-04T03:02:01+0200", datetime(2026, 5, 4, 3, 2, 1, tzinfo=timezone(timedelta(hours=2)))),
    ],
)
def test_a_date(text: str, moment: datetime) -> None:
    assert read(Kind.DATE, text).moment("it") == moment


def test_what_is_no_date() -> None:
    assert refusal(Kind.DATE, "yesterday") == (
        "Unable to parse date yesterday for command migratevolume, "
        "please pass dates in the format mentioned in the api documentation"
    )


@pytest.mark.parametrize("character", ["\x00", "\t", "\x1b", "\x7f"])
def test_control_characters_are_refused(character: str) -> None:
    with pytest.raises(BadParameter) as refused:
        refuse_unprintable({"Name": f"a{character}b"})
    assert str(refused.value) == "Received value containing illegal ASCII non-printable characters for parameter name"


def test_line_ends_are_let_through() -> None:
    refuse_unprintable({"name": "a\r\nb"})


@given(st.sampled_from(sorted(SERVED)), st.data())
def test_whatever_is_given_is_read_or_refused(name: str, data: st.DataObject) -> None:
    declared = SERVED[name].parameters
    values = st.text() | st.sampled_from([ID, "-1", "0", "true", "2026-01-01", f"{ID},{ID}", "9" * 40])
    given_ = data.draw(st.fixed_dictionaries({}, optional={one.name: values for one in declared}))
    with suppress(BadParameter):
        parse(name, declared, given_)
        assert all(one.name in given_ for one in declared if one.required)


@pytest.mark.parametrize(
    ("values", "page"),
    [
        ({}, Page(limit=500)),
        ({"page": 1, "pagesize": 20}, Page(limit=20)),
        ({"page": 3, "pagesize": 20}, Page(limit=20, offset=40)),
        ({"page": 0, "pagesize": 20}, Page(limit=20)),
        ({"pagesize": -1}, Page()),
    ],
)
def test_pages(values: dict[str, int], page: Page) -> None:
    assert page_of(Arguments(values)) == page


@pytest.mark.parametrize(
    ("values", "text"),
    [
        ({"page": 1}, '"pagesize" parameter is required when "page" is specified'),
        ({"pagesize": 1}, '"page" parameter is required when "pagesize" is specified'),
        ({"page": 1, "pagesize": 501}, "Page size can't exceed max allowed page size value: 500"),
        ({"page": 1, "pagesize": -1}, "Can't specify page parameter when pagesize is -1 (Unlimited)"),
        ({"page": 1, "pagesize": -2}, "Page size can't be negative: -2"),
    ],
)
def test_pages_that_are_none(values: dict[str, int], text: str) -> None:
    with pytest.raises(InvalidParameter) as refused:
        page_of(Arguments(values))
    assert str(refused.value) == text


def test_one_id_or_several() -> None:
    one = UUID(ID)
    assert ids_of(Arguments({"id": one})) == (one,)
    assert ids_of(Arguments({"ids": (one,)})) == (one,)
    assert ids_of(Arguments({"ids": ()})) is None
    with pytest.raises(InvalidParameter, match="Specify either ids or id but not both parameters"):
        ids_of(Arguments({"id": one, "ids": (one,)}))


def test_a_job_id_of_the_clients_choice() -> None:
    assert job_id_of(Arguments({"customjobid": ID})) == UUID(ID)
    assert job_id_of(Arguments({})) is None
    with pytest.raises(InvalidParameter, match="UUID: 17 doesn't follow the UUID format"):
        job_id_of(Arguments({"customjobid": "17"}))
