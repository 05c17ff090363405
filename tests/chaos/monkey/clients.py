"""Clients that submit, poll, cancel and try again, whatever becomes of their calls; they remember every promise."""

from __future__ import annotations

import threading
import time
import traceback
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from app.cli.apiclient import ApiClient, Entity
from app.errors import InvalidParameter, ResourceInUse, ResourceUnavailable, VrelocateError
from tests.chaos.monkey.wishes import Wish

PACE_SECONDS = 0.35
MOST_LIVE = 8
"""A client has so many jobs at once at most."""


@dataclass
class Promised:
    """A job that was accepted."""

    wish: Wish
    at: float
    tries_left: int
    cancel_due: bool


@dataclass
class Whereabouts:
    """Where clients believe volumes to be: they seldom ask for what is there already."""

    pools: Mapping[str, str]
    """Ids of the pools by name."""
    of: dict[str, str]
    """Names of pools by volume."""

    def target(self, wish: Wish) -> str:
        """Return the pool that is meant, by its name."""
        there = {self.of.get(volume) for volume in wish.volumes or wish.entity.volumes}
        return next(pool for pool in wish.to if pool not in there or len(there) > 2)


class Client:
    """One client, in a thread of its own."""

    def __init__(self, name: str, api: ApiClient, wishes: Iterator[Wish], where: Whereabouts) -> None:
        """Prepare; nothing is asked yet."""
        self.name = name
        self.counts: Counter[str] = Counter()
        self.accepted: dict[str, Wish] = {}
        self.refused: dict[str, Wish] = {}
        """Answered with an error: such a job must not be there."""
        self.oddities: Counter[str] = Counter()
        self.broken: str | None = None
        """An answer that no client can make sense of."""
        self._api = api
        self._wishes = wishes
        self._where = where
        self._unanswered: deque[tuple[Wish, dict[str, str]]] = deque()
        self._live: deque[Promised] = deque()
        self._over = threading.Event()
        self._gone = threading.Event()
        self._thread = threading.Thread(target=self._work, name=name, daemon=True)

    def start(self) -> None:
        self._thread.start()

    def wish_no_more(self) -> None:
        """Submit nothing new, cancel and retry nothing more; what was not answered is asked again until it is."""
        self._over.set()

    @property
    def settled(self) -> bool:
        """Whether it knows of all its jobs that they are over."""
        return self._over.is_set() and not ((self._unanswered or self._live) and self.broken is None)

    def leave(self) -> None:
        """Stop in any case."""
        self._gone.set()
        self._thread.join(60)

    def _work(self) -> None:
        try:
            with self._api:
                while not self._gone.is_set() and not self.settled:
                    self._round()
                    self._gone.wait(PACE_SECONDS)
        except Exception:  # noqa: BLE001  # it is told in the end
            self.broken = traceback.format_exc()

    def _round(self) -> None:
        if self._unanswered:
            self.counts["calls sent again"] += 1
            self._send(*self._unanswered.popleft())
        elif len(self._live) < MOST_LIVE and not self._over.is_set():
            wish = next(self._wishes)
            self.counts["jobs wished for"] += 1
            self._send(wish, self._parameters(wish))
        if self._live:
            self._look_after(self._live.popleft())

    def _parameters(self, wish: Wish) -> dict[str, str]:
        pool = self._where.pools[self._where.target(wish)]
        if wish.command == "migrateVolume":
            return {"volumeid": wish.volumes[0], "storageid": pool}
        assert wish.entity.vm
        if wish.command == "migrateVirtualMachine":
            return {"virtualmachineid": wish.entity.vm, "storageid": pool}
        parameters = {"virtualmachineid": wish.entity.vm}
        for number, volume in enumerate(wish.volumes):
            parameters |= {f"migrateto[{number}].volume": volume, f"migrateto[{number}].pool": pool}
        return parameters

    def _send(self, wish: Wish, parameters: dict[str, str]) -> None:
        """Ask for a job; what got no answer will be asked again, as it was."""
        try:
            answer = self._api.call(wish.command, customjobid=wish.job_id, **parameters)
        except ResourceInUse:
            self.counts["wishes refused: the entity has a job"] += 1
            self.refused[wish.job_id] = wish
        except InvalidParameter as error:
            self.counts["wishes refused otherwise"] += 1
            self.oddities[f"refused: {error}"] += 1
            self.refused[wish.job_id] = wish
        except VrelocateError as error:
            self._lost(error)
            self._unanswered.append((wish, parameters))
        else:
            assert answer["jobid"] == wish.job_id, answer
            self.counts["jobs accepted"] += 1
            self.accepted[wish.job_id] = wish
            due = wish.cancelled_after_seconds is not None
            self._live.append(Promised(wish, time.monotonic(), wish.tries_again, due))

    def _lost(self, error: VrelocateError) -> None:
        self.counts["calls without an answer"] += 1
        if not isinstance(error, ResourceUnavailable):
            self.oddities[f"{error.code}: {error}"] += 1

    def _look_after(self, job: Promised) -> None:
        """Cancel it when it is time, and poll it; what is over and has failed is perhaps tried again."""
        try:
            self._perhaps_cancel(job)
            shown = self._api.call("queryAsyncJobResult", jobid=job.wish.job_id)
            self.counts["polls"] += 1
            if self._is_over(job, shown):
                return
        except ResourceInUse:
            self.counts["retries refused: the entity has another job"] += 1
            return
        except VrelocateError as error:
            self._lost(error)
        self._live.append(job)

    def _perhaps_cancel(self, job: Promised) -> None:
        after = job.wish.cancelled_after_seconds
        if self._over.is_set() or not job.cancel_due or after is None or time.monotonic() < job.at + after:
            return
        try:
            self._api.call("cancelAsyncJob", jobid=job.wish.job_id)
        except InvalidParameter:
            self.counts["cancels that came too late"] += 1
        else:
            self.counts["cancels"] += 1
        job.cancel_due = False

    def _is_over(self, job: Promised, shown: Entity) -> bool:
        if shown["jobstatus"] == 0:
            return False
        if shown["jobstatus"] == 1:
            self._remember(shown["jobresult"])
            return True
        if job.tries_left == 0 or self._over.is_set():
            return True
        self._api.call("retryAsyncJob", jobid=job.wish.job_id)
        self.counts["retries by hand"] += 1
        job.tries_left -= 1
        return False

    def _remember(self, result: Entity) -> None:
        for what in result.values():
            for disk in what.get("migrateddisks", []):
                self._where.of[disk["volume_id"]] = disk["to"]
