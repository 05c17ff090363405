"""What a client is told when a call fails: problem documents (RFC 9457)."""

from __future__ import annotations

from http import HTTPStatus

from fastapi import Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.routing import Match

from app.access.addresses import AddressNotAllowed
from app.errors import (
    CapacityExceeded,
    CheckFailed,
    DatabaseUnavailable,
    InvalidParameter,
    LiveJobExists,
    MalformedRequest,
    NameTaken,
    NotAuthenticated,
    NotFound,
    PermissionDenied,
    ResourceInUse,
    ResourceUnavailable,
    TooManyCalls,
    VrelocateError,
)
from app.inventory.offerings import TagsMissing
from app.jobs.stopping import JobIsOver
from app.migration.accept import JobIdTaken
from app.migration.retry import CannotRetry
from app.telemetry import logger
from app.vsphere.errors import CertificateRefused, VCenterLoginFailed


class ChangedMeanwhile(VrelocateError):
    """What was to be changed is not any more what the client has seen."""


MEDIA_TYPE = "application/problem+json"
_TYPE = "urn:vrelocate:problem:"

log = logger(__name__)


class Fault(BaseModel):
    """One thing that is wrong with a request."""

    where: str = Field(description="The parameter, or the place in the body, as in `query.limit`")
    what: str = Field(description="What is wrong with it")


class Problem(BaseModel):
    """Why a call failed (RFC 9457, "Problem Details for HTTP APIs")."""

    type: str = Field(description="Which kind of problem: `urn:vrelocate:problem:` and a name that stays")
    title: str = Field(description="The kind in words")
    status: int = Field(description="The HTTP status", ge=400, le=599)
    detail: str = Field(description="What happened, and what can be done")
    job_id: str | None = Field(default=None, description="With `live-job-exists`: the job that is at work already")
    reasons: list[str] | None = Field(default=None, description="With `checks-failed`: what each check found")
    faults: list[Fault] | None = Field(default=None, description="With `invalid-request`: each thing that is wrong")


_KINDS: tuple[tuple[type[Exception], HTTPStatus, str, str], ...] = (
    (NotAuthenticated, HTTPStatus.UNAUTHORIZED, "not-authenticated", "Who calls is not known"),
    (AddressNotAllowed, HTTPStatus.FORBIDDEN, "address-not-allowed", "No vCenter may be there"),
    (PermissionDenied, HTTPStatus.FORBIDDEN, "not-allowed", "The key's role does not allow this"),
    (NotFound, HTTPStatus.NOT_FOUND, "not-found", "There is no such thing"),
    (LiveJobExists, HTTPStatus.CONFLICT, "live-job-exists", "Another job is at work on it"),
    (NameTaken, HTTPStatus.CONFLICT, "name-taken", "Something else has that name"),
    (TagsMissing, HTTPStatus.CONFLICT, "tags-missing", "Pools that hold its volumes lack the tags"),
    (ResourceInUse, HTTPStatus.CONFLICT, "in-use", "It is in use"),
    (JobIsOver, HTTPStatus.CONFLICT, "job-is-over", "The job has ended"),
    (CannotRetry, HTTPStatus.CONFLICT, "job-has-succeeded", "The job has succeeded"),
    (CapacityExceeded, HTTPStatus.CONFLICT, "no-space", "There is not enough space"),
    (CheckFailed, HTTPStatus.UNPROCESSABLE_ENTITY, "checks-failed", "Checks refuse the migration"),
    (JobIdTaken, HTTPStatus.UNPROCESSABLE_ENTITY, "idempotency-key-reused", "The key was used for another request"),
    (ChangedMeanwhile, HTTPStatus.PRECONDITION_FAILED, "changed-meanwhile", "It was changed meanwhile"),
    (VCenterLoginFailed, HTTPStatus.UNPROCESSABLE_ENTITY, "login-failed", "vCenter does not take these credentials"),
    (
        CertificateRefused,
        HTTPStatus.UNPROCESSABLE_ENTITY,
        "certificate-refused",
        "Its certificate is not trusted",
    ),
    (MalformedRequest, HTTPStatus.BAD_REQUEST, "malformed-request", "The request cannot be read"),
    (InvalidParameter, HTTPStatus.UNPROCESSABLE_ENTITY, "invalid-request", "Something in the request is wrong"),
    (TooManyCalls, HTTPStatus.TOO_MANY_REQUESTS, "too-many-calls", "The key calls too often"),
    (DatabaseUnavailable, HTTPStatus.SERVICE_UNAVAILABLE, "database-unavailable", "The database cannot be used now"),
    (ResourceUnavailable, HTTPStatus.SERVICE_UNAVAILABLE, "unavailable", "Something that is needed does not answer"),
    (VrelocateError, HTTPStatus.INTERNAL_SERVER_ERROR, "failed", "It failed"),
)
"""The first that an error is an instance of."""

