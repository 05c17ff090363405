"""Signatures: the vectors of CloudStack's documentation, what the real clients compute, and properties."""

from __future__ import annotations

import base64
import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from urllib.parse import quote_plus

import pytest
from cs import CloudStack
from hypothesis import given
from hypothesis import strategies as st
from libcloud.common.cloudstack import CloudStackConnection

from app.access.signature import acceptable_signatures, parse_expires, sign, verify

pytestmark = pytest.mark.unit

SECRET = "VDaACYb0LV9eNjTetIOElcVQkvJck_J_QljX_FcHRj87ZKiy0z0ty0ZsYBkoXkY9b7eq1EhwJaw7FF3akA3KBQ"
API_KEY = "plgWJfZK4gyS3mOMTVmjUVg-X-jlWlnfaUJ9GAbBbf9EdM-kAYMmAiLqzzq1ElZLYq_u38zCm0bewzGUdP66mg"
AWKWARD = "a b+c*d~e[f]g(h)i'j!k/l:m=n&o%p,q;r@s\"t<u>vé€𝄞"

names = st.text(alphabet=st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=12)
parameters = st.dictionaries(names, st.text(max_size=40), max_size=8)


def signed_by_cs(request: dict[str, str], secret: str) -> str:
    request = dict(request)
    CloudStack(endpoint="http://127.0.0.1/", key="unused", secret=secret)._sign(request)
    return request["signature"]


def signed_by_libcloud(request: dict[str, str], secret: str) -> str:
    connection = object.__new__(CloudStackConnection)
    connection.key = secret
    signature: bytes = connection._make_signature(dict(request))
    return signature.decode()


def signed_like_go(request: dict[str, str], secret: str) -> str:
    """Sign as CloudMonkey and cloudstack-go do: sorted keys, url.QueryEscape, lower case, `+` into `%20`."""
    text = "&".join(f"{name}={quote_plus(value, safe='')}" for name, value in sorted(request.items()))
    digest = hmac.new(secret.encode(), text.lower().replace("+", "%20").encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def test_the_vector_of_cloudstacks_developer_guide() -> None:
    request = {"command": "listUsers", "response": "json", "apikey": API_KEY}
    assert sign(request, SECRET) == "TTpdDq/7j/J58XCRHomKoQXEQds="


@pytest.mark.parametrize("signed_by", [signed_by_cs, signed_by_libcloud, signed_like_go, sign])
def test_each_clients_own_signature_is_accepted(signed_by: object) -> None:
    request = {
        "command": "listVolumes",
        "apiKey": API_KEY,
        "Zeta": "1",
        "name": AWKWARD,
        "expires": "2031-01-01T00:00:00+0000",
    }
    assert callable(signed_by)
    assert verify(request, SECRET, signed_by(request, SECRET))


@given(parameters, st.text(min_size=1, max_size=40))
def test_cs_is_accepted_whatever_the_values(request: dict[str, str], secret: str) -> None:
    unsigned = {name: value for name, value in request.items() if name.lower() != "signature"}
    assert verify(unsigned, secret, signed_by_cs(unsigned, secret))


@given(st.dictionaries(names.map(str.lower), st.text(max_size=40), max_size=8), st.text(min_size=1, max_size=40))
def test_libcloud_and_go_are_accepted_whatever_the_values(request: dict[str, str], secret: str) -> None:
    unsigned = {name: value for name, value in request.items() if name != "signature"}
    assert verify(unsigned, secret, signed_by_libcloud(unsigned, secret))
    assert verify(unsigned, secret, signed_like_go(unsigned, secret))


@given(parameters, st.text(min_size=1, max_size=40), st.data())
def test_a_changed_value_breaks_the_signature(request: dict[str, str], secret: str, data: st.DataObject) -> None:
    request = {**request, "command": "migrateVolume"}
    signature = sign(request, secret)
    name = data.draw(st.sampled_from(sorted(name for name in request if name.lower() != "signature")))
    assert not verify({**request, name: request[name] + "x"}, secret, signature)
    assert not verify(request, secret + "x", signature)


@given(parameters, st.text(max_size=40), st.text(max_size=60))
def test_no_other_text_is_a_signature(request: dict[str, str], secret: str, guess: str) -> None:
    assert verify(request, secret, guess) == (guess in acceptable_signatures(request, secret))


def test_the_signature_itself_is_not_signed() -> None:
    request = {"command": "listZones", "apiKey": "k"}
    assert sign({**request, "Signature": "whatever"}, SECRET) == sign(request, SECRET)


def test_an_ordinary_request_has_one_signature_only() -> None:
    request = {"command": "listZones", "apikey": "k", "response": "json"}
    assert len(acceptable_signatures(request, SECRET)) == 1


@pytest.mark.parametrize(
    "text",
    [
        "2031-02-03T04:05:06+0000",
        "2031-02-03T04:05:06Z",
        "2031-02-03T04:05:06+00:00",
        "2031-02-03T04:05:06.000Z",
        "2031-02-03T06:05:06+0200",
        "2031-02-03T04:05:06Z+0000",
    ],
)
def test_expires_in_the_forms_that_clients_send(text: str) -> None:
    assert parse_expires(text) == datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "tomorrow", "2031-02-03", "2031-02-03T04:05:06", "0001-01-01T00:00:00+2300"])
def test_no_time_with_a_zone_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a time"):
        parse_expires(text)


@given(st.datetimes(min_value=datetime(1000, 1, 1)), st.integers(-14 * 60, 14 * 60))  # noqa: DTZ001  # the zone follows
def test_expires_means_the_same_instant_in_any_zone(naive: datetime, minutes: int) -> None:
    instant = naive.replace(tzinfo=UTC, microsecond=0)
    sign_, (hours, rest) = "-" if minutes < 0 else "+", divmod(abs(minutes), 60)
    try:
        local = (instant + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%S")
    except OverflowError:
        return
    assert parse_expires(f"{local}{sign_}{hours:02}{rest:02}") == instant
