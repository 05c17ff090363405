"""What CloudMonkey takes for granted of answers: each `assert` stands where it would panic, or do the wrong thing.

From what is known of it (it casts without looking), not from its code.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

UNKNOWN = 401
"""The status at which it logs in again: of what is not served, or signed wrongly, and of nothing else."""


def read(status: int, document: object) -> dict[str, Any]:
    """Return what is in the wrapper."""
    assert isinstance(document, dict)
    ((wrapper, content),) = document.items()
    assert wrapper.endswith("response"), wrapper
    assert isinstance(content, dict), wrapper
    if status == 200:
        assert "errorcode" not in content, content
    else:
        assert _is_integer(content["errorcode"])
        assert content["errorcode"] == status
        assert isinstance(content["errortext"], str)
    return content


def read_list(content: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the things of a list: beside their number there is one key, of objects; an empty list has neither."""
    if not content:
        return []
    assert _is_integer(content["count"])
    ((key, things),) = [(key, value) for key, value in content.items() if key != "count"]
    assert isinstance(things, list), key
    assert all(isinstance(thing, dict) for thing in things), key
    return things


def read_start(content: Mapping[str, Any]) -> str:
    """Return the id of the job that was started."""
    assert isinstance(content["jobid"], str)
    return content["jobid"]


def read_job(content: Mapping[str, Any]) -> str:
    """Return what it does with the answer to a poll: go on, show the result, or tell the error."""
    assert isinstance(content["jobid"], str)
    assert _is_integer(content["jobstatus"])
    if content["jobstatus"] == 0:
        return "polls again"
    assert _is_integer(content["jobresultcode"])
    assert isinstance(content["jobresult"], dict)
    if content["jobstatus"] == 1:
        ((_, entity),) = content["jobresult"].items()
        assert isinstance(entity, dict)
        return "shows the result"
    assert content["jobstatus"] == 2
    assert _is_integer(content["jobresult"]["errorcode"])
    assert isinstance(content["jobresult"]["errortext"], str)
    return "tells the error"


def read_apis(content: Mapping[str, Any]) -> dict[str, bool]:
    """Return the names that `sync` would keep, and whether each is asynchronous."""
    apis = read_list(content)
    for api in apis:
        assert isinstance(api["name"], str)
        assert isinstance(api["description"], str)
        assert isinstance(api["isasync"], bool)
        assert isinstance(api["params"], list)
        assert isinstance(api["response"], list)
        for parameter in api["params"]:
            assert all(isinstance(parameter[text], str) for text in ("name", "type", "description")), parameter
            assert isinstance(parameter["required"], bool), parameter
        assert all(isinstance(field["name"], str) for field in api["response"])
    return {api["name"]: api["isasync"] for api in apis}


def _is_integer(value: object) -> bool:
    """Tell whether JSON has a whole number here, written as one: neither true nor 1.0."""
    return json.dumps(value).lstrip("-").isdigit()
