"""The simulated vCenter's admin port: loopback, JSON, no password (docs/simulator.md)."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from typing import Any

from tests.running.vcenter import RunningVCenter

TIMEOUT_SECONDS = 30


def ask_admin(vcenter: RunningVCenter, method: str, path: str, body: object = None) -> dict[str, Any]:
    """Ask for `/vrelocate/…` and return the answer; what the port refuses fails the test with its own words."""
    assert vcenter.admin, "start the simulated vCenter with --admin"
    request = urllib.request.Request(  # noqa: S310  # ours
        f"{vcenter.admin}/vrelocate{path}", method=method, data=None if body is None else json.dumps(body).encode()
    )
    try:
        # Not httpx: it loads every certificate authority for each call, plain HTTP or not.
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:  # noqa: S310  # ours
            content: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as refused:
        raise AssertionError(f"{method} {path}: {refused.code} {refused.read().decode()}") from None
    return content
