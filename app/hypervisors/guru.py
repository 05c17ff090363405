"""`HypervisorGuru`: says whether its hypervisor can migrate by itself, and with which commands.

After CloudStack's `HypervisorGuru.finalizeMigrate` (apache/cloudstack#2848): commands, or nothing when the hypervisor
can't; then storage migration is used.
"""

from __future__ import annotations

from collections.abc import Sequence

from app.hypervisors.commands import Command
from app.hypervisors.move import Move


class HypervisorGuru:
    """The default: knows nothing, so answers that its hypervisor can't."""

    def finalize_migration(self, move: Move) -> Sequence[Command] | None:  # noqa: ARG002
        """Return the commands that carry out `move`, or `None`: the hypervisor can't."""
        return None
