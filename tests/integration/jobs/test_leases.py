"""A lease lives for as long as its worker does, and not much longer."""

from __future__ import annotations

import threading
from datetime import datetime

import pytest
from sqlalchemy import func, select, text

from app.db import transaction
from app.jobs.leases import Claim, claim_to_submit, kept_alive, renew
from tests.integration.jobs.rows import job, lapse_lease, new_job
from tests.running.waiting import until

pytestmark = pytest.mark.integration

LEASE_SECONDS = 0.6


@pytest.fixture
def environment(environment: dict[str, str]) -> dict[str, str]:
    return {**environment, "VRELOCATE_LEASE_SECONDS": str(LEASE_SECONDS)}


@pytest.fixture
def claim() -> Claim:
    claimed = claim_to_submit(new_job(), "first")
    assert claimed
    return claimed


def database_time() -> datetime:
    with transaction() as session:
        now: datetime = session.scalars(select(func.clock_timestamp())).one()
    return now


def expiry(claim: Claim) -> datetime:
    expires_at = job(claim.job_id).lease_expires_at
    assert expires_at
    return expires_at


def beating(claim: Claim) -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name == f"lease-{claim.job_id}"]


def test_a_lease_runs_out_when_nobody_renews_it(claim: Claim) -> None:
    taken = until(lambda: claim_to_submit(claim.job_id, "second"), 10, "the lease has run out")
    assert taken is not None
    assert taken.fence == claim.fence + 1


def test_a_lease_that_is_kept_alive_outlives_its_length(claim: Claim) -> None:
    first = expiry(claim)
    with kept_alive(claim):
        until(lambda: database_time() > first, 10, "the first lease would have run out")
        assert expiry(claim) > first
        assert claim_to_submit(claim.job_id, "second") is None


def test_nobody_renews_once_the_work_is_over(claim: Claim) -> None:
    with kept_alive(claim):
        assert beating(claim)
    assert not beating(claim)


def test_an_error_in_the_work_ends_the_renewal_too(claim: Claim) -> None:
    with pytest.raises(KeyError), kept_alive(claim):
        raise KeyError
    assert not beating(claim)


def test_a_worker_that_lost_its_lease_stops_renewing(claim: Claim) -> None:
    with kept_alive(claim):
        lapse_lease(claim.job_id)
        while claim_to_submit(claim.job_id, "second") is None:
            # The beat came first: the lease is good again.
            lapse_lease(claim.job_id)
        taken = expiry(claim)
        until(lambda: not beating(claim), 10, "the renewal gives up")
    assert expiry(claim) == taken


def test_connections_that_break_do_not_end_the_renewal(claim: Claim) -> None:
    """PostgreSQL was restarted: the next beat connects anew."""
    with kept_alive(claim):
        with transaction() as session:
            session.execute(
                text(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                    "WHERE datname = current_database() AND pid <> pg_backend_pid()"
                )
            )
        broken = expiry(claim)
        until(lambda: expiry(claim) > broken, 10, "the lease is renewed")


def test_a_lease_is_as_long_as_is_configured(claim: Claim) -> None:
    before = database_time()
    renew(claim)
    assert LEASE_SECONDS <= (expiry(claim) - before).total_seconds() < LEASE_SECONDS + 5
