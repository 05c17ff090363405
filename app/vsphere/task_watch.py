"""Many tasks followed by one long poll.

One ListView holds the tasks, one PropertyFilter looks at it, one `WaitForUpdatesEx` brings what changed: the load on
vCenter does not grow with the number of tasks (law 6). The property collector is the watch's own, because the session's
default one is shared by everybody and delivers everybody's filters.

Progress has a filter and a collector of its own. With hundreds of tasks some percentage changes all the time: a long
poll that told of it would never be long, and an end would wait behind it. So the long poll tells of states alone, at
once, and how far everything is is asked for now and then.

View, filter and collector die with the session. Then they are made anew, and every watched task is reported again as it
stands by then.
"""

from __future__ import annotations

import contextlib
import logging
import math
import threading
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from app.errors import VrelocateError
from app.vsphere.collector import filter_spec, property_spec, root, traversal
from app.vsphere.errors import ManagedObjectGone, VCenterFault, VCenterUnreachable
from app.vsphere.facts import TaskSnapshot, TaskState
from app.vsphere.pyvmomi import VimObject, vim, vmodl
from app.vsphere.session import Session
from app.vsphere.soap import UNREADABLE
from app.vsphere.task_info import PROGRESS_PATH, STATE_PATH, STATE_PATHS, is_readable, read_task, snapshot

log = logging.getLogger(__name__)


class _StaleLogin(Exception):
    """The session was logged in anew: what the old login made is gone."""


_SPOILED: tuple[type[Exception], ...] = (_StaleLogin, ManagedObjectGone, VCenterFault, *UNREADABLE)
"""What a poll ends with when its filter is of no use any more."""


@dataclass(frozen=True)
class _Filter:
    """What vCenter holds for us, and the login that it belongs to."""

    content: VimObject
    collector: VimObject
    view: VimObject
    version: list[str] = field(default_factory=lambda: [""])


@dataclass(frozen=True)
class _ProgressFilter:
    """The second one, on the same view."""

    beside: _Filter
    collector: VimObject
    version: list[str] = field(default_factory=lambda: [""])


