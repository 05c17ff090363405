"""Which problems an operation may answer with, for its OpenAPI description."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from app.api.rest.problems import MEDIA_TYPE

_ALWAYS = (401, 403, 429, 500, 503)
_SCHEMA = {"$ref": "#/components/schemas/Problem"}
_SAID = {
    400: "The body cannot be read",
    401: "No valid token",
    403: "The key's role does not allow it",
    404: "There is no such thing",
    409: "It cannot be done now",
    412: "It was changed meanwhile: read it again, then decide",
    413: "The body is too large",
    422: "Something in the request is wrong",
    429: "The key calls too often: `Retry-After`",
    500: "A defect of vrelocate's: its log has the details",
    503: "The database, or something else that is needed, does not answer: `Retry-After`",
}


UNCHANGED: dict[int | str, dict[str, Any]] = {
    304: {"description": "As the client knows it: `If-None-Match` has its `ETag`"}
}
"""What an operation may answer whose 200 carries an `ETag`."""


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the descriptions of the problems of these statuses, and of those that every operation may have."""
    return {
        status: {
            "description": _SAID.get(status, HTTPStatus(status).phrase),
            "content": {MEDIA_TYPE: {"schema": _SCHEMA}},
        }
        for status in sorted({*_ALWAYS, *statuses})
    }
