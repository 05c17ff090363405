"""Pods: CloudStack has one between a zone and its clusters, vSphere has none. Each zone has one here, derived from it.

They are no table: a pod's id follows from its zone's, and is the same for as long as that is. vSphere's storage pods
(datastore clusters) are something else: they are storage pools.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from uuid import UUID, uuid5

from sqlalchemy.orm import Session

from app.inventory.models import Zone
from app.inventory.queries import Filter, Page, list_zones

_NAMESPACE = UUID("5d8f3a0e-5a5b-4d0c-9c39-2f8a3c1b7e64")
"""Of all installations, for ever: clients keep ids."""


@dataclass(frozen=True)
class Pod:
    """The pod of a zone."""

    zone: Zone

    @property
    def id(self) -> UUID:
        """Its id."""
        return uuid5(_NAMESPACE, str(self.zone.id))

    @property
    def name(self) -> str:
        """Its name, which says whose it is."""
        return f"{self.zone.name}-pod"


def list_pods(session: Session, zone_id: UUID | None = None, *, removed: bool = False) -> list[Pod]:
    """Return the pods by the names of their zones; with `removed` also those of zones that vCenter no longer shows."""
    wanted = Filter(ids=None if zone_id is None else (zone_id,), removed=removed)
    zones, _ = list_zones(session, wanted, Page())
    return [Pod(zone) for zone in zones]


def known_pod_ids(session: Session, ids: Collection[UUID]) -> set[UUID]:
    """Return those of `ids` that ever were a pod's."""
    return {pod.id for pod in list_pods(session, removed=True)} & set(ids)


def zone_wanted(session: Session, zone_id: UUID | None, pod_id: UUID | None) -> UUID | None:
    """Return the zone that a list is narrowed to by `zoneid`, by `podid` or by both; `None`: by neither."""
    if pod_id is None:
        return zone_id
    zone_of_pod = next((pod.zone.id for pod in list_pods(session, removed=True) if pod.id == pod_id), None)
    # The id of a pod is no zone's: nothing is in another zone's pod.
    return zone_of_pod if zone_id in {None, zone_of_pod} else pod_id
