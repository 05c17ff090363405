"""Disk formats in CloudStack's words (`Storage.ProvisioningType`).

What its VMware support makes of them: thin is vSphere's thin, sparse is thick and lazily zeroed, fat is thick and
eagerly zeroed (apache/cloudstack#4640; apache/cloudstack-documentation#187, "service offerings").
"""

from __future__ import annotations

from app.api.cloudstack.parameters import Arguments, Kind, Parameter, invalid_value
from app.vsphere.facts import DiskFormat

_NAMES = {DiskFormat.THIN: "thin", DiskFormat.THICK: "sparse", DiskFormat.EAGER: "fat"}
_FORMATS = {name: disk_format for disk_format, name in _NAMES.items()}

PROVISIONING_TYPE = Parameter(
    "provisioningtype",
    Kind.STRING,
    "what the disks that move are converted to: thin, sparse (thick, lazily zeroed) or fat (thick, eagerly zeroed); "
    "by default each stays as it is",
)


def provisioning_type(disk_format: str | None, *, thin: bool | None) -> str | None:
    """Return the word for a volume's format; `None` where nobody knows it.

    Of a detached disk vCenter may tell no more than that it is not thin: that is `sparse`, as CloudStack itself calls
    what it finds in a vCenter and is not thin (`VmwareGuru.getProvisioningType`).
    """
    if disk_format is not None:
        return _NAMES[DiskFormat(disk_format)]
    return None if thin is None else _NAMES[DiskFormat.THIN if thin else DiskFormat.THICK]


def format_of(command: str, arguments: Arguments) -> DiskFormat | None:
    """Return the format that a call of `command` asks for; raises `BadParameter` for a word that is none of these."""
    name = arguments.text(PROVISIONING_TYPE.name)
    if name is None:
        return None
    if name.lower() not in _FORMATS:
        raise invalid_value(command, PROVISIONING_TYPE.name, name)
    return _FORMATS[name.lower()]
