"""What is served here: `listApis` and `listCapabilities`."""

from __future__ import annotations

from importlib.metadata import version

from app.access.models import ApiKey
from app.access.roles import allows
from app.api.cloudstack.command import Call, Command, command
from app.api.cloudstack.entities import Entity
from app.api.cloudstack.envelope import CLOUDSTACK_VERSION, Content
from app.api.cloudstack.ownership import Account, Domain, Project
from app.api.cloudstack.paging import MAX_PAGE_SIZE, listing
from app.api.cloudstack.parameters import Kind, Parameter
from app.api.cloudstack.pods import Pod
from app.api.cloudstack.shapes import Field, Shape
from app.errors import InvalidParameter
from app.inventory.models import Cluster, DiskOffering, Host, StoragePool, VirtualMachine, Volume, Zone

_LISTED_BY: dict[type[Entity], str] = {
    Zone: "listZones",
    Pod: "listPods",
    Cluster: "listClusters",
    Host: "listHosts",
    StoragePool: "listStoragePools",
    DiskOffering: "listDiskOfferings",
    VirtualMachine: "listVirtualMachines",
    Volume: "listVolumes",
    ApiKey: "listUsers",
    Account: "listAccounts",
    Domain: "listDomains",
    Project: "listProjects",
}
"""Where the ids of each kind of thing come from: CloudMonkey completes them from there."""

API = Shape[Command](
    "api",
    (
        Field("name", "string", "the name of the api command", lambda command: command.name),
        Field("description", "string", "description of the api", lambda command: command.description),
        Field("isasync", "boolean", "true if api is asynchronous", lambda command: command.is_async),
        Field(
            "params",
            "set",
            "the list params the api accepts",
            lambda command: [_described(parameter) for parameter in command.parameters],
        ),
        Field("response", "set", "api response fields", lambda command: command.response.description()),
    ),
)

CAPABILITY = Shape[None](
    "capability",
    (
        Field("cloudstackversion", "string", "the CloudStack whose API is spoken", lambda _: CLOUDSTACK_VERSION),
        Field("vrelocateversion", "string", "the vrelocate that speaks it", lambda _: version("vrelocate")),
        Field("securitygroupsenabled", "boolean", "true if security groups are supported", lambda _: False),
        Field("dynamicrolesenabled", "boolean", "true if roles can be made", lambda _: False),
        Field("userpublictemplateenabled", "boolean", "true if users can share templates", lambda _: False),
        Field("supportELB", "string", "true if elastic load balancing is supported", lambda _: "false"),
        Field("projectinviterequired", "boolean", "true if projects need invitations", lambda _: False),
        Field("allowusercreateprojects", "boolean", "true if users may make projects", lambda _: False),
        Field("regionsecondaryenabled", "boolean", "true if regions share secondary storage", lambda _: False),
        Field("kvmsnapshotenabled", "boolean", "true if KVM snapshots are supported", lambda _: False),
        Field("allowuserviewdestroyedvm", "boolean", "true if users see destroyed VMs", lambda _: False),
        Field("allowuserexpungerecovervm", "boolean", "true if users can recover VMs", lambda _: False),
        Field("allowuserexpungerecovervolume", "boolean", "true if users can recover volumes", lambda _: False),
        Field("kubernetesserviceenabled", "boolean", "true if Kubernetes is served", lambda _: False),
        Field("defaultuipagesize", "long", "default size of a page", lambda _: MAX_PAGE_SIZE),
    ),
)


@command(
    "listApis",
    "lists all available apis on the server, provided by the Api Discovery plugin",
    response=API,
    parameters=(Parameter("name", Kind.STRING, "API name"),),
)
def list_apis_command(call: Call) -> Content:
    """Answer `listApis`: what the caller's role may call."""
    name = call.arguments.text("name")
    allowed = [served for served in call.served.values() if allows(call.caller.role, served.name)]
    if name is not None:
        allowed = [served for served in allowed if served.name == name]
        if not allowed:
            raise InvalidParameter(f"The API {name} either does not exist or is not available to the user")
    return listing(API.name, [API.render(served) for served in allowed], len(allowed))


@command("listCapabilities", "Lists capabilities", response=CAPABILITY)
def list_capabilities_command(_: Call) -> Content:
    """Answer `listCapabilities`: one object, not a list, as in CloudStack."""
    return {CAPABILITY.name: CAPABILITY.render(None)}


def _described(parameter: Parameter) -> Content:
    return {
        "name": parameter.name,
        "description": parameter.description,
        "type": parameter.kind,
        "length": parameter.length,
        "required": parameter.required,
        "since": parameter.since or None,
        "related": _LISTED_BY[parameter.entity] if parameter.entity else None,
    }


COMMANDS = (list_apis_command, list_capabilities_command)
