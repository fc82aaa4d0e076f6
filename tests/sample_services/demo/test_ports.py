from __future__ import annotations

import os
import socket

from spanwise_samples.demo.ports import PortUse, holder, is_free, problems


def listening(address: str = "127.0.0.1") -> socket.socket:
    if address == "::":
        return socket.create_server((address, 0), family=socket.AF_INET6, dualstack_ipv6=True)
    return socket.create_server((address, 0))


def test_a_free_port_is_no_problem() -> None:
    with listening() as taken:
        port = taken.getsockname()[1]
    assert is_free(port)
    assert problems([PortUse(port, "catalog", "--catalog-port")]) == []


def test_a_port_in_use_is_named_with_its_holder_and_the_flag() -> None:
    with listening() as taken:
        port = taken.getsockname()[1]
        [line] = problems([PortUse(port, "catalog", "--catalog-port")])
    assert f"port {port}, for catalog, is in use by pid {os.getpid()} (" in line
    assert "python" in line
    assert "--catalog-port" in line


def test_a_server_on_all_addresses_is_found_too() -> None:
    for address in ("0.0.0.0", "::") if socket.has_dualstack_ipv6() else ("0.0.0.0",):
        with listening(address) as taken:
            port = taken.getsockname()[1]
            assert not is_free(port)
            assert str(os.getpid()) in holder(port)


def test_a_port_wanted_twice_is_named_with_both_uses() -> None:
    with listening() as taken:
        port = taken.getsockname()[1]
    [line] = problems([PortUse(port, "the collector", "--collector-port"), PortUse(port, "catalog", "--catalog-port")])
    assert "the collector" in line
    assert "change --catalog-port" in line


def test_a_holder_that_cannot_be_seen_is_said_so() -> None:
    with listening() as taken:
        port = taken.getsockname()[1]
    assert holder(port) == "a process that this user may not see"
