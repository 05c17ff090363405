"""Who this worker is: the name that leases and histories carry."""

from __future__ import annotations

import os
import socket
from functools import cache
from uuid import uuid4


@cache
def worker_name() -> str:
    """Return a name that no other worker process has, now or later: a pid alone may come back."""
    chosen = os.environ.get("VRELOCATE_WORKER_NAME") or "worker"
    return f"{chosen}@{socket.gethostname()}:{os.getpid()}:{uuid4().hex[:6]}"
