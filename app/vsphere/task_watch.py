"""Many tasks followed by one long poll.

One ListView holds the tasks, one PropertyFilter looks at it, one `WaitForUpdatesEx` brings what changed: the load on
vCenter does not grow with the number of tasks (law 6). The property collector is the watch's own, because the session's
default one is shared by everybody and delivers everybody's filters.

View, filter and collector die with the session. Then they are made anew, and every watched task is reported again as it
stands by then.
"""

from __future__ import annotations

import contextlib
import logging
import math
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from app.errors import VrelocateError
from app.vsphere.collector import filter_spec, property_spec, root, traversal
from app.vsphere.errors import ManagedObjectGone, VCenterFault, VCenterUnreachable
from app.vsphere.facts import TaskSnapshot, TaskState
from app.vsphere.pyvmomi import VimObject, vim, vmodl
from app.vsphere.session import Session
from app.vsphere.task_info import SNAPSHOT_PATHS, UNREADABLE, is_readable, read_task, snapshot

log = logging.getLogger(__name__)


class _StaleLogin(Exception):
    """The session was logged in anew: what the old login made is gone."""


@dataclass(frozen=True)
class _Filter:
    """What vCenter holds for us, and the login that it belongs to."""

    content: VimObject
    collector: VimObject
    view: VimObject
    version: list[str] = field(default_factory=lambda: [""])


