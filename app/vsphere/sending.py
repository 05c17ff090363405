"""What has to hold in the very moment in which a request leaves for vCenter (law 3).

Between writing an intent down and the call itself a process may be suspended, for longer than its lease: then somebody
else has taken the job, and perhaps made the call. vCenter knows nothing of fences, so the last look is taken as late as
it can be, with the request ready in hand.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Check = Callable[[], None]

_check: ContextVar[Check | None] = ContextVar("check before sending", default=None)


@contextmanager
def only_while(check: Check) -> Iterator[None]:
    """Have this thread's requests sent only if `check` raises nothing, directly before each part of them."""
    token = _check.set(check)
    try:
        yield
    finally:
        _check.reset(token)


def require_leave() -> None:
    """Raise what the check of this thread raises; whoever sends asks here."""
    check = _check.get()
    if check is not None:
        check()
