"""This process's listening sockets and who is connected to them, from `/proc/self/net`; nothing where there is none.

The kernel knows the connections of every server of the process, whatever it is written in. It does not know what is
spoken on them, so nothing is said of TLS that ends inside of the process.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

PROC_SELF = Path("/proc/self")
_ESTABLISHED, _LISTENING = "01", "0A"  # states in /proc/net/tcp
_ANY = ("0.0.0.0", "::")  # noqa: S104 - what is recognized, not what is bound
_WORD = 8  # hexadecimal digits of 32 bits, in the machine's byte order
MOST_CLIENTS = 2000


@dataclass(slots=True)
class Listening:
    """Addresses are `"127.0.0.1:8080"` or `"[::1]:8080"`."""

    address: str
    clients: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Entry:
    host: str
    port: int
    remote: str
    state: str
    inode: str


def listening(process: Path = PROC_SELF) -> list[Listening]:
    """By address; of the clients the first `MOST_CLIENTS`."""
    own = _own_sockets(process)
    entries = [entry for name in ("tcp", "tcp6") for entry in _entries(process / "net" / name) if entry.inode in own]
    servers = {
        (entry.host, entry.port): Listening(_shown(entry.host, entry.port))
        for entry in entries
        if entry.state == _LISTENING
    }
    for entry in entries:
        server = next(
            (servers[host, entry.port] for host in (entry.host, *_ANY) if (host, entry.port) in servers), None
        )
        if entry.state == _ESTABLISHED and server is not None and len(server.clients) < MOST_CLIENTS:
            server.clients.append(entry.remote)
    return [servers[key] for key in sorted(servers, key=lambda key: (key[1], key[0]))]


def _own_sockets(process: Path) -> set[str]:
    """The inodes of this process's sockets: the tables list those of every process of the machine."""
    found = set()
    with suppress(OSError):
        for descriptor in (process / "fd").iterdir():
            with suppress(OSError):  # closed meanwhile
                target = str(descriptor.readlink())
                if target.startswith("socket:["):
                    found.add(target[8:-1])
    return found


def _entries(table: Path) -> Iterator[_Entry]:
    try:
        lines = table.read_text(encoding="ascii").splitlines()[1:]
    except OSError:
        return
    for line in lines:
        fields = line.split()
        with suppress(IndexError, ValueError):
            host, port = _address(fields[1])
            yield _Entry(host, port, _shown(*_address(fields[2])), fields[3], fields[9])


def _address(text: str) -> tuple[str, int]:
    """`"0100007F:1F90"` -> `("127.0.0.1", 8080)`."""
    digits, _, port = text.rpartition(":")
    words = [bytes.fromhex(digits[at : at + _WORD])[::-1] for at in range(0, len(digits), _WORD)]
    address = ipaddress.ip_address(b"".join(words))
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return str(mapped or address), int(port, 16)


def _shown(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
