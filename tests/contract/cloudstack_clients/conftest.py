"""What the steps assert is a test's: it is shown in full when it fails."""

from __future__ import annotations

import pytest

pytest.register_assert_rewrite(
    "tests.contract.cloudstack_clients.cloudmonkey", "tests.contract.cloudstack_clients.steps"
)
