"""The application behind `/api/v1`: its routers, and the description that it gives of itself (OpenAPI 3.1)."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException

from app.api.rest import audit, changes, inventory, jobs, keys, migrations, streams, vcenters
from app.api.rest.feed import Feed
from app.api.rest.job_schemas import ProgressOut
from app.api.rest.problems import Problem, answer_http
from app.api.turns import Turns

_ABOUT = (
    "Moves stopped virtual machines and detached disks between vSphere datastores, as jobs. Errors are problem "
    "documents (RFC 9457); lists go on from `next_cursor`; times are UTC."
)


def create_rest(turns: Turns, feed: Feed) -> FastAPI:
    """Return the application; it is mounted at `ROOT`, and shares the turns and the feed of the process."""
    api = FastAPI(
        title="vrelocate",
        version=version("vrelocate"),
        description=_ABOUT,
        docs_url=None,  # its page would load scripts from elsewhere
        redoc_url=None,
        openapi_url="/openapi.json",
        exception_handlers={HTTPException: answer_http},
        redirect_slashes=False,
    )
    api.state.turns, api.state.feed = turns, feed
    for resource in (migrations, streams, jobs, inventory, changes, vcenters, keys, audit):
        api.include_router(resource.router)
    described = api.openapi

    def openapi() -> dict[str, Any]:
        if api.openapi_schema is None:
            schema = described()
            ref = "#/components/schemas/{model}"
            schemas = schema["components"]["schemas"]
            problem = Problem.model_json_schema(ref_template=ref)
            schemas |= problem.pop("$defs", {}) | {"Problem": problem}
            schemas["ProgressOut"] = ProgressOut.model_json_schema(ref_template=ref)
            schemas["ProgressOut"].pop("$defs", None)
        return api.openapi_schema or {}

    api.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to extend the description
    return api
