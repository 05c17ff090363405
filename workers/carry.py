"""The carrier: copies through secondary storage, some transfers at once, each in a thread of its own.

Each worker looks for transfers that nobody carries and that lead through a store which is mounted here, and takes them
by lease. A worker that dies lets its leases lapse, and another one goes on from the last whole chunk.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from uuid import UUID

from app.secondary import leftovers
from app.secondary.carry import carry
from app.secondary.hold import Hold, take
from app.secondary.stores import seen_here
from app.settings import settings
from app.telemetry import logger
from workers.identity import worker_name
from workers.resident import Resident, ResidentStep

log = logger(__name__)

_LOOK_SECONDS = 1.0
"""How often a worker looks for what nobody carries."""
_SWEEP_SECONDS = 60.0
"""How often it looks for what is left over."""
_STOP_SECONDS = 10.0
"""How long a carrier may take to let go: it stops at the next piece of content."""


class CarryStep(ResidentStep):
    """Each worker stands ready to carry."""

    def make(self) -> Resident:
        """Return what looks for transfers."""
        self._carriers: dict[UUID, threading.Thread] = {}
        self._missing: frozenset[str] = frozenset()
        self._sweeper = Resident("carry-sweep", _SWEEP_SECONDS, _sweep)
        return Resident("carry", _LOOK_SECONDS, self._look)

    def start(self, worker: object) -> None:
        """Begin to look for transfers, and for what is left over."""
        super().start(worker)
        self._sweeper.start()

    def stop(self, worker: object) -> None:
        """Let every carrier let go, so that another worker goes on at once."""
        self._sweeper.ask_to_stop()
        super().stop(worker)
        for thread in self._carriers.values():
            thread.join(_STOP_SECONDS)
        self._sweeper.join(_STOP_SECONDS)

    def _look(self, over: threading.Event) -> None:
        self._carriers = {id_: thread for id_, thread in self._carriers.items() if thread.is_alive()}
        if len(self._carriers) >= settings().carries_per_worker:
            return
        usable, missing = seen_here()
        self._tell(missing)
        while len(self._carriers) < settings().carries_per_worker and not over.is_set():
            hold = take(worker_name(), usable, over)
            if hold is None:
                return
            self._carry(hold)

    def _carry(self, hold: Hold) -> None:
        transfer = hold.transfer
        log.info("carry.taken", job_id=str(transfer.job_id), transfer_id=str(transfer.id), phase=transfer.phase.value)
        thread = threading.Thread(target=carry, args=(hold,), name=f"carry-{transfer.id}", daemon=True)
        self._carriers[transfer.id] = thread
        thread.start()

    def _tell(self, missing: Mapping[str, str]) -> None:
        """Say once which stores this worker does not have, and once more when that changes."""
        if missing.keys() != self._missing:
            for name, why in missing.items():
                log.warning("secondary.unusable", store=name, why=why)
            self._missing = frozenset(missing)


def _sweep(_over: threading.Event) -> None:
    cleared = leftovers.sweep()
    if cleared:
        log.info("secondary.cleared", jobs=cleared)
