"""`/api/v1/vcenters`: add one, look at them, try one out, have one read, change its credentials."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, ConfigDict, Field, SecretStr, StrictBool, StringConstraints

from app.access.addresses import require_allowed
from app.api.rest.responses import UNCHANGED, problems
from app.api.rest.serving import Route, who_may
from app.api.rest.values import NUMBER, Name
from app.db import transaction
from app.inventory.models import VMWARE, VCenter
from app.inventory.vcenter_changes import known_vcenter, request_sync, rotate_credentials, try_vcenter
from app.inventory.vcenters import add_vcenter, list_vcenters
from app.vsphere.endpoint import HTTPS_PORT, server_of

router = APIRouter(prefix="/vcenters", tags=["vCenters"], route_class=Route)

_HOST = r"^([A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?|[0-9A-Fa-f:.]{2,45})$"
_SHA256 = r"^([0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}$"
_Id = Annotated[UUID, Path(description="Its id")]
_Secret = Annotated[SecretStr, Field(min_length=1, max_length=1000, json_schema_extra={"writeOnly": True})]


class Authorities(BaseModel):
    """The authorities that the system trusts vouch for its certificate."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["authorities"]


class Pinned(BaseModel):
    """This one certificate is accepted."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["thumbprint"]
    sha256: Annotated[str, StringConstraints(pattern=_SHA256)]


class AnyCertificate(BaseModel):
    """Any certificate is accepted: for laboratories, never where it matters."""

    model_config = ConfigDict(extra="forbid")

    kind: Literal["insecure"]


Trust = Annotated[Authorities | Pinned | AnyCertificate, Field(discriminator="kind")]


class CredentialsIn(BaseModel):
    """Who vrelocate is for a vCenter."""

    model_config = ConfigDict(extra="forbid")

    username: Name
    password: _Secret


class VCenterIn(CredentialsIn):
    """A vCenter to be added."""

    name: Name
    host: Annotated[str, StringConstraints(pattern=_HOST)] = Field(description="Its name or address")
    port: Annotated[int, Field(ge=1, le=65535), NUMBER] = HTTPS_PORT
    trust: Trust
    native_motion: StrictBool = Field(
        default=True, description="Whether it may be asked to move anything itself; if not, secondary storage is used"
    )

    @property
    def url(self) -> str:
        """Its address as the rest of vrelocate has it."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"https://{host}" if self.port == HTTPS_PORT else f"https://{host}:{self.port}"


class VCenterOut(BaseModel):
    """A vCenter, or the KVM hosts of some file pools."""

    id: UUID
    name: str
    hypervisor: str = Field(description="`VMware` or `KVM`")
    url: str
    username: str
    trust: Literal["authorities", "thumbprint", "insecure"]
    thumbprint: str | None = Field(description="SHA-256 of the one certificate that is accepted")
    native_motion: bool
    instance_uuid: str | None = Field(description="vCenter's own id")
    created_at: datetime
    synced_at: datetime | None = Field(description="When its inventory was read last")
    next_sync_at: datetime
    sync_error: str | None = Field(description="Why the last sync failed; null: it did not")

    @classmethod
    def of(cls, vcenter: VCenter) -> Self:
        """Return a vCenter as clients see it; nobody sees its password."""
        return cls(
            id=vcenter.id,
            name=vcenter.name,
            hypervisor=vcenter.hypervisor,
            url=vcenter.url,
            username=vcenter.username,
            trust="thumbprint" if vcenter.thumbprint else "insecure" if vcenter.insecure else "authorities",
            thumbprint=vcenter.thumbprint,
            native_motion=vcenter.native_motion,
            instance_uuid=vcenter.instance_uuid,
            created_at=vcenter.created_at,
            synced_at=vcenter.synced_at,
            next_sync_at=vcenter.next_sync_at,
            sync_error=vcenter.sync_error,
        )


class VCenterList(BaseModel):
    """All vCenters, by name."""

    items: list[VCenterOut]


class TestedOut(BaseModel):
    """Whether a vCenter can be worked with now."""

    ok: bool
    product: str | None = Field(description="What it says of itself")
    version: str | None
    error: str | None = Field(description="Why it cannot be worked with, and what can be done")


@router.get("", summary="List vCenters", responses=problems(), dependencies=[Depends(who_may("listVCenters"))])
def list_all() -> VCenterList:
    """Return every vCenter, and every system of KVM hosts, by name."""
    return VCenterList(items=[VCenterOut.of(vcenter) for vcenter in list_vcenters()])


@router.post(
    "",
    status_code=201,
    summary="Add a vCenter",
    responses=problems(400, 409, 413, 422),
    dependencies=[Depends(who_may("createVCenter"))],
)
def add(asked: VCenterIn) -> VCenterOut:
    """Log in to it once and, when that works, keep it; its password is sealed, and its inventory is read soon.

    Where it may be, the setting `VRELOCATE_VCENTER_ADDRESSES` says.
    """
    require_allowed(asked.host, asked.port)
    vcenter_id = add_vcenter(
        name=asked.name,
        url=asked.url,
        username=asked.username,
        password=asked.password.get_secret_value(),
        thumbprint=asked.trust.sha256 if isinstance(asked.trust, Pinned) else None,
        insecure=isinstance(asked.trust, AnyCertificate),
        native_motion=asked.native_motion,
    )
    return _shown(vcenter_id)


@router.get(
    "/{vcenter_id}",
    summary="One vCenter",
    responses={**UNCHANGED, **problems(404, 422)},
    dependencies=[Depends(who_may("listVCenters"))],
)
def get(vcenter_id: _Id) -> VCenterOut:
    """Return a vCenter."""
    return _shown(vcenter_id)


@router.post(
    "/{vcenter_id}/test",
    summary="Try a vCenter out",
    responses=problems(404, 422),
    dependencies=[Depends(who_may("testVCenter"))],
)
def try_out(vcenter_id: _Id) -> TestedOut:
    """Log in with what is kept, and say how that went."""
    _require_allowed(vcenter_id)
    tried = try_vcenter(vcenter_id)
    return TestedOut(
        ok=tried.about is not None,
        product=tried.about.name if tried.about else None,
        version=tried.about.version if tried.about else None,
        error=tried.error,
    )


@router.post(
    "/{vcenter_id}/sync",
    status_code=202,
    summary="Have a vCenter's inventory read",
    responses=problems(404, 422),
    dependencies=[Depends(who_may("syncVCenter"))],
)
def sync(vcenter_id: _Id) -> VCenterOut:
    """Let the next worker that is free read it; `synced_at` says when it was."""
    request_sync(vcenter_id)
    return _shown(vcenter_id)


@router.put(
    "/{vcenter_id}/credentials",
    summary="Change a vCenter's credentials",
    responses=problems(400, 404, 413, 422),
    dependencies=[Depends(who_may("updateVCenter"))],
)
def rotate(vcenter_id: _Id, asked: CredentialsIn) -> VCenterOut:
    """Log in with them and, when that works, keep them in place of the old ones; migrations under way go on."""
    _require_allowed(vcenter_id)
    rotate_credentials(vcenter_id, username=asked.username, password=asked.password.get_secret_value())
    return _shown(vcenter_id)


def _require_allowed(vcenter_id: UUID) -> None:
    """Refuse to be sent to an address that is not allowed (any more)."""
    with transaction() as session:
        vcenter = known_vcenter(session, vcenter_id)
    if vcenter.hypervisor == VMWARE:
        require_allowed(*server_of(vcenter.url))


def _shown(vcenter_id: UUID) -> VCenterOut:
    with transaction() as session:
        return VCenterOut.of(known_vcenter(session, vcenter_id))