_PHRASES = {HTTPStatus.REQUEST_ENTITY_TOO_LARGE: "Content Too Large"}
"""RFC 9110's, where some version of Python has an older one: the name of a problem stays."""

_INTERNAL = "something unforeseen happened: the API's log has the details"


def problem_of(error: Exception) -> tuple[Problem, dict[str, str]]:
    """Return what a client is told about `error`, and the headers that go with it; what was unforeseen is logged."""
    if isinstance(error, RequestValidationError):
        return _invalid(error), {}
    if isinstance(error, HTTPException):
        return _of_http(error), dict(error.headers or {})
    for kind, status, name, title in _KINDS:
        if isinstance(error, kind):
            log.info("api.refused", code=int(status), reason=str(error))
            told = Problem(type=_TYPE + name, title=title, status=status, detail=str(error))
            return _with_particulars(told, error), _headers(error)
    log.error("api.failed", exc_info=error)
    status = HTTPStatus.INTERNAL_SERVER_ERROR
    return Problem(type=_TYPE + "internal", title="An error of vrelocate's", status=status, detail=_INTERNAL), {}


def answer_with(error: Exception) -> Response:
    """Return the response that tells of `error`."""
    problem, headers = problem_of(error)
    body = problem.model_dump_json(exclude_none=True)
    return Response(body, problem.status, {**headers, "Cache-Control": "no-store"}, MEDIA_TYPE)


async def answer_http(request: Request, error: Exception) -> Response:
    """Answer a request that no operation takes: an unknown path, another method."""
    response = answer_with(error)
    if response.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        response.headers["Allow"] = ", ".join(sorted(_methods_at(request)))
    return response


def _methods_at(request: Request) -> set[str]:
    """Return every method that is served at a request's path: several operations may share it."""
    wanted = {
        method: {**request.scope, "method": method} for method in ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT")
    }
    routes = request.app.router.routes
    return {
        method for method, scope in wanted.items() if any(route.matches(scope)[0] is Match.FULL for route in routes)
    }


def _with_particulars(told: Problem, error: Exception) -> Problem:
    if isinstance(error, LiveJobExists):
        return told.model_copy(update={"job_id": error.job_id})
    if isinstance(error, CheckFailed):
        return told.model_copy(update={"reasons": error.reasons})
    return told


def _headers(error: Exception) -> dict[str, str]:
    if isinstance(error, DatabaseUnavailable | TooManyCalls):
        return {"Retry-After": str(error.retry_after_seconds)}
    return {"WWW-Authenticate": "Bearer"} if isinstance(error, NotAuthenticated) else {}


def _of_http(error: HTTPException) -> Problem:
    status = HTTPStatus(error.status_code)
    phrase = _PHRASES.get(status, status.phrase)
    name = phrase.lower().replace(" ", "-")
    return Problem(type=_TYPE + name, title=phrase, status=status, detail=str(error.detail))


def _invalid(error: RequestValidationError) -> Problem:
    faults = [Fault(where=".".join(map(str, each["loc"])), what=str(each["msg"])) for each in error.errors()]
    return Problem(
        type=_TYPE + "invalid-request",
        title="Something in the request is wrong",
        status=HTTPStatus.UNPROCESSABLE_ENTITY,
        detail="; ".join(f"{fault.where}: {fault.what}" for fault in faults),
        faults=faults,
    )
