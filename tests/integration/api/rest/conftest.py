"""A client of `/api/v1` with a token of each role, and a job that waits."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace

import httpx
import pytest
from cs import CloudStack
from sqlalchemy.orm import Session

from app.access.roles import Role
from app.access.tokens import create_token
from tests.running.jobs import remove_jobs


@pytest.fixture(scope="session")
def tokens(environment: dict[str, str], keys: object, database: object, secrets: list[str]) -> dict[str, str]:
    """A token for each role's key, which no log may hold either."""
    assert keys
    with Session(database) as session:  # type: ignore[call-overload]  # an Engine
        made = {role.value: create_token(session, f"the {role}")[1] for role in Role}
        session.commit()
    assert environment
    secrets.extend(made.values())
    return made


@pytest.fixture
def rest_as(api: SimpleNamespace, tokens: dict[str, str]) -> Iterator[Callable[..., httpx.Client]]:
    """Make clients; without a role they send no token."""
    made: list[httpx.Client] = []

    def client(role: str | None = None, *, token: str | None = None) -> httpx.Client:
        sent = tokens[role] if role else token
        headers = {"Authorization": f"Bearer {sent}"} if sent else {}
        made.append(httpx.Client(base_url=f"{api.root}/api/v1", headers=headers, timeout=30, trust_env=False))
        return made[-1]

    yield client
    for each in made:
        each.close()


@pytest.fixture
def rest(rest_as: Callable[..., httpx.Client]) -> httpx.Client:
    return rest_as("admin")


@pytest.fixture
def job_id(client: CloudStack, landscape: SimpleNamespace, session: Session) -> Iterator[str]:
    """A job that waits: no worker is there."""
    job = client.migrateVolume(volumeid=str(landscape.loose.id), storageid=str(landscape.new.id), timeout=90)["jobid"]
    yield job
    remove_jobs(session, [job])
