"""The vCenter of one example is started, and an installation that knows it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from uuid import UUID

import pytest
from pydantic import SecretStr

from app.inventory.offerings import assign_offering, create_offering
from app.inventory.sync import sync_vcenter
from app.inventory.vcenters import add_vcenter
from app.secondary.stores import add_store
from app.vsphere.endpoint import Endpoint
from app.vsphere.session import Session
from tests.integration.migration.random.running import Run
from tests.integration.migration.random.wishes import Example, Subject
from tests.integration.migration.random.worlds import World
from tests.integration.migration.steps import Steps
from tests.integration.operating import Operator
from tests.running.installation import installed
from tests.running.ledger import Ledger
from tests.running.vcenter import RunningVCenter, running_vcenter


@contextmanager
def started(example: Example, environment: Mapping[str, str], folder: Path) -> Iterator[Run]:
    """Start the example's vCenter, and an installation that knows it."""
    world = example.world
    planned = folder / "scenario.json"
    planned.write_text(json.dumps(world.scenario()), encoding="utf-8")
    with ExitStack() as stack:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("TMPDIR", str(folder))
            vcenter = stack.enter_context(running_vcenter(folder, "--scenario", planned, "--admin", "127.0.0.1:0"))
        stack.enter_context(installed(environment))
        operator = Operator(_session(vcenter))
        stack.callback(operator.session.close)
        run = Run(example, Steps(_added(vcenter, world, operator), vcenter), operator, _root(folder))
        if world.secondary:
            (folder / "secondary").mkdir()
            run.store_id = add_store("nfs-1", folder / "secondary")
        _assign(run)
        run.before = run.volumes()
        Ledger(vcenter).reset()
        yield run


def _root(folder: Path) -> Path:
    [root] = folder.glob("govcsim-*/dc1")
    return root


def _session(vcenter: RunningVCenter) -> Session:
    endpoint = Endpoint(vcenter.url, vcenter.username, SecretStr(vcenter.password), vcenter.thumbprint)
    return Session(endpoint, timeout_seconds=30)


def _added(vcenter: RunningVCenter, world: World, operator: Operator) -> UUID:
    """Add the vCenter, with those datastores in maintenance that are to be."""
    wanted = {it.name for it in world.datastores if it.in_maintenance}
    if wanted:
        operator.session.call(
            lambda content: [
                datastore.DatastoreEnterMaintenanceMode()
                for datastore in content.rootFolder.childEntity[0].datastore
                if datastore.name in wanted
            ]
        )
    vcenter_id = add_vcenter(
        name="vc",
        url=vcenter.url,
        username=vcenter.username,
        password=vcenter.password,
        thumbprint=vcenter.thumbprint,
        insecure=False,
        native_motion=world.native,
    )
    sync_vcenter(vcenter_id)
    return vcenter_id


def _assign(run: Run) -> None:
    """Give the disks that want it the offering with the storage tag."""
    gold = create_offering("gold", "gold", ["gold"])
    subjects: list[tuple[Subject, bool]] = [
        (("disk", vm.name, number), disk.gold) for vm in run.world.vms for number, disk in enumerate(vm.disks)
    ]
    subjects += [(("loose", name, 0), disk.gold) for name, disk in run.world.loose]
    for subject, wanted in subjects:
        if wanted:
            assign_offering(run.volume_of(subject), gold)
