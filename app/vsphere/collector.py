"""Reading many properties in one call (PropertyCollector.RetrievePropertiesEx).

Everything that is read comes back as `Objects`: what was asked for and is there. Objects that vanished meanwhile are
left out, and so are properties that are unset or may not be read: whoever uses them decides what their absence means.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from app.vsphere.pyvmomi import VimObject, vim, vmodl
from app.vsphere.session import Session

_PAGE_OBJECTS = 500
"""Objects an answer: keeps answers to a few MB. vCenter may send fewer."""


@dataclass(frozen=True, slots=True)
class Found:
    """One object: its vSphere type (`VirtualMachine`) and the properties that were read, by path."""

    kind: str
    properties: Mapping[str, Any]


Objects = dict[str, Found]
"""By reference value."""


def reference(managed_object: VimObject | None) -> str | None:
    """Return the reference value of a managed object: `vm-42`."""
    return None if managed_object is None else str(managed_object._moId)  # noqa: SLF001  # pyVmomi's only way


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


def retrieve(
    session: Session, roots: Iterable[tuple[str, str]], specs: list[VimObject], select: Iterable[VimObject] = ()
) -> Objects:
    """Read `specs` of the objects `roots` (type and reference value) and of what `select` reaches from them.

    Raises `ManagedObjectGone` when a root itself does not exist.
    """
    places = list(roots)

    def ask(content: VimObject) -> Objects:
        objects = [
            vmodl.query.PropertyCollector.ObjectSpec(obj=session.moref(kind, value), skip=False, selectSet=list(select))
            for kind, value in places
        ]
        return _all_pages(content.propertyCollector, objects, specs, report_missing=False)

    return session.call(ask)


def retrieve_all(session: Session, kinds: list[VimObject], specs: list[VimObject]) -> Objects:
    """Read `specs` of every object of `kinds` in the vCenter, all in one view."""

    def ask(content: VimObject) -> Objects:
        view = content.viewManager.CreateContainerView(container=content.rootFolder, type=kinds, recursive=True)
        try:
            to_members = traversal(vim.view.ContainerView, "view", name="members")
            start = vmodl.query.PropertyCollector.ObjectSpec(obj=view, skip=True, selectSet=[to_members])
            return _all_pages(content.propertyCollector, [start], specs, report_missing=True)
        finally:
            view.DestroyView()

    return session.call(ask)


def _all_pages(
    collector: VimObject, objects: list[VimObject], specs: list[VimObject], *, report_missing: bool
) -> Objects:
    """Retrieve page after page. With `report_missing`, a vanished object is skipped instead of failing the rest."""
    spec = vmodl.query.PropertyCollector.FilterSpec(
        objectSet=objects, propSet=specs, reportMissingObjectsInResults=report_missing
    )
    options = vmodl.query.PropertyCollector.RetrieveOptions(maxObjects=_PAGE_OBJECTS)
    found: Objects = {}
    page = collector.RetrievePropertiesEx(specSet=[spec], options=options)
    while page is not None:
        for item in page.objects:
            _raise_if_not_authenticated(item)
            found[item.obj._moId] = Found(  # noqa: SLF001  # the reference value has no public name in pyVmomi
                kind=type(item.obj).__name__.rpartition(".")[2],
                properties={entry.name: entry.val for entry in item.propSet},
            )
        page = collector.ContinueRetrievePropertiesEx(token=page.token) if page.token else None
    return found


def _raise_if_not_authenticated(item: VimObject) -> None:
    """Tell a lost session, which shows as missing properties in a good answer; raised, it leads to a new login."""
    for missing in item.missingSet or []:
        if isinstance(missing.fault, vim.fault.NotAuthenticated):
            raise missing.fault
