"""Commands that one child carries out one after the other."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from app.devstack.commands import Commands
from app.errors import ConfigurationError
from tests.running.endings import all_end, command_line, family
from tests.running.waiting import until

pytestmark = pytest.mark.integration

ADD = ["vcenter", "add", "one", "--url", "https://127.0.0.1:9", "--username", "me", "--password-env", "SOME_PASSWORD"]


@pytest.fixture
def log(tmp_path: Path) -> Path:
    return tmp_path / "said.log"


@pytest.fixture
def commands(log: Path) -> Iterator[Commands]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("VRELOCATE_")}
    with Commands(environment, log, time.sleep) as process:
        yield process


def child() -> int:
    """The one process of theirs; between its fork and its exec it still has our own name."""

    def found() -> list[int]:
        return [pid for pid in family(os.getpid()) if "app.cli.several" in command_line(pid)]

    [pid] = until(found, 10, "the process has begun")
    return pid


def test_one_process_carries_out_all_of_them_and_what_they_print_is_in_no_log(commands: Commands, log: Path) -> None:
    first, pid = commands.run(["keygen"]), child()
    second = commands.run(["keygen"])
    assert first != second
    for printed in (first, second):
        Fernet(printed.strip())
    assert child() == pid
    assert log.read_text(encoding="utf-8") == ""


def test_one_that_fails_is_named_with_its_own_last_words_and_the_next_one_is_carried_out(
    commands: Commands, log: Path
) -> None:
    with pytest.raises(ConfigurationError) as usage:
        commands.run(["keys", "create"])
    assert "`vrelocate keys create` exited with status 2" in str(usage.value)
    with pytest.raises(ConfigurationError) as missing:
        commands.run(["db", "upgrade"])
    assert "`vrelocate db upgrade` exited with status 3" in str(missing.value)
    assert "set VRELOCATE_DATABASE_URL in the environment" in str(missing.value)
    assert "Missing argument" in log.read_text(encoding="utf-8")
    assert "Missing argument" not in str(missing.value), "those are another command's words"
    assert commands.run(["keygen"])


def test_what_is_private_is_known_to_its_own_command_alone(commands: Commands, log: Path) -> None:
    for private, reason in (
        ({}, "the environment has no SOME_PASSWORD"),
        ({"SOME_PASSWORD": "sesame"}, "set VRELOCATE_DATABASE_URL"),
        ({}, "the environment has no SOME_PASSWORD"),
    ):
        with pytest.raises(ConfigurationError, match=reason):
            commands.run(ADD, private)
    assert "sesame" not in log.read_text(encoding="utf-8")


def test_a_process_that_is_killed_is_said_to_be(commands: Commands) -> None:
    assert commands.run(["keygen"])
    os.kill(child(), signal.SIGKILL)
    with pytest.raises(ConfigurationError, match="`vrelocate keygen` was killed by SIGKILL"):
        commands.run(["keygen"])


def test_nothing_is_left_when_the_waiting_is_given_up(log: Path) -> None:
    class GivenUp(Exception):
        pass

    def give_up(_seconds: float) -> None:
        raise GivenUp

    with pytest.raises(GivenUp), Commands(os.environ, log, give_up) as process:  # noqa: PT012  # both are looked at
        pid = child()
        process.run(["keygen"])
    all_end([pid], 1)
