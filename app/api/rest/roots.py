"""Where the resources are, for links to them."""

from __future__ import annotations

ROOT = "/api/v1"
JOBS = f"{ROOT}/jobs"
