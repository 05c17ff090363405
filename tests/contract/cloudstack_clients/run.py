"""All clients at all that they do, at once: most of the time they wait between two polls."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp

from tests.contract.cloudstack_clients.client import END_SECONDS, Access, Client
from tests.contract.cloudstack_clients.place import Place, installed
from tests.contract.cloudstack_clients.steps import STEPS, Doing, Done
from tests.contract.cloudstack_clients.wire import Exchange, tapped
from tests.contract.cloudstack_clients.with_ansible import Ansible
from tests.contract.cloudstack_clients.with_cs import CsCommand, CsLibrary
from tests.contract.cloudstack_clients.with_go import CloudStackGo
from tests.contract.cloudstack_clients.with_libcloud import Libcloud

CLIENTS: tuple[type[Client], ...] = (CsLibrary, CsCommand, Libcloud, Ansible, CloudStackGo)
_AT_ONCE = 8


class Run:
    """What one run of everything has found; each thing is done once, whoever asks for it, and however often."""

    def __init__(self, place: Place, pool: ThreadPoolExecutor) -> None:
        self.place = place
        self.exchanges: list[Exchange] = []
        """Of all clients; what is not over is not among them."""
        # Ansible first: its programs take the longest to start.
        clients = sorted(CLIENTS, key=lambda client: client is not Ansible)
        self._done: dict[tuple[str, str], Future[Done]] = {
            (client.name, step): pool.submit(self._do, client, step) for client in clients for step in STEPS
        }

    def done(self, client: type[Client], step: str) -> Done:
        """Return what a client did; raise whatever was wrong with it."""
        return self._done[client.name, step].result(2 * END_SECONDS)

    def _do(self, client: type[Client], step: str) -> Done:
        ready = self.place.ready
        with tapped(ready["api_url"]) as wire:
            folder = Path(mkdtemp(dir=self.place.folder))
            access = Access(wire.url, ready["api_key"], ready["secret_key"], folder)
            number = CLIENTS.index(client) + 1
            done = STEPS[step](Doing(client(access), client(access), number, wire, self.place))
        self.exchanges += wire.exchanges
        return done


@contextmanager
def running(folder: Path) -> Iterator[Run]:
    """Start the installation and everything that the clients do; wait for all of it at the end."""
    with installed(folder) as place, ThreadPoolExecutor(_AT_ONCE) as pool:
        try:
            yield Run(place, pool)
        finally:
            pool.shutdown(cancel_futures=True)
