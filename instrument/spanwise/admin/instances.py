"""The instrumented services of this machine, found from outside: Python processes of this user that listen and answer
`/admin.json`. Where there is no `/proc`, only the usual port is tried."""

from __future__ import annotations

import os
import socket
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spanwise.admin.client import Client, ClientError

USUAL_PORT = 9990
_PROC = Path("/proc")
_PATIENCE_S = 1.0
_LISTEN = "0A"  # the state of a listening socket in /proc/net/tcp


@dataclass(frozen=True, slots=True)
class Instance:
    pid: int
    url: str
    identity: dict[str, str]
    state: str

    @property
    def name(self) -> str:
        return self.identity.get("service.name", "unknown")


def instances() -> list[Instance]:
    """Every instance that answers, by name and process."""
    addresses = _addresses_of(_python_pids()) if _PROC.is_dir() else {(0, f"http://127.0.0.1:{USUAL_PORT}")}
    with ThreadPoolExecutor(16) as pool:
        found = [each for each in pool.map(_ask, sorted(addresses)) if each is not None]
    # A port inherited by several processes is one instance.
    unique = {each.url: each for each in sorted(found, key=lambda each: -each.pid)}
    return sorted(unique.values(), key=lambda each: (each.name, each.pid))


def of_process(pid: int) -> list[Instance]:
    """The instances of a process or, where it only starts others, of its children."""
    with ThreadPoolExecutor(8) as pool:
        found = pool.map(_ask, sorted(_addresses_of([pid, *_children(pid)])))
        return list({each.url: each for each in found if each is not None}.values())


def socket_of(pid: int) -> Path | None:
    """The Unix socket of a worker that shares its admin port with others, None where there is none."""
    from spanwise.workers.run_folder import RunFolderError, base_folder

    try:
        members = list(base_folder().glob("*/*.member"))
    except RunFolderError:
        return None
    for member in members:
        with suppress(OSError):
            if member.read_text(encoding="utf-8").split()[:1] == [str(pid)] and member.with_suffix(".sock").exists():
                return member.with_suffix(".sock")
    return None


def _ask(address: tuple[int, str]) -> Instance | None:
    pid, url = address
    try:
        data = Client(url, timeout_s=_PATIENCE_S, token=None).json("/admin.json")
    except ClientError:
        return None
    if not isinstance(data, dict) or not isinstance(data.get("identity"), dict) or "routes" not in data:
        return None
    identity: dict[str, Any] = data["identity"]
    texts = {str(key): str(value) for key, value in identity.items()}
    said = texts.get("process.pid", "")
    return Instance(int(said) if said.isdigit() else pid, url, texts, str(data.get("state", "")))


def _python_pids() -> list[int]:
    own = os.getuid()
    found = []
    for folder in _PROC.iterdir():
        if folder.name.isdigit() and int(folder.name) != os.getpid():
            with suppress(OSError):
                if (own == 0 or folder.stat().st_uid == own) and _runs_python(folder):
                    found.append(int(folder.name))
    return found


def _runs_python(folder: Path) -> bool:
    """By the interpreter's file; a server that renamed itself runs Python all the same."""
    return any(word in (folder / "exe").readlink().name for word in ("python", "pypy", "uwsgi"))


def _addresses_of(pids: list[int]) -> set[tuple[int, str]]:
    found = set()
    for pid in pids:
        with suppress(OSError):
            found |= {(pid, f"http://{host}:{port}") for host, port in _listening(_PROC / str(pid))}
    return found


def _listening(folder: Path) -> set[tuple[str, int]]:
    inodes = set()
    for descriptor in (folder / "fd").iterdir():
        with suppress(OSError):
            target = str(descriptor.readlink())
            if target.startswith("socket:["):
                inodes.add(target[8:-1])
    found = set()
    for name, loopback in (("tcp", "127.0.0.1"), ("tcp6", "[::1]")):
        with suppress(OSError):
            for line in (folder / "net" / name).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == _LISTEN and fields[9] in inodes:
                    address, _, port = fields[1].rpartition(":")
                    found.add((_host(address, loopback), int(port, 16)))
    return found


def _host(address: str, loopback: str) -> str:
    """`0100007F` -> `127.0.0.1`; any address of ours is reached by loopback."""
    if len(address) == 8 and address != "00000000":
        return socket.inet_ntoa(bytes.fromhex(address)[::-1])
    return loopback


def _children(pid: int) -> list[int]:
    with suppress(OSError):
        return [int(child) for child in (_PROC / str(pid) / "task" / str(pid) / "children").read_text().split()]
    return []
