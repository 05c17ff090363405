"""Which guru knows which hypervisor."""

from __future__ import annotations

from app.hypervisors.guru import HypervisorGuru
from app.hypervisors.vmware import VMwareGuru
from app.inventory.models import KVM, VMWARE

# Nothing of QEMU copies the image of a VM that is off.
_GURUS: dict[str, HypervisorGuru] = {VMWARE: VMwareGuru(), KVM: HypervisorGuru()}
_DEFAULT = HypervisorGuru()


def guru_of(hypervisor: str) -> HypervisorGuru:
    """Return the guru of a hypervisor; one that nobody knows gets the default, which answers that it can't."""
    return _GURUS.get(hypervisor, _DEFAULT)
