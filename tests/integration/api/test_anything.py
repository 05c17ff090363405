"""Whatever a signed caller sends is answered in CloudStack's envelope, and never with an internal error."""

from __future__ import annotations

import json
from types import SimpleNamespace
from uuid import uuid4

import pytest
from defusedxml.ElementTree import fromstring
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.access.signature import sign
from app.api.cloudstack.dispatch import Reply, answer, answer_polls
from app.api.cloudstack.ownership import Domain
from app.api.cloudstack.pods import Pod
from app.api.cloudstack.registry import SERVED
from app.api.cloudstack.requests import Request

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("inside")]

FORESEEN = {200, 401, 431, 432, 531, 536}
# Migrations are left out: they would leave jobs behind, and what they would do is asked of a vCenter. Their parameters
# are read by the same code.
COMMANDS = sorted(
    name for name, served in SERVED.items() if not served.is_async and not name.startswith(("create", "check"))
)
thorough = settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


def well_formed(reply: Reply, form: object) -> None:
    assert reply.status in FORESEEN, reply.body
    if form == "json":
        ((wrapper, _),) = json.loads(reply.body).items()
    else:
        wrapper = fromstring(reply.body).tag
    assert wrapper.endswith("response")


@thorough
@given(data=st.data())
def test_known_commands_with_any_values(
    data: st.DataObject, keys: dict[str, tuple[str, str]], landscape: SimpleNamespace
) -> None:
    ids = [str(thing.id) for thing in [*vars(landscape).values(), Pod(landscape.zone), Domain()]]
    values = st.one_of(
        st.text(st.characters(exclude_categories=["Cs"])),
        st.sampled_from(ids),
        st.sampled_from([str(uuid4()), "-1", "0", "1", "500", "501", "true", "2026-01-01", "0001-01-01T00:00:00+2300"]),
        st.sampled_from(
            ["ROOT", "Running", "Up", "ZONE", "failed,queued", "attempts", "Volume", "%", "\\", "the admin"]
        ),
        st.lists(st.sampled_from(ids), max_size=3).map(",".join),
    )
    name = data.draw(st.sampled_from(COMMANDS))
    optional = {parameter.name: values for parameter in SERVED[name].parameters}
    form = data.draw(st.sampled_from(["json", "xml", None]))
    key, secret = keys["admin"]
    request = {"command": name, "apikey": key, **data.draw(st.fixed_dictionaries({}, optional=optional))}
    request |= {"response": form} if form else {}
    if name.startswith("update"):
        # Other tests look at them.
        request = {given: value for given, value in request.items() if given not in {"name", "displaytext", "tags"}}
    asked = Request({**request, "signature": sign(request, secret)})
    well_formed(answer(asked), form)
    if asked.polls:
        one, other = answer_polls([asked, asked])
        assert one == other == answer(asked)


@thorough
@given(
    request=st.dictionaries(
        st.one_of(st.text(max_size=20), st.sampled_from(["command", "apiKey", "signature", "response", "expires"])),
        st.one_of(st.text(max_size=40), st.sampled_from([*COMMANDS, "json", "3"])),
        max_size=6,
    ),
    is_signed=st.booleans(),
)
def test_anything_at_all(request: dict[str, str], is_signed: bool, keys: dict[str, tuple[str, str]]) -> None:  # noqa: FBT001
    key, secret = keys["read-only"]
    if is_signed:
        request = {**{name: value for name, value in request.items() if name.lower() != "apikey"}, "apikey": key}
        request = {name: value for name, value in request.items() if name.lower() != "signature"}
        request["signature"] = sign(request, secret)
    named = {name.lower(): value for name, value in request.items()}
    well_formed(answer(Request(request)), "json" if named.get("response", "").lower() == "json" else None)
