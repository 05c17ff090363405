from __future__ import annotations

import io
from pathlib import Path

import pytest

from app.cli.passwords import read_password
from app.errors import ConfigurationError, InvalidParameter

pytestmark = pytest.mark.unit


def test_a_variable_holds_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOME_PASSWORD", " with blanks ")
    assert read_password(variable="SOME_PASSWORD", file=None, whose="admin") == " with blanks "


def test_a_file_holds_it_without_its_last_newline(tmp_path: Path) -> None:
    (tmp_path / "p").write_text(" with blanks \r\n")
    assert read_password(variable=None, file=tmp_path / "p", whose="admin") == " with blanks "


def test_nothing_where_it_should_be_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOME_PASSWORD", raising=False)
    with pytest.raises(ConfigurationError, match="the environment has no SOME_PASSWORD"):
        read_password(variable="SOME_PASSWORD", file=None, whose="admin")
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_password(variable=None, file=tmp_path / "missing", whose="admin")
    (tmp_path / "empty").write_text("\n")
    with pytest.raises(ConfigurationError, match="is empty"):
        read_password(variable=None, file=tmp_path / "empty", whose="admin")


def test_two_places_contradict_each_other(tmp_path: Path) -> None:
    with pytest.raises(InvalidParameter, match="contradict"):
        read_password(variable="A", file=tmp_path, whose="admin")


def test_nobody_is_asked_where_nobody_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("typed"))
    with pytest.raises(InvalidParameter, match="Give --password-env VAR or --password-file FILE"):
        read_password(variable=None, file=None, whose="admin")
