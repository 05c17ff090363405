"""A Valkey of our own: it starts, asks for its password, keeps its data, and ends with its parent."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from app.devstack import server as server_module
from app.devstack.valkey import Valkey
from app.errors import ConfigurationError
from tests.running.endings import all_end, command_line

pytestmark = pytest.mark.integration

STARTS_ONE = """
import sys
from pathlib import Path
from app.devstack.valkey import Valkey
server = Valkey(Path(sys.argv[1]))
server.start()
print(server.process.pid, flush=True)
"""


def count(url: str) -> int:
    with redis.Redis.from_url(url) as client:
        return int(client.incr("counter"))


def test_it_serves_whoever_knows_the_password_and_forgets_nothing(tmp_path: Path) -> None:
    with Valkey(tmp_path / "valkey") as server, redis.Redis.from_url(server.url) as client:
        wanted = {"appendonly": "yes", "maxmemory-policy": "noeviction", "bind": "127.0.0.1", "unixsocket": ""}
        seen = {name: client.config_get(name) for name in wanted}
        assert seen == {name: {name: value} for name, value in wanted.items()}
        with (
            redis.Redis(port=server.port, retry=Retry(NoBackoff(), 0)) as stranger,
            pytest.raises(redis.AuthenticationError),
        ):
            stranger.ping()


def test_a_restart_keeps_the_data_and_the_url(tmp_path: Path) -> None:
    with Valkey(tmp_path / "valkey") as server:
        url = server.url
        assert count(url) == 1
    with Valkey(tmp_path / "valkey") as server:
        assert server.url == url
        assert count(url) == 2


def test_its_password_is_on_no_command_line_in_no_log_and_not_in_its_environment(tmp_path: Path) -> None:
    password = 'odd "quotes" \\ and /:@ signs'
    with Valkey(tmp_path / "valkey", password=password) as server:
        assert count(server.url) == 1
        assert "odd" not in command_line(server.process.pid)
        assert "odd" not in Path(f"/proc/{server.process.pid}/environ").read_text(encoding="utf-8")
    assert not [file for file in server.folder.rglob("*") if file.is_file() and b"odd" in file.read_bytes()], (
        "the password is kept where it was not asked for"
    )


def test_a_second_one_in_the_same_folder_is_refused_and_the_first_lives_on(tmp_path: Path) -> None:
    with Valkey(tmp_path / "valkey") as first:
        with pytest.raises(ConfigurationError, match=f"in use by pid {first.process.pid}"):
            Valkey(tmp_path / "valkey").start(lock_timeout_seconds=0)
        assert count(first.url) == 1


def test_sigkill_of_the_parent_leaves_nothing(tmp_path: Path, parent: Callable[..., subprocess.Popen[str]]) -> None:
    starter = parent(STARTS_ONE, tmp_path / "valkey")
    assert starter.stdout
    pid = int(starter.stdout.readline())
    starter.kill()
    all_end([pid], 10)


def test_a_killed_server_is_launched_again_on_its_port_with_its_data(tmp_path: Path) -> None:
    with Valkey(tmp_path / "valkey") as server:
        url = server.url
        assert count(url) == 1
        os.kill(server.process.pid, signal.SIGKILL)
        assert server.process.wait(10)
        assert server.process.end() == "was killed by SIGKILL"
        server.launch().wait_until(server.answers, timeout_seconds=30)
        assert count(url) == 2


def test_a_port_that_is_taken_between_our_look_and_the_servers_is_given_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        monkeypatch.setattr(server_module, "kept_port", lambda _file: port)
        with Valkey(tmp_path / "valkey") as server:
            assert server.port != port
            assert count(server.url) == 1


def test_a_server_that_dies_on_start_shows_its_last_words(tmp_path: Path) -> None:
    with Valkey(tmp_path / "valkey") as server:
        count(server.url)
    manifest = tmp_path / "valkey" / "appendonlydir" / "appendonly.aof.manifest"
    manifest.write_text("no manifest\n", encoding="ascii")
    with pytest.raises(ConfigurationError) as refusal:
        Valkey(tmp_path / "valkey").start()
    assert "valkey exited with status 1 while starting" in str(refusal.value)
    assert "manifest" in str(refusal.value)
