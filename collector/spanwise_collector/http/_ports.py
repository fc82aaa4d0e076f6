"""Binding a port, and saying who has it when it is taken."""

from __future__ import annotations

import contextlib
import errno
import socket
from collections.abc import Iterator
from pathlib import Path

_LISTEN = "0A"  # the state in /proc/net/tcp


class PortInUseError(Exception):
    """A port cannot be bound: one line that names it, who holds it, and the flag that changes it."""


def bind(host: str, port: int, flag: str) -> socket.socket:
    """A bound socket; port 0 picks a free one. Raises PortInUseError."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    sock = socket.socket(family, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        sock.bind((host.strip("[]"), port))
        # Binding alone does not fail where another socket of SO_REUSEADDR is bound too; listening does.
        sock.listen(128)
    except OSError as error:
        sock.close()
        if error.errno == errno.EADDRINUSE:
            raise PortInUseError(f"port {port} is in use{_by(port)}: choose another with {flag}") from None
        if error.errno == errno.EACCES:
            raise PortInUseError(
                f"port {port} may not be bound by this user: choose one above 1023 with {flag}"
            ) from None
        raise PortInUseError(f"{host}:{port} cannot be bound: {error.strerror or error} (--host, {flag})") from None
    return sock


def _by(port: int) -> str:
    """`" by python3 (pid 123)"`, or empty where /proc does not tell."""
    holder = holder_of(port)
    return f" by {holder[1]} (pid {holder[0]})" if holder else ""


def holder_of(port: int) -> tuple[int, str] | None:
    """`(pid, name)` of the process that listens on a TCP port; None when /proc does not tell."""
    inodes = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    if not inodes:
        return None
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            for descriptor in (process / "fd").iterdir():
                with contextlib.suppress(OSError):
                    if str(descriptor.readlink()) in inodes:
                        return int(process.name), (process / "comm").read_text().strip()
    return None


def _listening_inodes(port: int) -> Iterator[str]:
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTEN and int(fields[1].rpartition(":")[2], 16) == port:
                    yield fields[9]
