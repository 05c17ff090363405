"""The vCenters of an installation: how they are added, whose turn it is to be read, and who reads."""

from __future__ import annotations

from uuid import UUID

import pytest
from sqlalchemy import text

from app.db import transaction
from app.errors import ConfigurationError, InvalidParameter, NotFound
from app.inventory.models import VCenter
from app.inventory.vcenters import add_vcenter, claim_due_sync, list_vcenters, session_to, vcenter_named
from app.vsphere.errors import CertificateRefused, VCenterLoginFailed
from app.vsphere.session import about
from tests.integration.jobs.at_once import at_once
from tests.running.vcenter import RunningVCenter

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("installation")]


def add(vcenter: RunningVCenter, **changes: object) -> UUID:
    facts = {
        "name": "vc",
        "url": vcenter.url,
        "username": vcenter.username,
        "password": vcenter.password,
        "thumbprint": vcenter.thumbprint,
        "insecure": False,
    }
    return add_vcenter(**{**facts, **changes})  # type: ignore[arg-type]


def row(vcenter_id: UUID) -> VCenter:
    with transaction() as session:
        return session.get_one(VCenter, vcenter_id)


def test_a_password_is_kept_sealed(simulated: RunningVCenter) -> None:
    vcenter_id = add(simulated)
    assert simulated.password.encode() not in row(vcenter_id).password_sealed
    assert simulated.password not in str(vars(row(vcenter_id)))
    assert about(session_to(vcenter_id)).instance_uuid == row(vcenter_id).instance_uuid


def test_a_password_that_does_not_work_is_not_kept(simulated: RunningVCenter) -> None:
    with pytest.raises(VCenterLoginFailed):
        add(simulated, password="not this one")
    assert list_vcenters() == []


def test_a_certificate_that_is_not_the_pinned_one_is_not_kept(simulated: RunningVCenter) -> None:
    with pytest.raises(CertificateRefused):
        add(simulated, thumbprint="00" * 32)
    assert list_vcenters() == []


def test_a_name_is_given_once_unless_it_is_to_be_replaced(simulated: RunningVCenter, plain: RunningVCenter) -> None:
    first = add(simulated)
    with pytest.raises(InvalidParameter, match="there is a vCenter named vc already"):
        add(plain)
    assert row(first).url == simulated.url
    assert add(plain, replace=True) == first
    assert row(first).url == plain.url
    assert about(session_to(first)).instance_uuid == row(first).instance_uuid


def test_a_vcenter_is_found_by_name_and_by_id(simulated: RunningVCenter) -> None:
    vcenter_id = add(simulated)
    assert vcenter_named("vc").id == vcenter_named(str(vcenter_id)).id == vcenter_id
    with pytest.raises(NotFound, match="known: vc"):
        vcenter_named("another")


def test_another_master_key_opens_nothing(simulated: RunningVCenter, monkeypatch: pytest.MonkeyPatch) -> None:
    from cryptography.fernet import Fernet  # noqa: PLC0415

    import app.sealing  # noqa: PLC0415
    import app.settings  # noqa: PLC0415

    vcenter_id = add(simulated)
    monkeypatch.setenv("VRELOCATE_MASTER_KEY", Fernet.generate_key().decode())
    app.settings.settings.cache_clear()
    app.sealing._box.cache_clear()
    with pytest.raises(ConfigurationError, match="sealed with another master key"):
        session_to(vcenter_id)


def test_of_many_readers_one_reads_a_vcenter_that_is_due(simulated: RunningVCenter) -> None:
    vcenter_id = add(simulated)
    assert [it for it in at_once(16, lambda _: claim_due_sync(300)) if it] == [vcenter_id]
    assert claim_due_sync(300) is None


def test_each_vcenter_has_its_turn_the_longest_due_first(simulated: RunningVCenter) -> None:
    first, second = add(simulated, name="first"), add(simulated, name="second")
    with transaction() as session:
        session.execute(
            text("UPDATE vcenter SET next_sync_at = now() - interval '1 hour' WHERE id = :id"), {"id": second}
        )
    assert [claim_due_sync(300), claim_due_sync(300), claim_due_sync(300)] == [second, first, None]
    with transaction() as session:
        waits = text("SELECT extract(epoch FROM next_sync_at - now()) FROM vcenter WHERE id = :id")
        seconds = session.scalars(waits, {"id": first}).one()
    assert 290 < seconds <= 300
