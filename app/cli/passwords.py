"""Passwords from where other users of the machine don't see them: a variable, a file, or the keyboard."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import typer

from app.errors import ConfigurationError, InvalidParameter


def read_password(*, variable: str | None, file: Path | None, whose: str) -> str:
    """Return the password that `variable` or `file` holds; with neither, ask at the keyboard.

    Raises `InvalidParameter` when both are given, or nobody is there to ask; `ConfigurationError` when there is
    nothing where it should be.
    """
    if variable and file:
        raise InvalidParameter("--password-env and --password-file contradict each other: give one of the two")
    if variable:
        password = os.environ.get(variable, "")
        if not password:
            raise ConfigurationError(
                f"the environment has no {variable}: export the password of {whose} under that name"
            )
        return password
    if file:
        try:
            # An editor's or echo's newline is no part of the password; blanks may be.
            password = file.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigurationError(f"the password file {file} cannot be read: {error}") from error
        if not password:
            raise ConfigurationError(f"the password file {file} is empty")
        return password
    if not sys.stdin.isatty():
        raise InvalidParameter(f"where is the password of {whose}? Give --password-env VAR or --password-file FILE")
    return str(typer.prompt(f"password of {whose}", hide_input=True, err=True))
