"""Domains and projects: `listDomains`, which has one, and `listProjects`, which has none."""

from __future__ import annotations

from app.api.cloudstack.command import Call, command
from app.api.cloudstack.envelope import Content
from app.api.cloudstack.ownership import Domain, Project
from app.api.cloudstack.paging import KEYWORD, PAGING, listing, page_of, part_of
from app.api.cloudstack.parameters import Kind, Parameter
from app.api.cloudstack.shapes import Field, Shape

_LEVEL = 0
_LIST_ALL = Parameter("listall", Kind.BOOLEAN, "has no effect: all are listed")

DOMAIN = Shape[Domain](
    "domain",
    (
        Field("id", "string", "the ID of the domain", lambda domain: domain.id),
        Field("name", "string", "the name of the domain", lambda domain: domain.name),
        Field("level", "integer", "the level of the domain", lambda _: _LEVEL),
        Field("haschild", "boolean", "whether the domain has one or more sub-domains", lambda _: False),
        Field("path", "string", "the path of the domain", lambda domain: domain.name),
        Field("state", "string", "the state of the domain", lambda _: "Active"),
    ),
)

PROJECT = Shape[Project](
    "project",
    (
        Field("id", "string", "the id of the project", lambda project: project.id),
        Field("name", "string", "the name of the project", lambda project: project.name),
    ),
)


@command(
    "listDomains",
    "Lists domains and provides detailed information for listed domains",
    response=DOMAIN,
    parameters=(
        Parameter("id", Kind.UUID, "List domain by domain ID.", entity=Domain),
        Parameter("name", Kind.STRING, "List domain by domain name."),
        Parameter("level", Kind.INTEGER, "List domains by domain level."),
        _LIST_ALL,
        KEYWORD,
        *PAGING,
    ),
)
def list_domains_command(call: Call) -> Content:
    """Answer `listDomains`."""
    asked, page, domain = call.arguments, page_of(call.arguments), Domain()
    keyword = (asked.text(KEYWORD.name) or "").lower()
    wanted = (
        asked.text("name") in {None, domain.name}
        and asked.number("level") in {None, _LEVEL}
        and keyword in domain.name.lower()
    )
    found = [domain] if wanted else []
    return listing(DOMAIN.name, [DOMAIN.render(one) for one in part_of(found, page)], len(found))


@command(
    "listProjects",
    "Lists projects and provides detailed information for listed projects: there are none",
    response=PROJECT,
    parameters=(
        Parameter("id", Kind.UUID, "list projects by project ID", entity=Project),
        Parameter("name", Kind.STRING, "list projects by name"),
        Parameter("displaytext", Kind.STRING, "list projects by display text"),
        Parameter("state", Kind.STRING, "list projects by state"),
        Parameter("account", Kind.STRING, "list projects of the account of that name"),
        Parameter("domainid", Kind.UUID, "list projects of the domain", entity=Domain),
        Parameter("isrecursive", Kind.BOOLEAN, "has no effect: there is one domain"),
        _LIST_ALL,
        KEYWORD,
        *PAGING,
    ),
)
def list_projects_command(call: Call) -> Content:
    """Answer `listProjects`."""
    page_of(call.arguments)  # one that makes no sense is refused
    return listing(PROJECT.name, [], 0)


COMMANDS = (list_domains_command, list_projects_command)
