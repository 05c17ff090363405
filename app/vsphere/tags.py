"""vSphere tags of datastores: the tagging service of vCenter's REST API.

`/rest/com/vmware/cis/tagging` is there from vCenter 6.5 on; newer ones offer the same under `/api` besides. SOAP knows
nothing of tags.
"""

from __future__ import annotations

import contextlib
import logging
from collections import defaultdict
from typing import Any

import httpx

from app.vsphere.endpoint import Endpoint
from app.vsphere.tls import tls_context

log = logging.getLogger(__name__)

_SESSION = "/rest/com/vmware/cis/session"
_CATEGORY = "/rest/com/vmware/cis/tagging/category"
_TAG = "/rest/com/vmware/cis/tagging/tag"
_ASSOCIATION = "/rest/com/vmware/cis/tagging/tag-association"
_SESSION_HEADER = "vmware-api-session-id"

_MALFORMED = (KeyError, TypeError, ValueError)
"""An answer of another form than the reference's."""


def datastore_tags(endpoint: Endpoint, timeout_seconds: float, category: str) -> dict[str, frozenset[str]] | None:
    """Return the names of the tags of `category` by datastore reference; datastores without any are not in it.

    None, and a line in the log, when the service does not answer as it should: then the tags are not known. A category
    that does not exist has no tags.
    """
    try:
        # No proxy from the environment: SOAP uses none either.
        with httpx.Client(
            base_url=endpoint.address, verify=tls_context(endpoint), timeout=timeout_seconds, trust_env=False
        ) as client:
            return _read(client, endpoint, category)
    except (httpx.HTTPError, *_MALFORMED) as error:
        log.warning("the tags of %s cannot be read: %s", endpoint.address, _first_line(error))
        return None


def _read(client: httpx.Client, endpoint: Endpoint, category: str) -> dict[str, frozenset[str]]:
    login = client.post(_SESSION, auth=(endpoint.username, endpoint.password.get_secret_value()))
    client.headers[_SESSION_HEADER] = _value(login)
    try:
        names = _tag_names(client, category)
        return _attached(client, names) if names else {}
    finally:
        with contextlib.suppress(httpx.HTTPError):  # it ends by itself; the tags are read
            client.delete(_SESSION)


def _tag_names(client: httpx.Client, category: str) -> dict[str, str]:
    """Return name by id of the tags of a category."""
    for category_id in _values(client.get(_CATEGORY)):
        if _value(client.get(f"{_CATEGORY}/id:{category_id}"))["name"] == category:
            tags = _values(client.post(f"{_TAG}/id:{category_id}", params={"~action": "list-tags-for-category"}))
            return {tag: _value(client.get(f"{_TAG}/id:{tag}"))["name"] for tag in tags}
    log.info("there is no tag category %s: no datastore has storage tags of vSphere's", category)
    return {}


def _attached(client: httpx.Client, names: dict[str, str]) -> dict[str, frozenset[str]]:
    answer = client.post(
        _ASSOCIATION, params={"~action": "list-attached-objects-on-tags"}, json={"tag_ids": list(names)}
    )
    tags: dict[str, set[str]] = defaultdict(set)
    for item in _values(answer):
        for tagged in item["object_ids"] or []:
            if tagged["type"] == "Datastore":
                tags[tagged["id"]].add(names[item["tag_id"]])
    return {moref: frozenset(found) for moref, found in tags.items()}


def _first_line(error: Exception) -> str:
    """Leave out the advice that httpx adds to its errors."""
    return (str(error) or type(error).__name__).partition("\n")[0]


def _value(answer: httpx.Response) -> Any:  # noqa: ANN401  # JSON, of a shape that each caller knows
    return answer.raise_for_status().json()["value"]


def _values(answer: httpx.Response) -> list[Any]:
    """Return an array; vcsim says null where vCenter sends an empty one."""
    return _value(answer) or []
