"""The vCenters that vrelocate works with: add one, list them, and open a session to one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import NoReturn
from uuid import UUID

from pydantic import SecretStr
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session as DbSession

from app.access.audit import Action, record
from app.db import transaction
from app.errors import InvalidParameter, NameTaken, NotFound
from app.inventory.models import VMWARE, VCenter
from app.sealing import seal, unseal
from app.settings import settings
from app.vsphere.endpoint import Endpoint
from app.vsphere.session import Session, about, session_for


def add_vcenter(
    *,
    name: str,
    url: str,
    username: str,
    password: str,
    thumbprint: str | None,
    insecure: bool,
    native_motion: bool = True,
    replace: bool = False,
) -> UUID:
    """Log in to a vCenter once and, when that works, keep it under `name`; its password is sealed.

    Without `native_motion` it is never asked to move anything itself. With `replace` a vCenter of that name is updated
    in place. Raises `InvalidParameter` when the name is taken otherwise, and what the login raises: an address or a
    password that does not work is not kept.
    """
    endpoint = Endpoint(
        url=url, username=username, password=SecretStr(password), thumbprint=thumbprint, insecure=insecure
    )
    probe = Session(endpoint, timeout_seconds=settings().vcenter_call_timeout_seconds)
    try:
        seen = about(probe)
    finally:
        probe.close()
    with transaction() as session:
        vcenter = session.scalars(select(VCenter).where(VCenter.name == name).with_for_update()).one_or_none()
        known = vcenter is not None
        if vcenter is None:
            vcenter = VCenter(name=name)
            session.add(vcenter)
        elif not replace:
            raise NameTaken(f"there is a vCenter named {name} already: choose another name, or use --if-absent")
        vcenter.url, vcenter.username, vcenter.password_sealed = url, username, seal(password)
        vcenter.thumbprint, vcenter.insecure = thumbprint, insecure
        vcenter.native_motion, vcenter.instance_uuid = native_motion, seen.instance_uuid
        vcenter.next_sync_at = func.now()
        session.flush()
        action = Action.UPDATE_VCENTER if known else Action.ADD_VCENTER
        record(session, action, ("VCenter", vcenter.id), name=name, url=url, username=username)
        return vcenter.id


def list_vcenters() -> list[VCenter]:
    """Return every vCenter, by name."""
    with transaction() as session:
        return list(session.scalars(select(VCenter).order_by(VCenter.name)))


def vcenter_named(name_or_id: str) -> VCenter:
    """Return the vCenter of that name or id; raises `NotFound`, naming those that exist."""
    vcenters = list_vcenters()
    for vcenter in vcenters:
        if name_or_id in {vcenter.name, str(vcenter.id)}:
            return vcenter
    known = ", ".join(vcenter.name for vcenter in vcenters) or "none yet: `vrelocate vcenter add` adds one"
    raise NotFound(f"there is no vCenter {name_or_id!r}; known: {known}")


def endpoint_of(session: DbSession, vcenter_id: UUID) -> Endpoint:
    """Return how to reach a vCenter, its password unsealed."""
    vcenter = session.get(VCenter, vcenter_id)
    if vcenter is None:
        raise NotFound(f"there is no vCenter {vcenter_id}")
    return Endpoint(
        url=vcenter.url,
        username=vcenter.username,
        password=SecretStr(unseal(vcenter.password_sealed)),
        thumbprint=vcenter.thumbprint,
        insecure=vcenter.insecure,
    )


@dataclass(frozen=True)
class Way:
    """How to reach a system, read in somebody's transaction; nothing is asked of it before `open`, after that."""

    vcenter_id: UUID
    name: str
    endpoint: Endpoint | None
    """`None`: it has no vCenter."""

    def open(self) -> Session:
        """Return this process's session to it, made on first use."""
        if self.endpoint is None:
            return NoVCenter(self.name)
        timeout_seconds = settings().vcenter_call_timeout_seconds
        return session_for(self.vcenter_id, self.endpoint, timeout_seconds=timeout_seconds)


def way_to(session: DbSession, vcenter_id: UUID) -> Way:
    """Return the way to a system; raises `NotFound`."""
    row = session.get(VCenter, vcenter_id)
    if row is not None and row.hypervisor != VMWARE:
        return Way(vcenter_id, row.name, None)
    return Way(vcenter_id, row.name if row else "", endpoint_of(session, vcenter_id))


def session_to(vcenter_id: UUID) -> Session:
    """Return this process's session to a vCenter, made on first use."""
    with transaction() as session:
        way = way_to(session, vcenter_id)
    return way.open()


class NoVCenter(Session):
    """Stands for the session of a system that has no vCenter: whatever is asked of it says so."""

    def __init__(self, name: str) -> None:
        """Take the system's name, for the operator."""
        super().__init__(Endpoint(url="https://localhost", username="", password=SecretStr("")), timeout_seconds=1)
        self._name = name

    def _current(self) -> NoReturn:
        raise InvalidParameter(f"{self._name} has no vCenter: nothing can be asked of one")


def claim_due_sync(interval_seconds: float) -> UUID | None:
    """Return a vCenter whose inventory is due to be read, and make it due again after `interval_seconds`.

    One of any number of callers gets it.
    """
    due = select(VCenter.id).where(VCenter.next_sync_at <= func.now()).order_by(VCenter.next_sync_at).limit(1)
    with transaction() as session:
        return session.scalars(
            update(VCenter)
            .where(VCenter.id == due.with_for_update(skip_locked=True).scalar_subquery())
            .values(next_sync_at=func.now() + timedelta(seconds=interval_seconds))
            .returning(VCenter.id)
        ).one_or_none()
