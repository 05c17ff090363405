"""Zones, pods, clusters and hosts: `listZones`, `listPods`, `listClusters`, `listHosts`."""

from __future__ import annotations

from app.api.cloudstack.command import Call, command
from app.api.cloudstack.envelope import Content
from app.api.cloudstack.paging import KEYWORD, PAGING, listing, page_of, part_of
from app.api.cloudstack.parameters import Kind, Parameter
from app.api.cloudstack.pods import Pod, list_pods, zone_wanted
from app.api.cloudstack.shapes import Field, Shape
from app.db import transaction
from app.inventory.models import Cluster, Host, Zone
from app.inventory.queries import (
    ClusterView,
    Filter,
    HostFilter,
    HostView,
    list_clusters,
    list_hosts,
    list_zones,
)

_ENABLED = "Enabled"

ZONE = Shape[Zone](
    "zone",
    (
        Field("id", "string", "Zone id", lambda zone: zone.id),
        Field("name", "string", "Zone name: that of the vSphere datacenter", lambda zone: zone.name),
        Field("displaytext", "string", "the display text of the zone", lambda zone: zone.name),
        Field("networktype", "string", "the network type of the zone", lambda _: "Advanced"),
        Field("securitygroupsenabled", "boolean", "true if security groups support is enabled", lambda _: False),
        Field("localstorageenabled", "boolean", "true if local storage offering enabled", lambda _: True),
        Field("allocationstate", "string", "the allocation state of the zone", lambda _: _ENABLED),
    ),
)

POD = Shape[Pod](
    "pod",
    (
        Field("id", "string", "the ID of the Pod", lambda pod: pod.id),
        Field("name", "string", "the name of the Pod: that of its zone, with -pod", lambda pod: pod.name),
        Field("zoneid", "string", "the Zone ID of the Pod", lambda pod: pod.zone.id),
        Field("zonename", "string", "the Zone name of the Pod", lambda pod: pod.zone.name),
        Field("allocationstate", "string", "the allocation state of the Pod", lambda _: _ENABLED),
    ),
)

CLUSTER = Shape[ClusterView](
    "cluster",
    (
        Field("id", "string", "the cluster ID", lambda view: view.cluster.id),
        Field("name", "string", "the cluster name", lambda view: view.cluster.name),
        Field("zoneid", "string", "the Zone ID of the cluster", lambda view: view.zone.id),
        Field("zonename", "string", "the Zone name of the cluster", lambda view: view.zone.name),
        Field("podid", "string", "the Pod ID of the cluster", lambda view: Pod(view.zone).id),
        Field("podname", "string", "the Pod name of the cluster", lambda view: Pod(view.zone).name),
        Field("hypervisortype", "string", "the hypervisor type of the cluster", lambda view: view.zone.hypervisor),
        Field(
            "clustertype",
            "string",
            "CloudManaged, or ExternalManaged by vCenter, which it always is here",
            lambda _: "ExternalManaged",
        ),
        Field("allocationstate", "string", "the allocation state of the cluster", lambda _: _ENABLED),
        Field("managedstate", "string", "whether this cluster is managed", lambda _: "Managed"),
        Field("standalone", "boolean", "true for a host outside of any cluster", lambda view: view.cluster.standalone),
    ),
)

HOST = Shape[HostView](
    "host",
    (
        Field("id", "string", "the ID of the host", lambda view: view.host.id),
        Field("name", "string", "the name of the host", lambda view: view.host.name),
        # ngine_io.cloudstack reads the key of every host.
        Field("ipaddress", "string", "where vCenter reaches it: its name there", lambda view: view.host.name),
        Field("state", "string", "the state of the host: Up or Disconnected", lambda view: _host_state(view.host)),
        Field("type", "string", "the host type", lambda _: "Routing"),
        Field("zoneid", "string", "the Zone ID of the host", lambda view: view.zone.id),
        Field("zonename", "string", "the Zone name of the host", lambda view: view.zone.name),
        Field("podid", "string", "the Pod ID of the host", lambda view: Pod(view.zone).id),
        Field("podname", "string", "the Pod name of the host", lambda view: Pod(view.zone).name),
        Field("clusterid", "string", "the cluster ID of the host", lambda view: view.cluster.id),
        Field("clustername", "string", "the cluster name of the host", lambda view: view.cluster.name),
        Field("clustertype", "string", "the cluster type of the host's cluster", lambda _: "ExternalManaged"),
        Field("hypervisor", "string", "the host hypervisor", lambda view: view.zone.hypervisor),
        Field(
            "resourcestate",
            "string",
            "the resource state of the host: Enabled or Maintenance",
            lambda view: "Maintenance" if view.host.in_maintenance else "Enabled",
        ),
        Field("created", "date", "the date and time the host was first seen", lambda view: view.host.created_at),
    ),
)


