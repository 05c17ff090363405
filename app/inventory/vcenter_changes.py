"""What is done with vCenters that are known already: trying one out, new credentials, a sync now."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import func, select
from sqlalchemy.orm import Session as DbSession

from app.access.audit import Action, record
from app.db import transaction
from app.errors import InvalidParameter, NotFound, VrelocateError
from app.inventory.models import VMWARE, VCenter
from app.inventory.vcenters import endpoint_of
from app.sealing import reseal, seal
from app.settings import settings
from app.vsphere.endpoint import Endpoint
from app.vsphere.facts import About
from app.vsphere.session import Session, about


@dataclass(frozen=True)
class Tried:
    """Whether a vCenter can be worked with now."""

    about: About | None
    error: str | None
    """Why it cannot."""


def look_at(endpoint: Endpoint) -> About:
    """Log in anew, ask which vCenter it is, and log out; raises what the login raises."""
    probe = Session(endpoint, timeout_seconds=settings().vcenter_call_timeout_seconds)
    try:
        return about(probe)
    finally:
        probe.close()


def try_vcenter(vcenter_id: UUID) -> Tried:
    """Log in with what is kept, and say how that went; raises `NotFound`."""
    with transaction() as session:
        _known(session, vcenter_id)
        endpoint = endpoint_of(session, vcenter_id)
    try:
        return Tried(look_at(endpoint), None)
    except VrelocateError as error:
        return Tried(None, str(error))


def rotate_credentials(vcenter_id: UUID, *, username: str, password: str) -> None:
    """Log in with other credentials and, when that works and it is the same vCenter, keep them from now on.

    Every process goes over to them with its next step; tasks that are under way go on, they need no session. Raises
    `NotFound`, `InvalidParameter` when another vCenter answers, and what the login raises; nothing is changed then.
    """
    with transaction() as session:
        vcenter = _known(session, vcenter_id)
    # The old password is not needed, and may be sealed with a key that was lost.
    endpoint = Endpoint(
        url=vcenter.url,
        username=username,
        password=SecretStr(password),
        thumbprint=vcenter.thumbprint,
        insecure=vcenter.insecure,
    )
    seen = look_at(endpoint)
    with transaction() as session:
        vcenter = _known(session, vcenter_id, lock=True)
        if vcenter.instance_uuid and vcenter.instance_uuid != seen.instance_uuid:
            raise InvalidParameter(
                f"another vCenter answers at {endpoint.address} than the one that {vcenter.name} was: add it by a name "
                "of its own"
            )
        vcenter.username, vcenter.password_sealed = username, seal(password)
        record(session, Action.ROTATE_CREDENTIALS, ("VCenter", vcenter_id), name=vcenter.name, username=username)


def reseal_passwords(session: DbSession) -> int:
    """Have every password sealed by the first of the master keys; return how many there are.

    Raises `ConfigurationError` when one was sealed with a key that is not among them: then nothing is changed.
    """
    every = select(VCenter).where(VCenter.hypervisor == VMWARE).order_by(VCenter.id).with_for_update()
    vcenters = session.scalars(every).all()
    for vcenter in vcenters:
        vcenter.password_sealed = reseal(vcenter.password_sealed)
    return len(vcenters)


def request_sync(vcenter_id: UUID) -> None:
    """Make the inventory due to be read now: the next worker that sweeps reads it. Raises `NotFound`."""
    with transaction() as session:
        vcenter = _known(session, vcenter_id, lock=True)
        vcenter.next_sync_at = func.now()
        record(session, Action.SYNC_VCENTER, ("VCenter", vcenter_id), name=vcenter.name)


def known_vcenter(session: DbSession, vcenter_id: UUID) -> VCenter:
    """Return the row of a system, a vCenter or not; raises `NotFound`."""
    vcenter = session.get(VCenter, vcenter_id)
    if vcenter is None:
        raise NotFound(f"there is no vCenter {vcenter_id}")
    return vcenter


def _known(session: DbSession, vcenter_id: UUID, *, lock: bool = False) -> VCenter:
    vcenter = session.get(VCenter, vcenter_id, with_for_update=lock)
    if vcenter is None or vcenter.hypervisor != VMWARE:
        raise NotFound(f"there is no vCenter {vcenter_id}")
    return vcenter
