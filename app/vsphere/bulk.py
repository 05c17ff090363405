"""Reading properties of many objects in few calls (PropertyCollector.RetrievePropertiesEx), as plain values.

Objects that vanished meanwhile are left out, and so are properties that are unset or may not be read: whoever uses
them decides what their absence means.
"""

from __future__ import annotations

from collections.abc import Iterable

from app.vsphere.answers import Objects, read_page
from app.vsphere.collector import filter_spec, root, traversal
from app.vsphere.pyvmomi import VimObject, vim, vmodl
from app.vsphere.session import Session
from app.vsphere.soap import answer_to

_PAGE_OBJECTS = 500
"""Objects an answer: keeps answers to a few MB. vCenter may send fewer."""


def read(
    session: Session, roots: Iterable[tuple[str, str]], specs: list[VimObject], select: Iterable[VimObject] = ()
) -> Objects:
    """Read `specs` of the objects `roots` (type and reference value) and of what `select` reaches from them.

    Raises `ManagedObjectGone` when a root itself does not exist.
    """
    places, onwards = list(roots), list(select)
    if not places:
        return {}

    def ask(content: VimObject) -> Objects:
        objects = [root(session.moref(kind, value), onwards) for kind, value in places]
        return _all_pages(content.propertyCollector, filter_spec(objects, specs, report_missing=False))

    return session.call(ask)


def read_all(session: Session, kinds: list[VimObject], specs: list[VimObject]) -> Objects:
    """Read `specs` of every object of `kinds` and their subtypes in the vCenter, all in one view."""

    def ask(content: VimObject) -> Objects:
        view = content.viewManager.CreateContainerView(container=content.rootFolder, type=kinds, recursive=True)
        try:
            members = root(view, [traversal(vim.view.ContainerView, "view", name="members")], skip=True)
            # Members that vanish between the view and the read are skipped instead of failing the rest.
            return _all_pages(content.propertyCollector, filter_spec([members], specs, report_missing=True))
        finally:
            view.DestroyView()

    return session.call(ask)


def _all_pages(collector: VimObject, spec: VimObject) -> Objects:
    options = vmodl.query.PropertyCollector.RetrieveOptions(maxObjects=_PAGE_OBJECTS)
    page = read_page(answer_to(collector, "RetrievePropertiesEx", [[spec], options]))
    found = page.objects
    while True:
        if "NotAuthenticated" in page.faults:
            # A lost session can show as missing properties in a good answer; raised, it leads to a new login.
            raise vim.fault.NotAuthenticated
        if page.token is None:
            return found
        page = read_page(answer_to(collector, "ContinueRetrievePropertiesEx", [page.token]))
        found |= page.objects