class TaskWatch:
    """Follows the tasks it is given, until `close`. `wait` is for one thread; the rest may be called from another.

    Every method may raise `VCenterUnreachable` and its kin; what is watched stays watched, and the next call goes on.
    """

    def __init__(self, session: Session) -> None:
        self._session = session
        self._lock = threading.RLock()
        self._filter: _Filter | None = None
        self._progress: _ProgressFilter | None = None
        self._closed = False
        self._watched: dict[str, dict[str, Any]] = {}
        """Reference → what is known of the task, by property path."""
        self._apart: dict[str, TaskSnapshot | None] = {}
        """Tasks whose updates pyVmomi cannot read. They would fail everybody's poll, so they are read singly."""
        self._unreported: dict[str, TaskSnapshot] = {}
        """What `wait` returns next. Kept until it does: a poll may fail after it brought something."""

    def watch(self, morefs: Iterable[str]) -> list[str]:
        """Follow these tasks too; return those that vCenter does not know: they are gone, and not followed.

        Each one is reported by the next `wait`, as it stands. Those that are followed already are left alone, except
        that one that has ended is reported once more: whoever still asks for it has perhaps failed to note its end.
        """
        with self._lock:
            asked = dict.fromkeys(morefs)
            self._report_ends_again(asked)
            fresh = [moref for moref in asked if moref not in self._watched and moref not in self._apart]
            if not fresh:
                return []
            self._watched.update((moref, {}) for moref in fresh)
            try:
                self._update_view(add=fresh)
            except BaseException:
                self._filter = None  # whether the view has them is not known
                self._forget(fresh)
                raise
            gone = [moref for moref in fresh if moref not in self._watched]
            for moref in gone:
                del self._unreported[moref]  # told right here
            return gone

    def unwatch(self, morefs: Iterable[str]) -> None:
        """Follow these tasks no longer."""
        with self._lock:
            known = [moref for moref in morefs if moref in self._watched or moref in self._apart]
            self._forget(known)
            if known and self._filter is not None:
                self._update_view(remove=known)

    def wait(self, seconds: float) -> list[TaskSnapshot]:
        """Return the tasks whose state changed, as soon as one does, each once; an empty list after `seconds`.

        They come with their state and their fault alone; `read_task` tells more. A task that vCenter forgot while it
        was watched comes once with the state `gone` and is followed no longer.
        `seconds` is rounded up to whole ones, and cut to half of the session's timeout.
        """
        self._read_apart()
        for last_try in (False, True):
            current = None
            try:
                with self._lock:
                    if self._closed:
                        return []
                    if self._filter is None:
                        self._update_view()
                    current = self._filter
                    patience = 0 if self._unreported else seconds
                if current is not None:
                    self._poll(current, math.ceil(min(patience, self._session.timeout_seconds / 2)))
                break
            except _SPOILED as error:
                log.info("task watch is set up anew: %s", str(error) or type(error).__name__)
                self._abandon(current)
                if last_try and isinstance(error, VrelocateError):
                    raise
                if last_try:
                    raise VCenterUnreachable(f"the tasks' updates cannot be read: {error}") from error
                if isinstance(error, UNREADABLE):
                    self._set_apart()
        with self._lock:
            changed, self._unreported = self._unreported, {}
            return list(changed.values())

    def progress(self) -> list[TaskSnapshot]:
        """Return the tasks that have come further since this was last asked, as they stand; it waits for nothing.

        What is new of states comes from `wait`, which makes what this needs: before it, and while something is made
        anew, nothing is returned.
        """
        with self._lock:
            current, progress = self._filter, self._progress
        if current is None:
            return []
        changed: dict[str, TaskSnapshot] = {}
        try:
            if progress is None or progress.beside is not current:
                progress = self._session.call(partial(_build_progress, beside=current))
                with self._lock:
                    self._progress = progress
            for update in self._updates(current, progress.collector, progress.version, 0):
                with self._lock:
                    for moref in self._take_in_progress(update):
                        changed[moref] = snapshot(moref, self._watched[moref])
        except _SPOILED as error:
            log.info("the progress of tasks is asked for anew: %s", str(error) or type(error).__name__)
            self._forget_progress()
        return [it for it in changed.values() if not it.ended]

    def close(self) -> None:
        """Give back what vCenter holds for this watch. The tasks run on."""
        with self._lock:
            self._closed = True
            current = self._filter
        self._abandon(current)

    def _poll(self, current: _Filter, patience_seconds: int) -> None:
        """Wait for updates, and take them in."""
        for update in self._updates(current, current.collector, current.version, patience_seconds):
            with self._lock:
                for item in _items(update):
                    self._take_in(item)

    def _updates(
        self, current: _Filter, collector: VimObject, version: list[str], patience_seconds: int
    ) -> Iterator[VimObject]:
        """Ask for what a collector has to tell, page by page (vCenter sends about 100 objects at a time)."""
        more = True
        while more:
            ask = partial(_wait_for_updates, current=current, collector=collector, version=version[0])
            update = self._session.call(partial(ask, seconds=patience_seconds))
            if update is None:
                return
            version[0] = update.version
            yield update
            more, patience_seconds = bool(update.truncated), 0

    def _take_in(self, item: VimObject) -> None:
        """Merge one ObjectUpdate into what is known; updates hold only the properties that changed."""
        moref = item.obj._moId  # noqa: SLF001  # pyVmomi's only way to a reference value
        known = self._watched.get(moref)
        if known is None:  # no longer watched
            return
        if item.kind == "leave":
            self._report_gone([moref])
            return
        before = snapshot(moref, known) if STATE_PATH in known else None
        _merge(item, known)
        now = snapshot(moref, known)
        if now != before:  # vcsim repeats all of a view that changes
            self._unreported[moref] = now

    def _take_in_progress(self, update: VimObject) -> list[str]:
        """Merge what an update tells of progress; return the tasks it tells of whose state is known."""
        told = []
        for item in _items(update):
            moref = item.obj._moId  # noqa: SLF001  # as above
            known = self._watched.get(moref)
            if known is not None:
                _merge(item, known)
                if STATE_PATH in known:
                    told.append(moref)
        return told

    def _update_view(self, *, add: Iterable[str] = (), remove: Iterable[str] = ()) -> None:
        """Bring the list view up to date, making it if need be; tasks that vCenter does not know are gone."""
        current = self._filter
        if current is not None:
            try:
                self._report_gone(self._session.call(lambda content: self._modify(content, current, add, remove)))
            except (_StaleLogin, ManagedObjectGone, VCenterFault) as error:
                log.info("task watch is set up anew: %s", str(error) or type(error).__name__)
            else:
                return
        self._filter, gone = self._session.call(self._build)
        self._report_gone(gone)

    def _build(self, content: VimObject) -> tuple[_Filter, list[str]]:
        self._watched = {moref: {} for moref in self._watched}  # so that each is reported again
        made = _Filter(
            content=content,
            collector=content.propertyCollector.CreatePropertyCollector(),
            # Empty at first: CreateListView fails as a whole for one unknown object, ModifyListView names it.
            view=content.viewManager.CreateListView(obj=[]),
        )
        gone = self._modify(content, made, self._watched, ())
        _create_filter(made.collector, made.view, STATE_PATHS)
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

    def _abandon(self, current: _Filter | None) -> None:
        """Give up a filter, and have vCenter give it up too if it still can."""
        with self._lock:
            if self._filter is current:
                self._filter = None
        self._forget_progress()
        if current is not None:
            with contextlib.suppress(VrelocateError, _StaleLogin):  # gone with its session, or with its connection
                self._session.call(partial(_destroy, current=current))

    def _forget_progress(self) -> None:
        """Give up the second filter, and have vCenter give it up too if it still can."""
        with self._lock:
            progress, self._progress = self._progress, None
        if progress is not None:
            with contextlib.suppress(VrelocateError, _StaleLogin):
                self._session.call(partial(_destroy_progress, progress=progress))

    def _read_apart(self) -> None:
        """Read the tasks that cannot be polled with the others."""
        with self._lock:
            before = dict(self._apart)
        for moref, last in before.items():
            now = read_task(self._session, moref)
            with self._lock:
                if moref not in self._apart:  # unwatched meanwhile
                    continue
                if now is None:
                    self._report_gone([moref])
                elif now != last:
                    self._apart[moref] = self._unreported[moref] = now

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

    def _report_gone(self, morefs: Iterable[str]) -> None:
        """Forget tasks that vCenter has forgotten, and say so."""
        for moref in morefs:
            self._forget([moref])
            self._unreported[moref] = TaskSnapshot(moref, TaskState.GONE)

    def _report_ends_again(self, morefs: Iterable[str]) -> None:
        for moref in morefs:
            known, apart = self._watched.get(moref), self._apart.get(moref)
            last = snapshot(moref, known) if known else apart
            if last is not None and last.ended:
                self._unreported[moref] = last

    def _forget(self, morefs: Iterable[str]) -> None:
        for moref in morefs:
            self._watched.pop(moref, None)
            self._apart.pop(moref, None)
            self._unreported.pop(moref, None)


