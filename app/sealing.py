"""Credentials at rest: sealed with the installation's master key before they reach the database.

Fernet (AES-128-CBC with HMAC-SHA256) of the `cryptography` package. The key comes from `VRELOCATE_MASTER_KEY` or from
the file that `VRELOCATE_MASTER_KEY_FILE` names. Several keys, one a line, may be given: the first seals, all unseal;
that is how a key is rotated.
"""

from __future__ import annotations

from functools import cache

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from app.errors import ConfigurationError
from app.settings import settings


def new_key() -> str:
    """Return a fresh master key."""
    return Fernet.generate_key().decode()


@cache
def _box() -> MultiFernet:
    configured = settings()
    if configured.master_key is not None:
        material = configured.master_key.get_secret_value()
    elif configured.master_key_file is not None:
        try:
            material = configured.master_key_file.read_text(encoding="ascii")
        except OSError as error:
            raise ConfigurationError(f"the master key file cannot be read: {error}") from error
    else:
        raise ConfigurationError(
            "set VRELOCATE_MASTER_KEY or VRELOCATE_MASTER_KEY_FILE to the key that seals the credentials; "
            "`vrelocate keygen` makes one"
        )
    try:
        return MultiFernet([Fernet(line) for line in material.split()])
    except ValueError as error:
        raise ConfigurationError("the master key is malformed: `vrelocate keygen` makes a proper one") from error


def seal(secret: str) -> bytes:
    """Encrypt `secret` for the database."""
    return _box().encrypt(secret.encode())


def reseal(sealed: bytes) -> bytes:
    """Return a sealed secret as the first of the master keys seals it; raises `ConfigurationError` as `unseal` does."""
    return seal(unseal(sealed))


def unseal(sealed: bytes) -> str:
    """Decrypt what `seal` made; raises `ConfigurationError` when the master key is another one."""
    try:
        return _box().decrypt(sealed).decode()
    except InvalidToken as error:
        raise ConfigurationError(
            "a stored credential was sealed with another master key: start with the key this database was made with"
        ) from error
