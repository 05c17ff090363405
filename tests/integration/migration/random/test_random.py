"""Random vCenters, random requests, random trouble: afterwards everything is in one place, and what is said is true.

A few examples, always the same, in each run of the suite; any number of others with `--hypothesis-profile=soak`, which
also looks for the smallest example that fails.
"""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, given, note, settings

from tests.integration.migration.random.conftest import Starts
from tests.integration.migration.random.invariants import broken
from tests.integration.migration.random.wishes import Example, examples

SOAK = settings.get_current_profile_name() == "soak"
SUITE = settings(
    settings.get_profile("vrelocate"), max_examples=10, derandomize=True, phases=[Phase.explicit, Phase.generate]
)

pytestmark = [pytest.mark.integration, pytest.mark.timeout(0 if SOAK else 300)]


@settings(
    settings.get_profile("soak") if SOAK else SUITE,
    # Each example starts a vCenter, and is taken to its end.
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
@given(example=examples())
def test_whatever_happens_everything_is_in_one_place_and_what_is_said_is_true(start: Starts, example: Example) -> None:
    with start(example) as run:
        run.ask()
        run.to_the_end()
        note(run.told())
        assert broken(run) == []