def _destroy(content: VimObject, current: _Filter) -> None:
    if content is not current.content:
        raise _StaleLogin
    current.collector.DestroyPropertyCollector()
    current.view.DestroyView()


def _build_progress(content: VimObject, beside: _Filter) -> _ProgressFilter:
    if content is not beside.content:
        raise _StaleLogin
    made = _ProgressFilter(beside, content.propertyCollector.CreatePropertyCollector())
    _create_filter(made.collector, beside.view, [PROGRESS_PATH])
    return made


def _create_filter(collector: VimObject, view: VimObject, paths: Iterable[str]) -> None:
    members = root(view, [traversal(vim.view.ListView, "view", name="tasks")], skip=True)
    spec = filter_spec([members], [property_spec(vim.Task, paths)], report_missing=True)
    collector.CreateFilter(spec=spec, partialUpdates=False)


def _destroy_progress(content: VimObject, progress: _ProgressFilter) -> None:
    if content is not progress.beside.content:
        raise _StaleLogin
    progress.collector.DestroyPropertyCollector()


def _items(update: VimObject) -> Iterator[VimObject]:
    """Return the ObjectUpdates of an UpdateSet."""
    for filter_update in update.filterSet:
        yield from filter_update.objectSet


def _merge(item: VimObject, known: dict[str, Any]) -> None:
    for change in item.changeSet:
        if change.op == "assign":
            known[change.name] = change.val
        else:
            known.pop(change.name, None)


def _wait_for_updates(
    content: VimObject, *, current: _Filter, collector: VimObject, version: str, seconds: int
) -> VimObject:
    if content is not current.content:
        raise _StaleLogin
    options = vmodl.query.PropertyCollector.WaitOptions(maxWaitSeconds=seconds)
    return collector.WaitForUpdatesEx(version=version, options=options)
