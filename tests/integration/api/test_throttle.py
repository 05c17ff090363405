"""A key that calls too often is told so at both endpoints, and does not take the calls of others."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace

import httpx
import pytest
from sqlalchemy.orm import Session

from app.access.keys import create_key
from app.access.signature import sign
from app.access.tokens import create_token

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("inside")]

CALLS = 3


@pytest.fixture
def api(start_api: Callable[..., SimpleNamespace], environment: dict[str, str]) -> SimpleNamespace:
    return start_api({**environment, "VRELOCATE_API_CALLS_PER_SECOND": str(CALLS)})


def test_too_many_calls(api: SimpleNamespace, session: Session) -> None:
    (key, secret), (other, _) = (create_key(session, f"throttled {number} {api.port}") for number in (1, 2))
    tokens = [create_token(session, it.name)[1] for it in (key, other)]
    session.commit()

    def zones(token: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {token}"}
        return httpx.get(f"{api.root}/api/v1/zones", headers=headers, timeout=30, trust_env=False)

    # However slow this machine is: more calls than a bucket holds, until the first is refused.
    answers = [zones(tokens[0])]
    with httpx.Client(trust_env=False, headers={"Authorization": f"Bearer {tokens[0]}"}, timeout=30) as client:
        while answers[-1].status_code == 200 and len(answers) < 500:
            answers.append(client.get(f"{api.root}/api/v1/zones"))
        refused = answers[-1]
        parameters = {"apikey": key.key, "command": "listZones", "response": "json"}
        signed = {**parameters, "signature": sign(parameters, secret)}
        several = [client.get(api.url, params=signed) for _ in range(3 * CALLS)]
    assert len(answers) > CALLS
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
    assert refused.json()["type"] == "urn:vrelocate:problem:too-many-calls"
    told = next(answer for answer in several if answer.status_code != 200)
    assert (told.status_code, told.headers["retry-after"]) == (429, "1")
    assert told.json()["listzonesresponse"]["errorcode"] == 429
    assert "api limit, please retry after 1000 ms" in told.headers["x-description"]
    assert zones(tokens[1]).status_code == 200
