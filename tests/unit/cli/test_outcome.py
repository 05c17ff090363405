from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from app.cli import main
from app.cli.outcome import ExitCode, exit_code
from app.errors import (
    CheckFailed,
    ConfigurationError,
    LiveJobExists,
    NotAuthenticated,
    NotFound,
    PermissionDenied,
    ResourceUnavailable,
    VrelocateError,
)

pytestmark = pytest.mark.unit


def _app(error: BaseException) -> typer.Typer:
    """Return a command line with the same root, whose one command raises."""
    app = typer.Typer(cls=main._Commands)
    app.callback()(main._every_command)

    @app.command()
    def fail() -> None:
        raise error

    return app


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (NotFound("x"), ExitCode.BAD_INPUT),
        (CheckFailed(["x"]), ExitCode.BAD_INPUT),
        (LiveJobExists("x"), ExitCode.BAD_INPUT),
        (ConfigurationError("x"), ExitCode.UNAVAILABLE),
        (ResourceUnavailable("x"), ExitCode.UNAVAILABLE),
        (NotAuthenticated("x"), ExitCode.UNAVAILABLE),
        (PermissionDenied("x"), ExitCode.UNAVAILABLE),
        (VrelocateError("x"), ExitCode.UNAVAILABLE),
        (RuntimeError("x"), ExitCode.UNAVAILABLE),
    ],
)
def test_every_error_has_its_exit_code(error: Exception, code: ExitCode) -> None:
    assert exit_code(error) is code
    assert CliRunner().invoke(_app(error), ["fail"]).exit_code == code


def test_an_error_is_one_line_without_a_traceback() -> None:
    result = CliRunner().invoke(_app(ConfigurationError("set [this] in the environment")), ["fail"])
    assert result.stderr == "error: set [this] in the environment\n"
    assert not result.stdout


def test_debug_shows_the_traceback() -> None:
    result = CliRunner().invoke(_app(ConfigurationError("set this")), ["--debug", "fail"])
    assert "Traceback" in result.stderr
    assert result.stderr.endswith("error: set this\n")
    assert result.exit_code == ExitCode.UNAVAILABLE


def test_a_defect_is_called_one_and_says_how_to_see_more() -> None:
    result = CliRunner().invoke(_app(KeyError("job")), ["fail"])
    assert result.stderr == (
        "error: unexpected KeyError: 'job'; this is a defect of vrelocate: `vrelocate --debug …` shows where\n"
    )


def test_a_log_s_last_words_stay_below_the_error() -> None:
    result = CliRunner().invoke(
        _app(ConfigurationError("postgres ended; its last lines:\n    out of memory")), ["fail"]
    )
    assert result.stderr == "error: postgres ended; its last lines:\n    out of memory\n"


def test_ctrl_c_ends_with_130() -> None:
    assert CliRunner().invoke(_app(KeyboardInterrupt()), ["fail"]).exit_code == ExitCode.INTERRUPTED


def test_usage_errors_end_with_2() -> None:
    for arguments in (["nonsense"], ["migrate", "vm", "a"], ["jobs", "list", "--state", "odd"], ["up"]):
        assert CliRunner().invoke(main.app, arguments).exit_code == ExitCode.BAD_INPUT


def test_help_and_manual_document_every_exit_code() -> None:
    told = " ".join(CliRunner().invoke(main.app, ["--help"]).stdout.split())
    manual = (Path(main.__file__).parents[2] / "docs" / "cli.md").read_text(encoding="utf-8")
    for code in ExitCode:
        assert f"{int(code)} " in told
        assert f"| `{int(code)}` |" in manual


def test_help_loads_nothing_heavy() -> None:
    program = (
        "import sys; from typer.testing import CliRunner; from app.cli.main import app;"
        "assert CliRunner().invoke(app, ['--help']).exit_code == 0;"
        "print([name for name in ('pyVmomi', 'celery', 'sqlalchemy', 'fastapi', 'pydantic', 'httpx', 'psycopg') "
        "if name in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert told.stdout == "[]\n"


def _every_command(group: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:  # noqa: ANN401  # typer's
    yield path
    for name, command in getattr(group, "commands", {}).items():
        yield from _every_command(command, (*path, name))


@pytest.mark.parametrize("path", list(_every_command(typer.main.get_command(main.app))), ids=" ".join)
def test_every_command_has_help(path: tuple[str, ...]) -> None:
    result = CliRunner().invoke(main.app, [*path, "--help"])
    assert result.exit_code == 0, result.stderr
    assert "Usage:" in result.stdout
