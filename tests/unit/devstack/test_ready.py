"""The ready file's shape: programs depend on every name in it."""

from __future__ import annotations

import json

import pytest

from app.devstack.ready import ApiKey, Pids, Ready
from app.devstack.vcenter import Vcenter

pytestmark = pytest.mark.unit

READY = Ready(
    api_url="http://127.0.0.1:8080/client/api",
    key=ApiKey("key", "s3cret-key"),
    database_url="postgresql://u:s3cret@127.0.0.1/d",
    redis_url="redis://:s3cret@127.0.0.1/0",
    vcenter=Vcenter("simulated", "https://127.0.0.1:1/sdk", "user", "s3cret", "ab"),
)


def test_it_has_exactly_the_documented_names() -> None:
    assert json.loads(READY.content(Pids(api=1, workers=[2, 3], postgres=4, valkey=5, simulator=None))) == {
        "api_url": "http://127.0.0.1:8080/client/api",
        "api_key": "key",
        "secret_key": "s3cret-key",
        "database_url": "postgresql://u:s3cret@127.0.0.1/d",
        "redis_url": "redis://:s3cret@127.0.0.1/0",
        "vcenter": {
            "url": "https://127.0.0.1:1/sdk",
            "username": "user",
            "password": "s3cret",
            "thumbprint": "ab",
        },
        "pids": {"api": 1, "workers": [2, 3], "postgres": 4, "valkey": 5, "simulator": None},
    }


def test_no_secret_shows_in_a_representation() -> None:
    assert "s3cret" not in repr(READY)
