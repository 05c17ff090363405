"""Users, accounts, domains, projects: keys as CloudStack's clients look for them."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import httpx
import pytest
from cs import CloudStack, CloudStackApiException
from defusedxml.ElementTree import fromstring
from sqlalchemy.orm import Session

from app.access.keys import create_key, revoke_key
from app.access.models import ApiKey
from app.access.queries import key_named
from app.access.roles import Role

pytestmark = pytest.mark.integration

Keys = dict[str, tuple[str, str]]
ClientAs = Callable[[str], CloudStack]
LOOKING = ["listUsers", "listAccounts", "listDomains", "listProjects"]


@pytest.fixture
def made(inside: None, session: Session) -> Callable[..., ApiKey]:
    """Make a key, revoked or not, that no other test knows of."""
    assert inside is None

    def make(role: Role = Role.OPERATOR, *, revoked: bool = False, name: str = "") -> ApiKey:
        key, _ = create_key(session, name or f"somebody {uuid4()}", role)
        if revoked:
            revoke_key(session, key.name)
        session.commit()
        return key

    return make


def only(answer: dict[str, Any]) -> dict[str, Any]:
    """Return the one thing of a list."""
    ((thing,),) = [things for key, things in answer.items() if key != "count"]
    assert answer["count"] == 1
    return dict(thing)


def test_a_key_is_a_user(client: CloudStack, made: Callable[..., ApiKey]) -> None:
    key = made()
    domain = only(client.listDomains())
    user = only(client.listUsers(id=str(key.id)))
    assert user.pop("roleid")
    assert user.pop("created").endswith("+0000")
    assert user == {
        "id": str(key.id),
        "username": key.name,
        "firstname": key.name,
        "lastname": "",
        "account": key.name,
        "accountid": str(key.account_id),
        "accounttype": 1,
        "rolename": "Operator",
        "roletype": "Admin",
        "domainid": domain["id"],
        "domain": "ROOT",
        "state": "enabled",
        "apikey": key.key,
        "iscallerchilddomain": False,
        "isdefault": False,
    }


def test_and_has_an_account_of_its_name(client: CloudStack, made: Callable[..., ApiKey]) -> None:
    key = made(Role.READ_ONLY)
    user, account = only(client.listUsers(id=str(key.id))), only(client.listAccounts(id=str(key.account_id)))
    same = ("accounttype", "roleid", "rolename", "roletype", "domainid", "domain", "state", "created")
    assert account == {
        **{name: user[name] for name in same},
        "id": user["accountid"],
        "name": user["account"],
        "domainpath": "ROOT",
        "isdefault": False,
    }
    assert account["rolename"] == "Read-Only Admin"


def test_the_domain(client: CloudStack) -> None:
    domain = only(client.listDomains())
    assert domain.pop("id")
    assert domain == {"name": "ROOT", "level": 0, "haschild": False, "path": "ROOT", "state": "Active"}


def test_what_volumes_and_vms_tell_of_their_owner_is_there(client: CloudStack, landscape: SimpleNamespace) -> None:
    vm = only(client.listVirtualMachines(id=str(landscape.web.id)))
    for thing in (vm, *client.listVolumes()["volume"]):
        account = only(client.listAccounts(name=thing["account"], domainid=thing["domainid"]))
        assert (account["domain"], account["state"], account["isdefault"]) == (thing["domain"], "enabled", True)
        assert only(client.listDomains(id=thing["domainid"]))["name"] == thing["domain"]
    assert client.listAsyncJobs(account=vm["account"]) == {}


def test_a_key_of_the_owners_name_has_that_account_while_it_lives(
    client: CloudStack, made: Callable[..., ApiKey], session: Session
) -> None:
    of_all = only(client.listAccounts(name="admin"))
    key = made(name="admin")
    try:
        assert only(client.listAccounts(name="admin"))["id"] == str(key.account_id)
        revoke_key(session, "admin")
        session.commit()
        assert only(client.listAccounts(name="admin")) == of_all
    finally:
        session.delete(key)
        session.commit()


def test_revoked_keys_are_listed_where_they_are_asked_for(client: CloudStack, made: Callable[..., ApiKey]) -> None:
    key = made(revoked=True)
    for command, its_id in (("listUsers", key.id), ("listAccounts", key.account_id)):
        ask = getattr(client, command)
        assert ask(id=str(its_id)) == {} == ask(id=str(its_id), state="enabled") == ask(state="locked")
        assert only(ask(id=str(its_id), state="Disabled"))["state"] == "disabled"
    with pytest.raises(CloudStackApiException, match="User with specified API key does not exist"):
        client.getUser(userapikey=key.key)


def test_get_user(client: CloudStack, made: Callable[..., ApiKey]) -> None:
    key = made()
    assert client.getUser(userapikey=key.key) == {"user": only(client.listUsers(username=key.name))}


@pytest.mark.parametrize("given", [{}, {"userapikey": "nobody's"}, {"userapikey": "%"}])
def test_get_user_of_no_key(given: dict[str, str], client: CloudStack) -> None:
    with pytest.raises(CloudStackApiException) as refused:
        client.getUser(**given)
    assert refused.value.error["errorcode"] == 431


@pytest.mark.parametrize("role", list(Role))
def test_everybody_may_look_and_knows_who_they_are(role: Role, client_as: ClientAs, keys: Keys) -> None:
    client = client_as(role)
    assert {name for command in LOOKING for name in getattr(client, command)()} == {
        "count",
        "user",
        "account",
        "domain",
    }
    assert client.getUser(userapikey=keys[role][0])["user"]["username"] == f"the {role}"


@pytest.mark.parametrize("role", list(Role))
def test_keys_are_shown_to_their_holders_and_to_admins(role: Role, client_as: ClientAs, keys: Keys) -> None:
    shown = {user["username"]: user.get("apikey") for user in client_as(role).listUsers()["user"]}
    assert {name: shown[f"the {name}"] for name in Role} == {
        name: keys[name][0] if role in {Role.ADMIN, name} else None for name in Role
    }
    other = client_as(role).getUser(userapikey=keys["operator"][0])["user"]
    assert ("apikey" in other) is (role in {Role.ADMIN, Role.OPERATOR})


@pytest.mark.parametrize("role", list(Role))
def test_secrets_are_never_shown(role: Role, call: Callable[..., httpx.Response], keys: Keys) -> None:
    for form in ("json", "xml"):
        answers = [call(role=role, command=command, response=form).text for command in LOOKING]
        answers.append(call(role=role, command="getUser", userapikey=keys[role][0], response=form).text)
        assert not [secret for _, secret in keys.values() for answer in answers if secret in answer]
        assert "secret" not in "".join(answers).lower()


def test_users_by(client: CloudStack, keys: Keys, session: Session) -> None:
    assert keys
    operator = key_named(session, "the operator")
    assert operator
    domain = only(client.listDomains())["id"]
    for filters in (
        {"username": "the operator"},
        {"account": "the operator"},
        {"accountid": operator.account_id},
        {"keyword": "THE OPERATOR"},
        {"id": operator.id, "domainid": domain, "accounttype": 1, "listall": "true", "isrecursive": "true"},
    ):
        assert only(client.listUsers(**{name: str(value) for name, value in filters.items()}))["id"] == str(operator.id)
    for name, value in {"username": "the oper", "account": "%", "accounttype": "0", "keyword": "%"}.items():
        assert client.listUsers(**{name: value}) == {}
    assert client.listUsers(id=str(operator.id), username="the admin") == {}


def test_accounts_by(client: CloudStack, keys: Keys, session: Session) -> None:
    assert keys
    operator = key_named(session, "the operator")
    assert operator
    for filters in ({"name": "the operator"}, {"keyword": "THE OPERATOR"}, {"id": str(operator.account_id)}):
        assert only(client.listAccounts(**filters))["id"] == str(operator.account_id)
    for name, value in {"name": "the oper", "accounttype": "0", "keyword": "%"}.items():
        assert client.listAccounts(**{name: value}) == {}


def test_domains_by(client: CloudStack) -> None:
    for filters in ({"name": "ROOT"}, {"level": "0"}, {"keyword": "oo"}, {"listall": "true"}):
        assert only(client.listDomains(**filters))["name"] == "ROOT"
    for filters in ({"name": "root"}, {"level": "1"}, {"keyword": "x"}):
        assert client.listDomains(**filters) == {}


def test_there_are_no_projects(client: CloudStack) -> None:
    domain = only(client.listDomains())["id"]
    assert client.listProjects() == {} == client.listProjects(domainid=domain, listall="true", name="p", account="a")


@pytest.mark.parametrize(
    ("command", "name"),
    [
        ("listUsers", "id"),
        ("listUsers", "accountid"),
        ("listUsers", "domainid"),
        ("listAccounts", "id"),
        ("listAccounts", "domainid"),
        ("listDomains", "id"),
        ("listProjects", "id"),
        ("listProjects", "domainid"),
    ],
)
def test_unknown_ids_are_refused(command: str, name: str, client: CloudStack) -> None:
    with pytest.raises(CloudStackApiException, match=f"Invalid parameter {name} value=") as refused:
        getattr(client, command)(**{name: str(uuid4())})
    assert refused.value.error["errorcode"] == 431


@pytest.mark.parametrize("command", ["listUsers", "listAccounts", "listDomains"])
def test_pages(command: str, client: CloudStack) -> None:
    ask = getattr(client, command)
    everything = ask(fetch_list=True, pagesize=1)
    (whole,) = [things for key, things in ask(pagesize=-1).items() if key != "count"]
    assert [it["id"] for it in everything] == [it["id"] for it in whole]
    assert client._request(command, page=len(whole) + 1, pagesize=1) == {"count": len(whole)}


@pytest.mark.parametrize("command", LOOKING)
def test_half_a_page_is_refused(command: str, client: CloudStack) -> None:
    with pytest.raises(CloudStackApiException, match='"page" parameter is required'):
        client._request(command, pagesize=1)


def test_in_xml(call: Callable[..., httpx.Response], keys: Keys) -> None:
    users = fromstring(call(command="listUsers", username="the admin").content)
    assert (users.tag, users.findtext("count"), users.findtext("user/username")) == (
        "listusersresponse",
        "1",
        "the admin",
    )
    user = fromstring(call(command="getUser", userapikey=keys["admin"][0]).content)
    assert (user.tag, user.findtext("user/isdefault")) == ("getuserresponse", "false")
    accounts = fromstring(call(command="listAccounts", name="the admin").content)
    assert (accounts.tag, accounts.findtext("account/rolename")) == ("listaccountsresponse", "Root Admin")
    domains = fromstring(call(command="listDomains").content)
    assert (domains.tag, domains.findtext("domain/path")) == ("listdomainsresponse", "ROOT")
    projects = fromstring(call(command="listProjects").content)
    assert (projects.tag, len(projects)) == ("listprojectsresponse", 0)
