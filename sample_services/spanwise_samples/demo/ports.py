"""Ports: whether each is free, and who holds one that is not."""

from __future__ import annotations

import socket
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

HOST = "127.0.0.1"
_LISTENING = "0A"  # TCP_LISTEN in the fourth column of /proc/net/tcp (Linux, include/net/tcp_states.h)


@dataclass(frozen=True, slots=True)
class PortUse:
    """A port that will be needed, for what, and the flag that changes it."""

    port: int
    purpose: str
    flag: str


def problems(uses: Iterable[PortUse]) -> list[str]:
    """One line for each port that cannot be used, with its holder and what to do."""
    lines: list[str] = []
    wanted: dict[int, PortUse] = {}
    for use in uses:
        earlier = wanted.setdefault(use.port, use)
        if earlier is not use:
            lines.append(f"port {use.port} is wanted twice, for {earlier.purpose} and {use.purpose}: change {use.flag}")
        elif not is_free(use.port):
            lines.append(
                f"port {use.port}, for {use.purpose}, is in use by {holder(use.port)}: end that, or choose another"
                f" port with {use.flag}"
            )
    return lines


def is_free(port: int) -> bool:
    """Whether a server could listen on it here, now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # as servers do: old connections do not count
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def holder(port: int) -> str:
    """`pid 4711 (python -m http.server 8080)`, as far as this user may know."""
    inodes = _listening_inodes(port)
    for process in Path("/proc").glob("[0-9]*"):
        if inodes and _holds(process, inodes):
            return f"pid {process.name} ({_command(process)})"
    return "a process that this user may not see"


def _listening_inodes(port: int) -> set[str]:
    """The socket inodes that listen on the port, from the kernel's tables of IPv4 and IPv6 (proc(5))."""
    inodes: set[str] = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        try:
            lines = Path(table).read_text(encoding="ascii").splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            columns = line.split()
            if columns[3] == _LISTENING and int(columns[1].rpartition(":")[2], 16) == port:
                inodes.add(columns[9])
    return inodes


def _holds(process: Path, inodes: set[str]) -> bool:
    wanted = {f"socket:[{inode}]" for inode in inodes}
    try:
        return any(str(descriptor.readlink()) in wanted for descriptor in (process / "fd").iterdir())
    except OSError:  # it ended meanwhile, or is another user's
        return False


def _command(process: Path) -> str:
    try:
        words = (process / "cmdline").read_bytes().rstrip(b"\0").split(b"\0")
    except OSError:
        return "ended meanwhile"
    return b" ".join(words).decode(errors="replace")[:120]
