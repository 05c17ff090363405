"""What `/api/v1` says of itself is true: schemathesis calls everything, with what fits and with what does not."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import httpx
import pytest

pytestmark = pytest.mark.integration

SCHEMATHESIS = Path(sys.prefix) / "bin" / "schemathesis"
EXAMPLES = 8
OPERATIONS = 25
STREAMS = dict.fromkeys(("/events", "/jobs/{job_id}/stream"), "text/event-stream")
CONFIG = """
headers = {{ Authorization = "Bearer ${{TOKEN}}" }}
[parameters]
"path.job_id" = "{job_id}"
"path.volume_id" = "{volume_id}"
"path.pool_id" = "{pool_id}"
"path.offering_id" = "{offering_id}"
"""


def test_schemathesis_finds_nothing(
    api: SimpleNamespace, tokens: dict[str, str], job_id: str, landscape: SimpleNamespace, tmp_path: Path
) -> None:
    """Every phase and every check of it, none left out, about a job that exists; the token comes by the environment."""
    config = tmp_path / "schemathesis.toml"
    config.write_text(
        CONFIG.format(
            job_id=job_id, volume_id=landscape.loose.id, pool_id=landscape.new.id, offering_id=landscape.gold.id
        ),
        encoding="utf-8",
    )
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
            assert {"401", "403", "500", "503"} <= responses.keys(), (method, path)
            for status, response in responses.items():
                if status in {"204", "304"}:
                    continue  # they have no content
                media = "application/problem+json" if status > "399" else STREAMS.get(path, "application/json")
                assert set(response["content"]) == {media}, (method, path, status)
            assert operation["security"] == [{"token": []}]
