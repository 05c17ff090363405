"""Storage policies: which ones a VM's home and disks have, and whether a datastore suits them (PBM, `/pbm`).

The policy service is a server of its own beside vCenter's and takes vCenter's session (VMware Storage Policy API,
"Retrieving the session cookie"). It is asked when a migration is judged, not by every sync: an answer is for the
moment. A vCenter without it, or one that does not answer, makes nothing fail: what is asked for is not known then.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from pyVmomi import pbm as _pbm
from pyVmomi.VmomiSupport import GetRequestContext

from app.vsphere.errors import ManagedObjectGone, VCenterFault, VCenterUnreachable
from app.vsphere.pyvmomi import VimObject
from app.vsphere.session import Session
from app.vsphere.soap import soap_stub

log = logging.getLogger(__name__)

pbm: VimObject = _pbm
T = TypeVar("T")

_PATH = "/pbm"
"""As govmomi has it; pyVmomi's samples say `/pbm/sdk`. A vCenter answers at both, vcsim at this one."""
_VERSION = "pbm.version.version11"
"""That of vSphere 6.5, as everywhere."""
_SESSION_HEADER = "vcSessionCookie"
_DATASTORE = "Datastore"


@dataclass(frozen=True, slots=True)
class StoragePolicy:
    """A storage policy (PbmProfile)."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class VmPolicies:
    """The storage policies of a VM; without one, the datastore's default applies, which suits every datastore."""

    home: StoragePolicy | None
    disks: Mapping[int, StoragePolicy]
    """By device key; a disk without a policy is not in it."""


def policies_of(session: Session, vm_moref: str, device_keys: Iterable[int]) -> VmPolicies | None:
    """Return the policies of a VM's home and of its disks (PbmQueryAssociatedProfiles); None: not known."""
    keys = {f"{vm_moref}:{key}": key for key in device_keys}
    home = pbm.ServerObjectRef(objectType="virtualMachine", key=vm_moref)
    disks = [pbm.ServerObjectRef(objectType="virtualDiskId", key=name) for name in keys]

    def ask(content: VimObject) -> VmPolicies:
        answers = content.profileManager.PbmQueryAssociatedProfiles([home, *disks])
        ids = {answer.object.key: answer.profileId[0].uniqueId for answer in answers if answer.profileId}
        named = _names(content, set(ids.values()))
        policies = {key: StoragePolicy(policy_id, named[policy_id]) for key, policy_id in ids.items()}
        return VmPolicies(
            home=policies.get(vm_moref), disks={keys[name]: policies[name] for name in keys if name in policies}
        )

    return _asked(session, ask)


def unsuitable(session: Session, policy_id: str, datastores: Iterable[str]) -> dict[str, str] | None:
    """Return why datastores do not suit a policy, by reference; those that do are not in it. None: not known.

    PbmCheckCompatibility; a warning is no reason.
    """
    hubs = [pbm.placement.PlacementHub(hubType=_DATASTORE, hubId=moref) for moref in datastores]
    asked = {hub.hubId for hub in hubs}

    def ask(content: VimObject) -> dict[str, str]:
        solver, policy = content.placementSolver, pbm.profile.ProfileId(uniqueId=policy_id)
        return {
            result.hub.hubId: "; ".join(_said(fault) for fault in result.error)
            for result in solver.PbmCheckCompatibility(hubsToSearch=hubs, profile=policy)
            if result.error and result.hub.hubId in asked
        }

    return _asked(session, ask) if hubs else {}


def _names(content: VimObject, ids: set[str]) -> dict[str, str]:
    if not ids:
        return {}
    wanted = [pbm.profile.ProfileId(uniqueId=policy_id) for policy_id in sorted(ids)]
    return {profile.profileId.uniqueId: profile.name for profile in content.profileManager.PbmRetrieveContent(wanted)}


def _said(fault: VimObject) -> str:
    """Return what a fault says: its message, or its type where it has none."""
    return str(getattr(fault, "msg", "") or type(fault).__name__.rpartition(".")[2])


def _asked(session: Session, ask: Callable[[VimObject], T]) -> T | None:
    """Run `ask` with the policy service's content, in vCenter's session; None when the service does not answer."""

    def with_service(content: VimObject) -> T:
        context = GetRequestContext()  # type: ignore[no-untyped-call]  # of this thread, for every request it sends
        context[_SESSION_HEADER] = _session_id(content.sessionManager)
        stub = soap_stub(session.endpoint, session.timeout_seconds, path=_PATH, version=_VERSION)
        try:
            return ask(pbm.ServiceInstance("ServiceInstance", stub).PbmRetrieveServiceContent())
        finally:
            del context[_SESSION_HEADER]
            stub.DropConnections()

    try:
        return session.call(with_service)
    except (VCenterFault, ManagedObjectGone, VCenterUnreachable) as error:
        log.warning("the storage policies of %s are not known: %s", session.endpoint.host, error)
        return None


def _session_id(managed_object: VimObject) -> str:
    """Return the session's id out of the cookie `vmware_soap_session="…"; Path=/; …`."""
    cookie: str = managed_object._stub.cookie  # noqa: SLF001  # as pyVmomi's own samples reach it
    return cookie.partition("=")[2].partition(";")[0].strip().strip('"')
