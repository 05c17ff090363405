"""How the PropertyCollector is told what to read, and the reading of a few objects as pyVmomi's own.

For many objects `bulk` is the better way; faults (`info.error` of tasks) come as pyVmomi's classes only from here.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from app.vsphere.errors import ManagedObjectGone
from app.vsphere.pyvmomi import VimObject, vim, vmodl
from app.vsphere.session import Session


def property_spec(kind: VimObject, paths: Iterable[str]) -> VimObject:
    """Return the PropertySpec that reads `paths` of every object of type `kind` or of a subtype."""
    return vmodl.query.PropertyCollector.PropertySpec(type=kind, all=False, pathSet=list(paths))


def traversal(kind: VimObject, path: str, *, name: str | None = None, then: Iterable[VimObject] = ()) -> VimObject:
    """Return the TraversalSpec from objects of type `kind` over the property `path`, and onwards by `then`."""
    return vmodl.query.PropertyCollector.TraversalSpec(
        name=name, type=kind, path=path, skip=False, selectSet=list(then)
    )


def again(name: str) -> VimObject:
    """Refer to a traversal by its name; how recursion is written."""
    return vmodl.query.PropertyCollector.SelectionSpec(name=name)


def root(managed_object: VimObject, select: Iterable[VimObject] = (), *, skip: bool = False) -> VimObject:
    """Return the ObjectSpec that starts at `managed_object`; with `skip` only what `select` reaches is read."""
    return vmodl.query.PropertyCollector.ObjectSpec(obj=managed_object, skip=skip, selectSet=list(select))


def filter_spec(roots: list[VimObject], specs: list[VimObject], *, report_missing: bool) -> VimObject:
    """Return the PropertyFilterSpec; without `report_missing` one vanished object fails the whole read."""
    return vmodl.query.PropertyCollector.FilterSpec(
        objectSet=roots, propSet=specs, reportMissingObjectsInResults=report_missing
    )


def retrieve(
    session: Session,
    kind: str,
    moref: str,
    specs: list[VimObject],
    select: Iterable[VimObject] = (),
) -> dict[str, Mapping[str, Any]]:
    """Read `specs` of one object, and of what `select` reaches from it; properties by path, by reference value.

    `specs` must read something of the object itself. What `select` reaches may vanish meanwhile, and is left out then.
    Raises `ManagedObjectGone` when the object itself does not exist.
    """
    onwards = list(select)

    def ask(content: VimObject) -> dict[str, Mapping[str, Any]]:
        start = root(session.moref(kind, moref), onwards)
        options = vmodl.query.PropertyCollector.RetrieveOptions()
        collector = content.propertyCollector
        found: dict[str, Mapping[str, Any]] = {}
        page = collector.RetrievePropertiesEx(
            specSet=[filter_spec([start], specs, report_missing=True)], options=options
        )
        while page is not None:
            for item in page.objects:
                _raise_if_not_authenticated(item)
                found[item.obj._moId] = {entry.name: entry.val for entry in item.propSet}  # noqa: SLF001  # no public name
            page = collector.ContinueRetrievePropertiesEx(token=page.token) if page.token else None
        if moref not in found:
            raise ManagedObjectGone(kind, moref)
        return found

    return session.call(ask)


def _raise_if_not_authenticated(item: VimObject) -> None:
    """Tell a lost session, which can show as missing properties in a good answer."""
    for missing in item.missingSet or []:
        if isinstance(missing.fault, vim.fault.NotAuthenticated):
            raise missing.fault
