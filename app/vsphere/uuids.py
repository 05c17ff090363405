"""vSphere writes one uuid in several ways."""

from __future__ import annotations

_UUID_DIGITS = 32


def canonical_uuid(spoken: str) -> str:
    """Return a uuid in the usual form, lower case: `6000c29a-5f08-…`.

    Disk backings show `6000C29a-5f08-…`, VirtualDiskManager shows the same one as `60 00 C2 9a 5f 08 …-…`. What is no
    uuid is returned as it is.
    """
    digits = "".join(character for character in spoken.lower() if character in "0123456789abcdef")
    if len(digits) != _UUID_DIGITS:
        return spoken
    return "-".join((digits[:8], digits[8:12], digits[12:16], digits[16:20], digits[20:]))