@command(
    "listZones",
    "Lists zones",
    response=ZONE,
    parameters=(
        Parameter("id", Kind.UUID, "the ID of the zone", entity=Zone),
        Parameter("name", Kind.STRING, "the name of the zone"),
        KEYWORD,
        *PAGING,
    ),
)
def list_zones_command(call: Call) -> Content:
    """Answer `listZones`."""
    asked = call.arguments
    zone = asked.uuid("id")
    wanted = Filter(ids=(zone,) if zone else None, name=asked.text("name"), keyword=asked.text("keyword"))
    with transaction() as session:
        zones, count = list_zones(session, wanted, page_of(asked))
    return listing(ZONE.name, [ZONE.render(zone) for zone in zones], count)


@command(
    "listPods",
    "Lists all Pods.",
    response=POD,
    parameters=(
        Parameter("id", Kind.UUID, "list Pods by ID", entity=Pod),
        Parameter("name", Kind.STRING, "list Pods by name"),
        Parameter("zoneid", Kind.UUID, "list Pods by Zone ID", entity=Zone),
        Parameter("allocationstate", Kind.STRING, "list pods by allocation state: all are Enabled"),
        KEYWORD,
        *PAGING,
    ),
)
def list_pods_command(call: Call) -> Content:
    """Answer `listPods`: one for each zone."""
    asked = call.arguments
    page, pod_id, name = page_of(asked), asked.uuid("id"), asked.text("name")
    keyword = (asked.text("keyword") or "").lower()
    if (asked.text("allocationstate") or _ENABLED).lower() != _ENABLED.lower():
        return {}
    with transaction() as session:
        pods = list_pods(session, asked.uuid("zoneid"))
    found = [
        pod for pod in pods if pod_id in {None, pod.id} and name in {None, pod.name} and keyword in pod.name.lower()
    ]
    return listing(POD.name, [POD.render(pod) for pod in part_of(found, page)], len(found))


@command(
    "listClusters",
    "Lists clusters.",
    response=CLUSTER,
    parameters=(
        Parameter("id", Kind.UUID, "lists clusters by the cluster ID", entity=Cluster),
        Parameter("name", Kind.STRING, "lists clusters by the cluster name"),
        Parameter("zoneid", Kind.UUID, "lists clusters by Zone ID", entity=Zone),
        Parameter("podid", Kind.UUID, "lists clusters by Pod ID", entity=Pod),
        KEYWORD,
        *PAGING,
    ),
)
def list_clusters_command(call: Call) -> Content:
    """Answer `listClusters`."""
    asked = call.arguments
    page, cluster = page_of(asked), asked.uuid("id")
    with transaction() as session:
        wanted = Filter(
            ids=(cluster,) if cluster else None,
            name=asked.text("name"),
            keyword=asked.text("keyword"),
            zone_id=zone_wanted(session, asked.uuid("zoneid"), asked.uuid("podid")),
        )
        views, count = list_clusters(session, wanted, page)
    return listing(CLUSTER.name, [CLUSTER.render(view) for view in views], count)


@command(
    "listHosts",
    "Lists hosts.",
    response=HOST,
    parameters=(
        Parameter("id", Kind.UUID, "the id of the host", entity=Host),
        Parameter("name", Kind.STRING, "the name of the host"),
        Parameter("type", Kind.STRING, "the host type: there are only Routing ones"),
        Parameter("state", Kind.STRING, "the state of the host: Up or Disconnected"),
        Parameter("zoneid", Kind.UUID, "the Zone ID for the host", entity=Zone),
        Parameter("podid", Kind.UUID, "the Pod ID for the host", entity=Pod),
        Parameter("clusterid", Kind.UUID, "lists hosts existing in particular cluster", entity=Cluster),
        KEYWORD,
        *PAGING,
    ),
)
def list_hosts_command(call: Call) -> Content:
    """Answer `listHosts`."""
    asked = call.arguments
    page = page_of(asked)
    state = (asked.text("state") or "").lower()
    if (asked.text("type") or "routing").lower() != "routing" or state not in {"", "up", "disconnected"}:
        return {}
    host = asked.uuid("id")
    with transaction() as session:
        wanted = HostFilter(
            ids=(host,) if host else None,
            name=asked.text("name"),
            keyword=asked.text("keyword"),
            zone_id=zone_wanted(session, asked.uuid("zoneid"), asked.uuid("podid")),
            cluster_id=asked.uuid("clusterid"),
            connected=state == "up" if state else None,
        )
        views, count = list_hosts(session, wanted, page)
    return listing(HOST.name, [HOST.render(view) for view in views], count)


def _host_state(host: Host) -> str:
    return "Up" if host.connected else "Disconnected"


COMMANDS = (list_zones_command, list_pods_command, list_clusters_command, list_hosts_command)
