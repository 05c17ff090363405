"""API keys in the database: made, used, revoked."""

from __future__ import annotations

from uuid import uuid4

import pytest
from sqlalchemy.orm import Session

from app.access.keys import Caller, authenticate, create_key, revoke_key
from app.access.models import ApiKey
from app.access.queries import all_keys
from app.access.roles import Role
from app.access.signature import sign
from app.errors import InvalidParameter, NotAuthenticated, NotFound

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("inside")]


def signed(key: ApiKey, secret: str, **parameters: str) -> dict[str, str]:
    request = {"command": "listZones", "apiKey": key.key, **parameters}
    return {**request, "signature": sign(request, secret)}


@pytest.fixture
def name() -> str:
    return f"key {uuid4()}"


def test_a_key_says_who_calls(session: Session, name: str) -> None:
    key, secret = create_key(session, name, Role.OPERATOR)
    caller = authenticate(session, signed(key, secret))
    assert caller == Caller(user_id=key.id, account_id=key.account_id, role=Role.OPERATOR, key_name=name)
    assert key in all_keys(session)


def test_the_secret_is_not_stored_as_it_is(session: Session, name: str) -> None:
    key, secret = create_key(session, name)
    assert secret.encode() not in key.secret_sealed
    assert len({key.key, secret, *create_key(session, name + "2")}) == 4


def test_a_revoked_key_opens_nothing_and_its_name_stays_taken(session: Session, name: str) -> None:
    key, secret = create_key(session, name)
    revoke_key(session, name)
    with pytest.raises(NotAuthenticated):
        authenticate(session, signed(key, secret))
    with pytest.raises(NotFound):
        revoke_key(session, name)
    with pytest.raises(InvalidParameter, match="names are not used twice"):
        create_key(session, name)


def test_a_key_needs_a_name_and_a_role_that_exists(session: Session) -> None:
    with pytest.raises(InvalidParameter, match="needs a name"):
        create_key(session, " ")
    with pytest.raises(ValueError, match="root"):
        create_key(session, "n", "root")  # type: ignore[arg-type]
