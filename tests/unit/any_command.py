"""Any command of any kind, for properties that hold of all of them."""

from __future__ import annotations

from typing import get_args

from hypothesis import strategies as st

from app.hypervisors.commands import BaseCommand, Command
from app.vsphere.facts import DiskFormat

_UNION, _ = get_args(Command)
KINDS: tuple[type[BaseCommand], ...] = get_args(_UNION)

_FIELDS: dict[str, st.SearchStrategy[object]] = {
    "disks": st.dictionaries(st.integers(0, 2**31 - 1), st.text(min_size=1), max_size=4),
    "formats": st.dictionaries(st.integers(0, 2**31 - 1), st.sampled_from(DiskFormat), max_size=4),
    "parcels": st.lists(st.dictionaries(st.text(), st.integers()), max_size=2).map(tuple),
}


def _any_of(kind: type[BaseCommand]) -> st.SearchStrategy[Command]:
    told = {name: _FIELDS[name] for name in kind.model_fields if name in _FIELDS}
    return st.builds(kind, kind=st.just(kind.model_fields["kind"].default), **told)


commands: st.SearchStrategy[Command] = st.one_of([_any_of(kind) for kind in KINDS])
