"""An installation of vrelocate inside the test's own process: its settings, and everything that was made of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache

import pytest
from sqlalchemy import Engine

import app.db
import app.jobs.queue
import app.sealing
import app.settings
from app.db import make_engine
from app.vsphere.session import close_all

_MADE_OF_SETTINGS = (
    app.settings.settings,
    app.db.engine,
    app.db._sessions,
    app.jobs.queue._bell,
    app.sealing._box,
)


@lru_cache(maxsize=4)
def _engine(url: str) -> Engine:
    """Make an engine for a database, and keep it: it remembers how each statement is compiled.

    A tenth of the time of a test that has an engine of its own goes into that. Connections are not kept.
    """
    return make_engine(url)


@contextmanager
def installed(environment: Mapping[str, str]) -> Iterator[None]:
    """Let this process be configured so for a while; connections are closed at the end, and nothing is left behind."""
    _forget()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        patch.setattr(app.db, "make_engine", _engine)
        # Before there are threads, as in every process of ours: several would make an engine each.
        app.db.engine()
        try:
            yield
        finally:
            close_all()
            if app.jobs.queue._bell.cache_info().currsize:
                app.jobs.queue._bell().close()
            app.db.engine().dispose()
            _forget()


def _forget() -> None:
    for cached in _MADE_OF_SETTINGS:
        cached.cache_clear()
