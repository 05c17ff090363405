"""`/api/v1/keys` and `/api/v1/tokens`: who may call. A secret is shown when it is made, and never again."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

from fastapi import APIRouter, Depends, Path
from pydantic import BaseModel, ConfigDict, Field

from app.access import queries
from app.access.keys import Caller, create_key, keys_shown_to, revoke_key
from app.access.models import ApiKey, BearerToken
from app.access.roles import Role
from app.access.tokens import create_token, revoke_token
from app.api.rest.responses import problems
from app.api.rest.serving import Route, who_may
from app.api.rest.values import NUMBER, Name
from app.db import transaction
from app.errors import NotFound, ResourceInUse
from app.inventory.zones import require_zones

router = APIRouter(tags=["keys"], route_class=Route)

MOST_SECONDS = 100 * 365 * 24 * 3600
_KeyId = Annotated[UUID, Path(description="The key's id")]


class KeyIn(BaseModel):
    """A key to be made."""

    model_config = ConfigDict(extra="forbid")

    name: Name = Field(description="Whose it is; names are not used twice, not even those of revoked keys")
    role: Role = Field(description="`admin`: everything; `operator`: look and migrate; `read-only`: look")
    zone_ids: Annotated[list[UUID], Field(min_length=1, max_length=1000)] | None = Field(
        default=None,
        description="The zones that there are for it, with what is in them; null: all. Not for `admin`",
    )


class KeyOut(BaseModel):
    """A key, without what it is."""

    id: UUID
    name: str
    role: Role
    account_id: UUID
    zone_ids: list[UUID] | None = Field(description="The zones that there are for it; null: all")
    created_at: datetime
    revoked_at: datetime | None

    @classmethod
    def of(cls, key: ApiKey) -> Self:
        """Return a key as clients see it."""
        return cls.model_validate(key, from_attributes=True)


class NewKey(KeyOut):
    """A key that was just made, with what its holder needs."""

    api_key: str
    secret_key: str = Field(description="It cannot be read again")


class TokenIn(BaseModel):
    """A token to be made."""

    model_config = ConfigDict(extra="forbid")

    lasts_seconds: Annotated[int, Field(ge=1, le=MOST_SECONDS), NUMBER] | None = Field(
        default=None, description="How long it is valid; null: as long as its key"
    )


class TokenOut(BaseModel):
    """A token, without what it is."""

    id: UUID
    key_id: UUID
    created_at: datetime
    expires_at: datetime | None = Field(description="null: it is valid as long as its key")
    revoked_at: datetime | None

    @classmethod
    def of(cls, token: BearerToken) -> Self:
        """Return a token as clients see it."""
        return cls.model_validate(token, from_attributes=True)


class NewToken(TokenOut):
    """A token that was just made."""

    token: str = Field(description="What is sent as `Authorization: Bearer …`; it cannot be read again")


class KeyList(BaseModel):
    """All keys, by name; revoked ones too."""

    items: list[KeyOut]


class TokenList(BaseModel):
    """All tokens of a key, by age; those that are of no use any more too."""

    items: list[TokenOut]


@router.get("/keys", summary="List keys", responses=problems())
def list_keys(caller: Annotated[Caller, Depends(who_may("listUsers"))]) -> KeyList:
    """Return every key; a caller who is limited to zones gets its own."""
    with transaction() as session:
        return KeyList(items=[KeyOut.of(key) for key in keys_shown_to(session, caller)])


@router.post(
    "/keys",
    status_code=201,
    summary="Make a key",
    responses=problems(400, 404, 409, 413, 422),
    dependencies=[Depends(who_may("createUser"))],
)
def create(asked: KeyIn) -> NewKey:
    """Make a key and show its secret, this one time."""
    with transaction() as session:
        require_zones(session, asked.zone_ids or ())
        key, secret = create_key(session, asked.name, asked.role, asked.zone_ids)
        session.refresh(key)
        return NewKey(**KeyOut.of(key).model_dump(), api_key=key.key, secret_key=secret)


@router.delete("/keys/{key_id}", status_code=204, summary="Revoke a key", responses=problems(404, 409, 422))
def revoke(caller: Annotated[Caller, Depends(who_may("deleteUser"))], key_id: _KeyId) -> None:
    """Make a key and all of its tokens useless from now on; its name stays in histories.

    The key that calls cannot be revoked so: somebody must be left who can make another one.
    """
    with transaction() as session:
        key = _living(session.get(ApiKey, key_id), key_id)
        if key.id == caller.user_id:
            raise ResourceInUse(f"the key {key.name} is the one that you call with: revoke it with another one")
        revoke_key(session, key.name)


@router.get("/keys/{key_id}/tokens", summary="List a key's tokens", responses=problems(404, 422))
def list_tokens(caller: Annotated[Caller, Depends(who_may("listUsers"))], key_id: _KeyId) -> TokenList:
    """Return every token that was made for a key."""
    with transaction() as session:
        if key_id not in {key.id for key in keys_shown_to(session, caller)}:
            raise _unknown(key_id)
        return TokenList(items=[TokenOut.of(token) for token, key in queries.all_tokens(session) if key.id == key_id])


@router.post(
    "/keys/{key_id}/tokens",
    status_code=201,
    summary="Make a token",
    responses=problems(400, 404, 413, 422),
    dependencies=[Depends(who_may("createUser"))],
)
def create_for_key(key_id: _KeyId, asked: TokenIn) -> NewToken:
    """Make a token that stands for a key, and show it, this one time."""
    with transaction() as session:
        key = _living(session.get(ApiKey, key_id), key_id)
        token, text = create_token(session, key.name, asked.lasts_seconds)
        return NewToken(**TokenOut.of(token).model_dump(), token=text)


@router.delete(
    "/tokens/{token_id}",
    status_code=204,
    summary="Revoke a token",
    responses=problems(404, 422),
    dependencies=[Depends(who_may("deleteUser"))],
)
def revoke_one(token_id: Annotated[UUID, Path(description="The token's id")]) -> None:
    """Make a token useless from now on."""
    with transaction() as session:
        revoke_token(session, token_id)


def _living(key: ApiKey | None, key_id: UUID) -> ApiKey:
    if key is None or key.revoked_at is not None:
        raise _unknown(key_id)
    return key


def _unknown(key_id: UUID) -> NotFound:
    return NotFound(f"there is no living key {key_id}: GET /api/v1/keys lists those that exist")
