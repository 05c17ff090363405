"""Users and accounts: `listUsers`, `getUser`, `listAccounts`. Secrets are never shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID, uuid5

from app.access.keys import Caller, keys_shown_to
from app.access.models import ApiKey
from app.access.queries import find_key
from app.access.roles import Role
from app.api.cloudstack.command import Call, command
from app.api.cloudstack.envelope import Content
from app.api.cloudstack.ownership import DISABLED, DOMAIN, DOMAIN_ID, ENABLED, Account, Domain, list_accounts
from app.api.cloudstack.paging import KEYWORD, PAGING, listing, page_of, part_of
from app.api.cloudstack.parameters import Arguments, Kind, Parameter
from app.api.cloudstack.shapes import Field, Shape
from app.db import transaction
from app.errors import InvalidParameter

_ROLE_NAMESPACE = UUID("c2a4d1f7-94b3-4e8e-a0f5-7b1d3e6c5a28")
"""Of all installations, for ever."""
_ROLE_NAMES = {Role.ADMIN: "Root Admin", Role.OPERATOR: "Operator", Role.READ_ONLY: "Read-Only Admin"}
"""CloudStack's names, where it has such a role."""
_ROLE_TYPE, _ACCOUNT_TYPE = "Admin", 1
"""CloudStack's `RoleType.Admin` and `Account.Type.ADMIN`: whoever sees what everybody has. Every role does here, as
CloudStack's own read-only admin; what else it may do, its name says."""

_STATE = Parameter("state", Kind.STRING, f"{ENABLED}, as without it, or {DISABLED}: those of revoked keys")
_ACCOUNT_TYPE_WANTED = Parameter("accounttype", Kind.INTEGER, f"the account type: all are {_ACCOUNT_TYPE} (admin)")
_EVERYWHERE = (
    Parameter("domainid", Kind.UUID, "list those of the domain: there is one", entity=Domain),
    Parameter("listall", Kind.BOOLEAN, "has no effect: all are listed"),
    Parameter("isrecursive", Kind.BOOLEAN, "has no effect: there is one domain"),
)


@dataclass(frozen=True)
class ShownUser:
    """A user as a caller sees it."""

    key: ApiKey
    caller: Caller

    @property
    def account(self) -> Account:
        """Return the account that it is alone in."""
        return Account.of(self.key)

    @property
    def api_key(self) -> str | None:
        """Return the key that it sends, if the caller may know it: its holder and admins, as in CloudStack."""
        may = self.caller.role is Role.ADMIN or self.caller.user_id == self.key.id
        return self.key.key if may else None


def _of_account(name: str, kind: str, description: str, value: Callable[[Account], object]) -> Field[ShownUser]:
    return Field(name, kind, description, lambda shown: value(shown.account))


USER = Shape[ShownUser](
    "user",
    (
        Field("id", "string", "the user ID", lambda shown: shown.key.id),
        Field("username", "string", "the user name: that of the key", lambda shown: shown.key.name),
        Field("firstname", "string", "the user firstname: the same name", lambda shown: shown.key.name),
        Field("lastname", "string", "the user lastname: empty", lambda _: ""),
        _of_account("accountid", "string", "the account ID of the user", lambda account: account.id),
        _of_account("account", "string", "the account name of the user", lambda account: account.name),
        Field("accounttype", "integer", "the account type of the user", lambda _: _ACCOUNT_TYPE),
        _of_account("roleid", "string", "the ID of the role", lambda account: _role_id(account.role)),
        _of_account("rolename", "string", "the name of the role", lambda account: _ROLE_NAMES[account.role]),
        Field("roletype", "string", "the type of the role", lambda _: _ROLE_TYPE),
        Field("domainid", "string", "the domain ID of the user", lambda _: DOMAIN_ID),
        Field("domain", "string", "the domain name of the user", lambda _: DOMAIN),
        _of_account("state", "string", "the user state: enabled or disabled", lambda account: account.state),
        _of_account("created", "date", "the date and time the key was made", lambda account: account.created),
        Field(
            "apikey", "string", "the api key of the user: for itself and for admins alone", lambda shown: shown.api_key
        ),
        Field("iscallerchilddomain", "boolean", "true if it is of a subdomain of the caller's", lambda _: False),
        Field("isdefault", "boolean", "true if it is part of every installation", lambda _: False),
    ),
)

