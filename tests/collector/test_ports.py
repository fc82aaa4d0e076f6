"""Binding ports."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from spanwise_collector.http import PortInUseError, bind


def test_port_0_picks_a_free_one() -> None:
    with bind("127.0.0.1", 0, "--port") as sock:
        assert sock.getsockname()[1] > 0


def test_a_taken_port_names_its_holder_and_the_flag() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        name = Path("/proc/self/comm").read_text().strip()
        with pytest.raises(PortInUseError) as refused:
            bind("127.0.0.1", port, "--otlp-port")
    message = str(refused.value)
    assert f"port {port} is in use by {name} (pid {os.getpid()})" in message
    assert "--otlp-port" in message
    assert "\n" not in message


def test_an_address_of_another_machine_is_said() -> None:
    with pytest.raises(PortInUseError, match="--host"):
        bind("192.0.2.1", 0, "--port")
