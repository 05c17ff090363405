"""Free ports, kept as long as nobody else takes them."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from app.devstack.ports import FIRST_PORT, LAST_PORT, free_port, is_free, kept_port

pytestmark = pytest.mark.unit


def test_a_port_with_a_listener_is_not_free() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        assert not is_free(listener.getsockname()[1])


def test_a_chosen_port_lies_below_the_ephemeral_ones() -> None:
    first_ephemeral = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text(encoding="ascii").split()[0])
    assert FIRST_PORT <= free_port() <= LAST_PORT < first_ephemeral


def test_a_port_is_kept_until_somebody_else_has_it(tmp_path: Path) -> None:
    file = tmp_path / "port"
    port = kept_port(file)
    assert kept_port(file) == port
    with socket.create_server(("127.0.0.1", port)):
        other = kept_port(file)
    assert other != port
    assert kept_port(file) == other


def test_a_file_without_a_number_is_written_anew(tmp_path: Path) -> None:
    file = tmp_path / "port"
    file.write_text("", encoding="ascii")
    assert kept_port(file) == int(file.read_text(encoding="ascii"))