ACCOUNT = Shape[Account](
    "account",
    (
        Field("id", "string", "the id of the account", lambda account: account.id),
        Field("name", "string", "the name of the account: that of its key", lambda account: account.name),
        Field("accounttype", "integer", "account type (admin, domain-admin, user)", lambda _: _ACCOUNT_TYPE),
        Field("roleid", "string", "the ID of the role", lambda account: _role_id(account.role)),
        Field("rolename", "string", "the name of the role", lambda account: _ROLE_NAMES[account.role]),
        Field("roletype", "string", "the type of the role", lambda _: _ROLE_TYPE),
        Field("domainid", "string", "id of the Domain the account belongs to", lambda _: DOMAIN_ID),
        Field("domain", "string", "name of the Domain the account belongs to", lambda _: DOMAIN),
        Field("domainpath", "string", "path of the Domain the account belongs to", lambda _: DOMAIN),
        Field("state", "string", "the state of the account: enabled or disabled", lambda account: account.state),
        Field("created", "date", "the date when its key was made", lambda account: account.created),
        Field(
            "isdefault", "boolean", "true if account is default: the owner of what was found", lambda it: it.is_default
        ),
    ),
)


@command(
    "listUsers",
    "Lists user accounts",
    response=USER,
    parameters=(
        Parameter("id", Kind.UUID, "List user by ID.", entity=ApiKey),
        Parameter("username", Kind.STRING, "List user by the username"),
        Parameter("account", Kind.STRING, "list those of the account of that name"),
        Parameter("accountid", Kind.UUID, "list those of the account", entity=Account),
        _ACCOUNT_TYPE_WANTED,
        _STATE,
        *_EVERYWHERE,
        KEYWORD,
        *PAGING,
    ),
)
def list_users_command(call: Call) -> Content:
    """Answer `listUsers`: one for each key."""
    asked, page = call.arguments, page_of(call.arguments)
    user_id, name, account_id = asked.uuid("id"), asked.text("username"), asked.uuid("accountid")
    with transaction() as session:
        keys = keys_shown_to(session, call.caller)
    found = [
        ShownUser(key, call.caller)
        for key in keys
        if user_id in {None, key.id}
        and name in {None, key.name}
        and account_id in {None, key.account_id}
        and asked.text("account") in {None, key.name}
        and _wanted(Account.of(key), asked)
    ]
    return listing(USER.name, [USER.render(shown) for shown in part_of(found, page)], len(found))


@command(
    "getUser",
    "Find user account by API key",
    response=USER,
    parameters=(Parameter("userapikey", Kind.STRING, "API key of the user", required=True),),
)
def get_user_command(call: Call) -> Content:
    """Answer `getUser`: one object, not a list; raises `InvalidParameter` for a key that is not, or no more, one."""
    with transaction() as session:
        found = find_key(session, call.arguments.required_text("userapikey"))
    # A key that the caller may not know of is as unknown as one that never was.
    others = call.caller.zone_ids is not None and found is not None and found[0].id != call.caller.user_id
    if found is None or others:
        raise InvalidParameter("User with specified API key does not exist")
    return {USER.name: USER.render(ShownUser(found[0], call.caller))}


@command(
    "listAccounts",
    "Lists Accounts and provides detailed Account information for listed Accounts",
    response=ACCOUNT,
    parameters=(
        Parameter("id", Kind.UUID, "List Account by Account ID", entity=Account),
        Parameter("name", Kind.STRING, "List account by account name"),
        _ACCOUNT_TYPE_WANTED,
        _STATE,
        *_EVERYWHERE,
        KEYWORD,
        *PAGING,
    ),
)
def list_accounts_command(call: Call) -> Content:
    """Answer `listAccounts`: one for each key, and the owner of what was found."""
    asked, page = call.arguments, page_of(call.arguments)
    account_id, name = asked.uuid("id"), asked.text("name")
    with transaction() as session:
        accounts = list_accounts(session, call.caller)
    found = [
        account
        for account in accounts
        if account_id in {None, account.id} and name in {None, account.name} and _wanted(account, asked)
    ]
    return listing(ACCOUNT.name, [ACCOUNT.render(account) for account in part_of(found, page)], len(found))


def _wanted(account: Account, asked: Arguments) -> bool:
    """Say whether an account is one by what both lists can be narrowed by."""
    state = (asked.text(_STATE.name) or ENABLED).lower()
    keyword = (asked.text(KEYWORD.name) or "").lower()
    kind = asked.number(_ACCOUNT_TYPE_WANTED.name)
    return account.state == state and keyword in account.name.lower() and kind in {None, _ACCOUNT_TYPE}


def _role_id(role: Role) -> UUID:
    return uuid5(_ROLE_NAMESPACE, role.value)


COMMANDS = (list_users_command, get_user_command, list_accounts_command)
