"""The application behind `/api/v1`: its routers, and the description that it gives of itself (OpenAPI 3.1)."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from fastapi import FastAPI
from starlette.exceptions import HTTPException

from app.api.rest import jobs
from app.api.rest.problems import Problem, answer_http
from app.api.turns import Turns

ROOT = "/api/v1"
_ABOUT = (
    "Moves stopped virtual machines and detached disks between vSphere datastores, as jobs. Errors are problem "
    "documents (RFC 9457); lists go on from `next_cursor`; times are UTC."
)


def create_rest(turns: Turns) -> FastAPI:
    """Return the application; it is mounted at `ROOT`, and shares the turns of the process."""
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
    api.state.turns = turns
    api.include_router(jobs.router)
    described = api.openapi

    def openapi() -> dict[str, Any]:
        if api.openapi_schema is None:
            schema = described()
            ref = "#/components/schemas/{model}"
            schemas = schema["components"]["schemas"]
            problem = Problem.model_json_schema(ref_template=ref)
            schemas |= problem.pop("$defs", {}) | {"Problem": problem}
        return api.openapi_schema or {}

    api.openapi = openapi  # type: ignore[method-assign]  # FastAPI's own way to extend the description
    return api
