"""What can go wrong between vrelocate and a vCenter.

    VCenterUnreachable     534  no answer: network, vCenter down, a call that ran into its timeout
    CertificateRefused     534  the TLS certificate is neither trusted nor the pinned one
    VCenterLoginFailed     534  vCenter answers, and does not let us in
    ReplyLost              530  a call that changes something was sent and its answer never came
    ManagedObjectGone      431  vCenter has no such object (any more)
    DiskNotOnVm            431  the VM has no disk with that key
    NotAWorker             530  a VM was to be emptied or destroyed that is no worker of ours
    WorkerHoldsDisk        530  a worker VM was to be destroyed that has a disk still
    VCenterFault           530  vCenter said no; `.fault` says what it said and of which class it is

No text here ever holds a password or a session cookie.
"""

from __future__ import annotations

from app.errors import NotFound, ResourceUnavailable, VrelocateError
from app.vsphere.facts import FaultInfo


class VCenterUnreachable(ResourceUnavailable):
    """The vCenter does not answer; nothing is known to have been changed by the call."""


class CertificateRefused(ResourceUnavailable):
    """The vCenter's certificate is not trusted; `seen` is its SHA-256 thumbprint, if it could be read."""

    def __init__(self, message: str, *, seen: str | None) -> None:
        """Keep the thumbprint apart, so that the command line can offer to trust it."""
        super().__init__(message)
        self.seen = seen


class VCenterLoginFailed(ResourceUnavailable):
    """The vCenter refuses the user name or the password, or the user may not log in."""


class ReplyLost(VrelocateError):
    """The connection broke after a call was sent that must not be sent twice: it may or may not have taken effect.

    The way out is to look (law 3): is a task running on the entity? Are the disks there already?
    """


class ManagedObjectGone(NotFound):
    """The object was removed from the vCenter's inventory, or never was there."""

    def __init__(self, kind: str, moref: str) -> None:
        """Name the object by vSphere's type and reference."""
        super().__init__(f"vCenter has no {kind} {moref}: it was removed from the inventory")
        self.kind = kind
        self.moref = moref


class DiskNotOnVm(NotFound):
    """A relocation names a disk key that the virtual machine does not have now."""


class NotAWorker(VrelocateError):
    """The VM does not say of itself that it is a worker: it is somebody's, and is neither emptied nor destroyed."""


class WorkerHoldsDisk(VrelocateError):
    """The worker VM has a disk: destroying it now would delete that."""


class VCenterFault(VrelocateError):
    """vCenter refused a call; `fault.classification` says whether another try makes sense."""

    def __init__(self, fault: FaultInfo) -> None:
        """Speak with the fault's own words."""
        super().__init__(f"{fault.message} ({fault.name})")
        self.fault = fault
