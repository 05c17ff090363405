"""pyVmomi's types, seen through `Any`.

pyVmomi makes its classes at run time from the API's description. Its type hints know the attributes but neither the
constructors nor the methods, and they call things optional that the API always sends; strict checking of them would
mean an ignore on nearly every line. The edge is here instead: what crosses it becomes a typed dataclass at once.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any, TypeAlias

from pyVmomi import vim as _vim
from pyVmomi import vmodl as _vmodl

vim: Any = _vim
vmodl: Any = _vmodl

VimObject: TypeAlias = Any
"""An object of the vSphere API as pyVmomi made it: a managed object, a data object or a fault."""


def utc(moment: datetime | None) -> datetime | None:
    """Return a time of vCenter's in UTC; one without a zone is UTC already, as the API promises."""
    if moment is None:
        return None
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
