"""A vCenter with everything that a pre-flight check knows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.running.vcenter import RunningVCenter, running_vcenter

SCENARIO = Path(__file__).with_name("scenario.yaml")


@pytest.fixture(scope="module")
def simulated(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningVCenter]:
    """The vCenter of this folder's `scenario.yaml`, a fresh one for each file of tests."""
    folder = tmp_path_factory.mktemp("simulated")
    with running_vcenter(folder, "--scenario", SCENARIO, "--admin", "127.0.0.1:0") as vcenter:
        yield vcenter
