"""The id of a job that the client may choose, so that a call that is sent twice starts one job."""

from __future__ import annotations

from uuid import UUID

from app.api.cloudstack.command import CUSTOM_JOB_ID
from app.api.cloudstack.parameters import UUID_FORM, Arguments
from app.errors import InvalidParameter


def job_id_of(arguments: Arguments) -> UUID | None:
    """Return the job id that the client chose; raises `InvalidParameter` when it is no UUID."""
    text = arguments.text(CUSTOM_JOB_ID.name)
    if text is None:
        return None
    if not UUID_FORM.fullmatch(text):
        raise InvalidParameter(f"UUID: {text} doesn't follow the UUID format")
    return UUID(text)