class TaskWatch:
    """Follows the tasks it is given, until `close`. `wait` is for one thread; the rest may be called from any.

    Every method may raise `VCenterUnreachable` and its kin; what is watched stays watched, and the next call goes on.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._lock = threading.RLock()
        self._filter: _Filter | None = None
        self._closed = False
        self._watched: dict[str, dict[str, Any]] = {}
        """Reference → what is known of the task, by property path."""
        self._apart: dict[str, TaskSnapshot | None] = {}
        """Tasks whose updates pyVmomi cannot read. They would fail everybody's poll, so they are read singly."""

    def watch(self, morefs: Iterable[str]) -> list[str]:
        """Follow these tasks too; return those that vCenter does not know: they are gone, and not followed.

        Each one is reported by the next `wait`, as it stands.
        """
        with self._lock:
            fresh = [moref for moref in dict.fromkeys(morefs) if moref not in self._watched | self._apart]
            if not fresh:
                return []
            self._watched.update((moref, {}) for moref in fresh)
            try:
                gone = self._update_view(add=fresh)
            except BaseException:
                self._filter = None  # whether the view has them is not known
                self._forget(fresh)
                raise
            self._forget(gone)
            return [moref for moref in fresh if moref in gone]

    def unwatch(self, morefs: Iterable[str]) -> None:
        """Follow these tasks no longer."""
        with self._lock:
            known = [moref for moref in morefs if moref in self._watched or moref in self._apart]
            self._forget(known)
            if known and self._filter is not None:
                self._update_view(remove=known)

    def wait(self, seconds: float) -> list[TaskSnapshot]:
        """Return the tasks that changed, as soon as one does, each once and whole; an empty list after `seconds`.

        A task that vCenter forgot while it was watched comes once with the state `gone` and is followed no longer.
        `seconds` is rounded up to whole ones, and cut to half of the session's timeout.
        """
        changed = {task.moref: task for task in self._read_apart()}
        patience = 0 if changed else math.ceil(min(seconds, self._session.timeout_seconds / 2))
        for last_try in (False, True):
            try:
                with self._lock:
                    if self._closed:
                        return list(changed.values())
                    if self._filter is None:
                        changed |= self._gone(self._update_view())
                    current = self._filter
                if current is not None:
                    changed |= self._poll(current, patience)
                break
            except (_StaleLogin, ManagedObjectGone, VCenterFault, *UNREADABLE) as error:
                log.info("task watch is set up anew: %s", str(error) or type(error).__name__)
                self._filter = None
                if last_try and isinstance(error, VrelocateError):
                    raise
                if last_try:
                    raise VCenterUnreachable(f"the tasks' updates cannot be read: {error}") from error
                if isinstance(error, UNREADABLE):
                    self._set_apart()
        return list(changed.values())

    def close(self) -> None:
        """Give back what vCenter holds for this watch. The tasks run on."""
        with self._lock:
            self._closed = True
            current, self._filter = self._filter, None
        if current is not None:
            with contextlib.suppress(VrelocateError, _StaleLogin):  # without the session they are gone anyway
                self._session.call(lambda content: self._discard(content, current))

    def _poll(self, current: _Filter, patience: int) -> dict[str, TaskSnapshot]:
        """Wait for updates, and take in all pages of them (vCenter sends about 100 objects at a time)."""
        changed: dict[str, TaskSnapshot] = {}
        more = True
        while more:
            update = self._session.call(partial(_wait_for_updates, current=current, seconds=patience))
            if update is None:
                break
            with self._lock:
                current.version[0] = update.version
                for filter_update in update.filterSet:
                    for item in filter_update.objectSet:
                        changed |= self._take_in(item)
            more, patience = bool(update.truncated), 0
        return changed

    def _take_in(self, item: VimObject) -> dict[str, TaskSnapshot]:
        """Merge one ObjectUpdate into what is known; updates hold only the properties that changed."""
        moref = item.obj._moId  # noqa: SLF001  # pyVmomi's only way to a reference value
        known = self._watched.get(moref)
        if known is None:  # no longer watched
            return {}
        if item.kind == "leave":
            return self._gone([moref])
        before = snapshot(moref, known) if known else None
        for change in item.changeSet:
            if change.op == "assign":
                known[change.name] = change.val
            else:
                known.pop(change.name, None)
        now = snapshot(moref, known)
        return {} if now == before else {moref: now}  # vcsim repeats all of a view that changes

    def _update_view(self, *, add: Iterable[str] = (), remove: Iterable[str] = ()) -> list[str]:
        """Bring the list view up to date, making it if need be; return the tasks that vCenter does not know."""
        current = self._filter
        if current is not None:
            try:
                return self._session.call(lambda content: self._modify(content, current, add, remove))
            except (_StaleLogin, ManagedObjectGone, VCenterFault) as error:
                log.info("task watch is set up anew: %s", str(error) or type(error).__name__)
        self._filter, gone = self._session.call(self._build)
        return gone

    def _build(self, content: VimObject) -> tuple[_Filter, list[str]]:
        self._watched = {moref: {} for moref in self._watched}  # so that each is reported again
        made = _Filter(
            content=content,
            collector=content.propertyCollector.CreatePropertyCollector(),
            # Empty at first: CreateListView fails as a whole for one unknown object, ModifyListView names it.
            view=content.viewManager.CreateListView(obj=[]),
        )
        gone = self._modify(content, made, self._watched, ())
        members = root(made.view, [traversal(vim.view.ListView, "view", name="tasks")], skip=True)
        spec = filter_spec([members], [property_spec(vim.Task, SNAPSHOT_PATHS)], report_missing=True)
        made.collector.CreateFilter(spec=spec, partialUpdates=False)
        return made, gone

    def _modify(self, content: VimObject, current: _Filter, add: Iterable[str], remove: Iterable[str]) -> list[str]:
        if content is not current.content:
            raise _StaleLogin
        to_add = [self._session.moref("Task", moref) for moref in add]
        to_remove = [self._session.moref("Task", moref) for moref in remove]
        unresolved = current.view.ModifyListView(add=to_add, remove=to_remove)
        if unresolved:  # vcsim keeps them in the view
            current.view.ModifyListView(add=[], remove=unresolved)
        return [task._moId for task in unresolved]  # noqa: SLF001  # as above

    def _discard(self, content: VimObject, current: _Filter) -> None:
        if content is not current.content:
            raise _StaleLogin
        current.collector.DestroyPropertyCollector()
        current.view.DestroyView()

    def _read_apart(self) -> list[TaskSnapshot]:
        """Read the tasks that cannot be polled with the others; return those that changed."""
        with self._lock:
            before = dict(self._apart)
        changed = []
        for moref, last in before.items():
            now = read_task(self._session, moref) or TaskSnapshot(moref, TaskState.GONE)
            if now == last:
                continue
            with self._lock:
                if moref in self._apart:
                    self._apart[moref] = now
                    changed.append(now)
                if now.state is TaskState.GONE:
                    self._forget([moref])
        return changed

    def _set_apart(self) -> None:
        """Find out which tasks break the poll, and take them out of the view that is about to be made."""
        with self._lock:
            watched = list(self._watched)
        unreadable = [moref for moref in watched if not is_readable(self._session, moref)]
        log.warning("tasks that pyVmomi cannot read are followed singly: %s", ", ".join(unreadable) or "none found")
        with self._lock:
            for moref in unreadable:
                if self._watched.pop(moref, None) is not None:
                    self._apart[moref] = None

    def _gone(self, morefs: Iterable[str]) -> dict[str, TaskSnapshot]:
        """Forget tasks that vCenter has forgotten, and say so."""
        gone = {moref: TaskSnapshot(moref, TaskState.GONE) for moref in morefs}
        self._forget(gone)
        return gone

    def _forget(self, morefs: Iterable[str]) -> None:
        for moref in morefs:
            self._watched.pop(moref, None)
            self._apart.pop(moref, None)


def _wait_for_updates(content: VimObject, current: _Filter, seconds: int) -> VimObject:
    if content is not current.content:
        raise _StaleLogin
    options = vmodl.query.PropertyCollector.WaitOptions(maxWaitSeconds=seconds)
    return current.collector.WaitForUpdatesEx(version=current.version[0], options=options)
