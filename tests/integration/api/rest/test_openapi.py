"""What `/api/v1` says of itself is true: schemathesis calls everything, with what fits and with what does not."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from uuid import uuid4

import httpx
import pytest
from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from app.access.keys import create_key
from app.access.models import ApiKey
from app.inventory.models import DiskOffering, StoragePool, Volume

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("inside")]

SCHEMATHESIS = Path(sys.prefix) / "bin" / "schemathesis"
EXAMPLES = 5
OPERATIONS = 40
STREAMS = dict.fromkeys(("/events", "/jobs/{job_id}/stream"), "text/event-stream")
CONFIG = """
headers = { Authorization = "Bearer ${TOKEN}" }
[checks.positive_data_acceptance]
# Its own, and 412: If-Match names what the client has seen, and any other text is as valid and not that.
expected-statuses = ["2xx", "3xx", "401", "403", "404", "409", "412", "429", "5xx"]
[parameters]
"""


@pytest.fixture
def _put_back(session: Session, landscape: SimpleNamespace) -> Iterator[None]:
    """Leave the landscape as it was: other tests of this database look at it, and schemathesis changes what it may."""
    assert landscape
    kept = {
        StoragePool: [{"id": it.id, "own_tags": list(it.own_tags)} for it in session.scalars(select(StoragePool))],
        Volume: [{"id": it.id, "disk_offering_id": it.disk_offering_id} for it in session.scalars(select(Volume))],
        DiskOffering: [
            {"id": it.id, "name": it.name, "display_text": it.display_text, "tags": list(it.tags)}
            for it in session.scalars(select(DiskOffering))
        ],
    }
    keys = list(session.scalars(select(ApiKey.id)))
    session.rollback()
    yield
    session.rollback()
    session.expunge_all()
    # What was made goes first, with its names; nothing refers to it by then.
    session.execute(update(Volume).values(disk_offering_id=None))
    session.execute(delete(DiskOffering).where(DiskOffering.id.not_in([row["id"] for row in kept[DiskOffering]])))
    session.execute(delete(ApiKey).where(ApiKey.id.not_in(keys)))
    for table in (DiskOffering, StoragePool, Volume):
        session.execute(update(table), kept[table])
    session.commit()


@pytest.fixture
def ids(_put_back: None, job_id: str, landscape: SimpleNamespace, session: Session) -> dict[str, str]:
    """What stands in for parameters of paths: things that exist, and may be changed."""
    key, _ = create_key(session, f"key {uuid4()}")
    session.commit()
    it = landscape
    things = {"volume": it.loose, "pool": it.new, "offering": it.gold, "vcenter": it.vcenter}
    return {"job_id": job_id, "key_id": str(key.id), **{f"{it}_id": str(thing.id) for it, thing in things.items()}}


def test_schemathesis_finds_nothing(
    start_api: Callable[..., SimpleNamespace],
    environment: dict[str, str],
    tokens: dict[str, str],
    ids: dict[str, str],
    tmp_path: Path,
) -> None:
    """Every phase and every check of it, none left out, about a job that exists; the token comes by the environment."""
    api = start_api({**environment, "VRELOCATE_STREAM_SECONDS": "0.01"})
    config = tmp_path / "schemathesis.toml"
    parameters = "\n".join(f'"path.{name}" = "{each}"' for name, each in ids.items())
    config.write_text(CONFIG + parameters, encoding="utf-8")
    ended = subprocess.run(
        [
            *(SCHEMATHESIS, "--config-file", config, "run", f"{api.root}/api/v1/openapi.json"),
            *("--checks", "all", "--max-examples", str(EXAMPLES), "--continue-on-failure", "--no-color"),
            *("--generation-database", "none", "--seed", "6"),
        ],
        env={**os.environ, "TOKEN": tokens["admin"], "NO_PROXY": "127.0.0.1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    # Its one warning is that ids of its own making are unknown here: those that it was given are for paths alone.
    counts = re.search(r"(\d+) generated, (\d+) passed", ended.stdout)
    assert counts, ended.stdout
    assert int(counts[1]) == int(counts[2]) > OPERATIONS * EXAMPLES


def test_every_problem_is_described(rest: httpx.Client) -> None:
    told = rest.get("/openapi.json").json()
    assert told["openapi"].startswith("3.1")
    assert told["components"]["schemas"]["Problem"]["required"] == ["type", "title", "status", "detail"]
    assert "HTTPValidationError" not in json.dumps(told)
    for path, methods in told["paths"].items():
        for method, operation in methods.items():
            responses = operation["responses"]
            assert {"401", "403", "429", "500", "503"} <= responses.keys(), (method, path)
            for status, response in responses.items():
                if status in {"204", "304"}:
                    continue  # they have no content
                media = "application/problem+json" if status > "399" else STREAMS.get(path, "application/json")
                assert set(response["content"]) == {media}, (method, path, status)
            assert operation["security"] == [{"token": []}]
