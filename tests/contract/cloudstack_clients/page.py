"""docs/clients.md, made of what a run has found and of nothing else."""

from __future__ import annotations

import os
from pathlib import Path

from tests.contract.cloudstack_clients.client import Client
from tests.contract.cloudstack_clients.run import CLIENTS, Run
from tests.contract.cloudstack_clients.steps import STEPS, Done

PAGE = Path(__file__).parents[3] / "docs" / "clients.md"
RENEW = "make clients"
WRITE = "WRITE_CLIENTS_PAGE"
"""With this variable in the environment the page is written, and not only compared."""

_BEGINNING = f"""# Clients

<!-- Written by `{RENEW}`, from what was found: do not edit. -->

Clients of CloudStack that nobody here wrote, unmodified, against a whole installation: the API, workers, PostgreSQL,
Valkey and the simulated vCenter. `make test` runs all of this, and fails when this page says anything else
(`tests/contract/cloudstack_clients`); `{RENEW}` writes it anew.

✓ stands where the client came to the end by its own polling and told it in its own way, and where **vCenter**, asked by
govc, had every disk where it belongs: on its target after a success, else where it was.

"""

_ABOUT = """
- **lists**: zones, VMs, volumes and storage pools.
- **migrates**: a stopped VM with two disks, and a detached disk.
- **refused by a check**: the job fails with 431, since its target is in another cluster.
- **failed in vCenter**: the job fails with 530, since vCenter's task ends in a fault half-way.
- **cancelled**: by `cancelAsyncJob` of a second client of the same kind, while vCenter copies and after the first has
  been told that the job runs. Its `jobstatus` is 2.

What a client has no method for goes through its own way to call any command: apache-libcloud's `_sync_request` and
`_async_request`, the class `AnsibleCloudStack` in a small module, and cloudstack-go's `CustomRequest`
(`cancelAsyncJob` alone).

CloudMonkey itself does not run here. What it takes for granted of answers (one wrapper that ends in `response`, a
success's `jobresult` that is an object, the types of all that `listApis` tells, a 401 for what is unknown) is checked
on every answer that the clients above were given, and on one of each command.

## What was called, and what was told

Commands are named once, in the order of their first call.

"""


def written(run: Run) -> str:
    """Return the page of a run, faults included."""
    matrix = [["client", "version", *STEPS], ["---"] * (len(STEPS) + 2)]
    calls = [["client", "does", "calls", "tells it by"], ["---"] * 4]
    for client in CLIENTS:
        found = {step: _found(run, client, step) for step in STEPS}
        marks = ["✓" if done else "**failed**" for done in found.values()]
        matrix.append([client.title, client.version(), *marks])
        for step, done in found.items():
            if done:
                named = ", ".join(f"`{call}`" for call in done.calls)
                calls.append([client.title, step, named, done.how])
    return _BEGINNING + _table(matrix) + _ABOUT + _table(calls)


def renew_if_asked(text: str) -> None:
    """Write the page when the environment asks for it."""
    if os.environ.get(WRITE):
        PAGE.write_text(text, encoding="utf-8")


def _found(run: Run, client: type[Client], step: str) -> Done | None:
    try:
        return run.done(client, step)
    except Exception:  # noqa: BLE001  # whatever it is, the test of that step shows it
        return None


def _table(rows: list[list[str]]) -> str:
    return "".join(f"| {' | '.join(cells)} |\n" for cells in rows)
