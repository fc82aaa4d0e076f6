"""The run folder of a group of workers: who is there, who owns the admin port, and what the dead have counted.

    $XDG_RUNTIME_DIR/spanwise/, or spanwise-UID/ in the folder for temporary files
        GROUP/           named after root and service
            root         JSON: the root's pid, its start and the service; for people, and to find what is stale
            gate         locked for a moment by whoever changes the list of members
            owner        locked for life by the worker that owns the admin port; its content says who
            admin        the admin port and its URL, so that the next owner takes the same
            1.member     locked for life by the worker in slot 1; its content is the worker's ProcessId
            1.sock       where that worker answers its siblings
            1.snapshot   its metrics of the last second
            dead         the counters of all members that are gone

All locks are flock(2): the kernel lets go of them when a process dies, however it dies. A slot whose lock is free is a
dead member's; whoever sees it first adds its snapshot to `dead`. Files are replaced by renaming, so that a reader sees
the old one or the new one. Whose folder it is, its mode and that it is no link is checked before anything is trusted.
"""

from __future__ import annotations

import fcntl
import json
import os
import stat
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from spanwise.workers.kinship import ProcessId, group_key, is_alive

_GATE_PATIENCE_S = 2.0
_GATE_POLL_S = 0.005
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
# More members than any server has workers; a bound for a folder gone wild.
_MAX_SLOTS = 1024


# This process's locks.
_held: set[Lock] = set()


class RunFolderError(OSError):
    """The run folder cannot be used; the message says which and why."""


@dataclass(slots=True, eq=False)
class Lock:
    """A file that is locked for as long as `descriptor` is open; -1 once it is released."""

    path: Path
    descriptor: int

    def is_in_place(self) -> bool:
        """Whether the locked file is the one that others find under its name."""
        try:
            return self.descriptor >= 0 and os.path.samestat(self.path.stat(), os.fstat(self.descriptor))
        except OSError:
            return False

    def release(self) -> None:
        """Unlocks and closes: closing alone leaves the lock with a child that still has a copy of the descriptor."""
        descriptor, self.descriptor = self.descriptor, -1
        if descriptor < 0:
            return
        _held.discard(self)
        with suppress(OSError):
            fcntl.flock(descriptor, fcntl.LOCK_UN)
        with suppress(OSError):
            os.close(descriptor)


@dataclass(frozen=True, slots=True)
class Slot:
    """A member's place in the folder. `number` is what tells workers apart in metrics: small and used again."""

    number: int
    folder: Path
    lock: Lock

    @property
    def socket(self) -> Path:
        return self.folder / f"{self.number}.sock"

    @property
    def snapshot(self) -> Path:
        return self.folder / f"{self.number}.snapshot"


@dataclass(frozen=True, slots=True)
class Found:
    """A slot as it was found under the gate: whose it is or was, and whether that process lives."""

    number: int
    process: ProcessId
    alive: bool
    folder: Path

    @property
    def socket(self) -> Path:
        return self.folder / f"{self.number}.sock"

    @property
    def snapshot(self) -> Path:
        return self.folder / f"{self.number}.snapshot"


@dataclass(frozen=True, slots=True)
class AdminAddress:
    port: int
    url: str


class RunFolder:
    """One group's folder. Methods raise OSError where the file system refuses."""

    def __init__(self, root: ProcessId, service: str) -> None:
        self.root = root
        self._service = service
        self._base = base_folder()
        self.path = self._base / group_key(root, service)

    @property
    def exists(self) -> bool:
        return self.path.is_dir()

    @contextmanager
    def gate(self, *, make: bool = False) -> Iterator[None]:
        """Nobody else joins, leaves or counts the dead inside the block. `make`: the folder, if it is missing."""
        lock = self._pass_gate(make)
        try:
            yield
        finally:
            lock.release()

    def take_slot(self, process: ProcessId) -> Slot:
        """The lowest free slot. Inside the gate, after the dead were counted."""
        for number in range(1, _MAX_SLOTS):
            lock = try_lock(self.path / f"{number}.member")
            if lock is None:
                continue
            _sign(lock, process)
            return Slot(number, self.path, lock)
        raise RunFolderError(f"{self.path} has no free slot")

    def try_to_own(self, process: ProcessId) -> Lock | None:
        lock = try_lock(self.path / "owner")
        if lock is not None:
            _sign(lock, process)
        return lock

    @property
    def owner(self) -> ProcessId:
        """Who had the port last."""
        return _read_process(self.path / "owner")

    def members(self) -> list[Found]:
        """Everyone with a slot, dead or alive. Inside the gate: looking takes a lock for a moment."""
        found = []
        for path in sorted(self.path.glob("*.member"), key=lambda each: int(each.stem)):
            process = _read_process(path)
            found.append(Found(int(path.stem), process, _is_held(path), self.path))
        return found

    def clear_slot(self, number: int) -> None:
        for ending in ("snapshot", "sock", "member"):
            (self.path / f"{number}.{ending}").unlink(missing_ok=True)

    @property
    def admin(self) -> AdminAddress | None:
        """Where the group's admin pages are, None before they were anywhere."""
        try:
            port, _, url = (self.path / "admin").read_text().partition(" ")
            return AdminAddress(int(port), url)
        except (OSError, ValueError):
            return None

    def set_admin(self, address: AdminAddress) -> None:
        replace_file(self.path / "admin", f"{address.port} {address.url}".encode())

    def remove(self) -> None:
        """Inside the gate, when nobody is left."""
        _remove_tree(self.path)
        with suppress(OSError):
            self._base.rmdir()  # only where no other group is in it

    def _pass_gate(self, make: bool) -> Lock:
        until = time.monotonic() + _GATE_PATIENCE_S
        while True:
            try:
                lock = try_lock(self.path / "gate")
                if lock is not None:
                    if lock.is_in_place():
                        return lock
                    lock.release()  # the folder was removed and perhaps made anew in between
            except FileNotFoundError:
                if not make:
                    raise
                self._make()
                continue
            if time.monotonic() > until:
                raise RunFolderError(f"{self.path / 'gate'} is locked by a process that does not move")
            time.sleep(_GATE_POLL_S)

    def _make(self) -> None:
        base_folder()
        remove_stale(self._base, besides=self.path)
        with suppress(FileExistsError):
            self.path.mkdir(mode=0o700)
        named = {"pid": self.root.pid, "started": self.root.started, "service": self._service}
        with suppress(FileNotFoundError):
            replace_file(self.path / "root", json.dumps(named).encode())


def base_folder() -> Path:
    """The user's own run folder, made if need be. Raises RunFolderError where it cannot be trusted."""
    runtime = os.environ.get("XDG_RUNTIME_DIR")
    if runtime and Path(runtime).is_dir() and os.access(runtime, os.W_OK | os.X_OK):
        path = Path(runtime) / "spanwise"
    else:
        import tempfile  # it loads the compression modules

        path = Path(tempfile.gettempdir()) / f"spanwise-{os.geteuid()}"
    with suppress(FileExistsError):
        path.mkdir(mode=0o700)
    _check(path)
    return path


def _check(path: Path) -> None:
    found = path.lstat()
    if not stat.S_ISDIR(found.st_mode):
        raise RunFolderError(f"{path} is not a folder but a link or file")
    if found.st_uid != os.geteuid():
        raise RunFolderError(f"{path} belongs to another user")
    if found.st_mode & 0o077:
        raise RunFolderError(f"{path} is open to other users (chmod 700 {path})")


def remove_stale(base: Path, besides: Path) -> None:
    """Removes folders of groups whose root is gone and that have no live member: left by kill -9 or a power cut."""
    for folder in base.iterdir():
        if folder == besides or not folder.is_dir() or folder.is_symlink():
            continue
        with suppress(OSError, ValueError, KeyError, TypeError):
            named = json.loads((folder / "root").read_text())
            root = ProcessId(named["pid"], named["started"])
            # Under another key than ours it would have: it is of another container with the same folder.
            if group_key(root, named["service"]) != folder.name or is_alive(root):
                continue
            gate = try_lock(folder / "gate")
            if gate is None:
                continue
            if not any(_is_held(path) for path in folder.glob("*.member")):
                _remove_tree(folder)
            gate.release()


def _remove_tree(folder: Path) -> None:
    """A group's folder holds files alone."""
    with suppress(OSError):
        for path in folder.iterdir():
            path.unlink(missing_ok=True)
        folder.rmdir()


def _is_held(path: Path) -> bool:
    lock = try_lock(path)
    if lock is None:
        return True
    lock.release()
    return False


def try_lock(path: Path) -> Lock | None:
    """The locked file, or None where somebody else has the lock. Raises OSError."""
    descriptor = os.open(path, _FLAGS, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        return None
    except OSError:
        os.close(descriptor)
        raise
    lock = Lock(path, descriptor)
    _held.add(lock)
    return lock


def close_locks_after_fork() -> None:
    """In a forked child: closes its copies of the parent's locks, and leaves them to the parent."""
    for lock in list(_held):
        with suppress(OSError):
            os.close(lock.descriptor)
        lock.descriptor = -1
    _held.clear()


def replace_file(path: Path, content: bytes) -> None:
    """Writes a file so that readers see the old content or the new. Not fsynced: it need not outlive the machine."""
    fresh = path.with_suffix(f"{path.suffix}.new")
    try:
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        fresh.rename(path)
    except OSError:
        with suppress(OSError):
            fresh.unlink()
        raise


def _sign(lock: Lock, process: ProcessId) -> None:
    os.truncate(lock.descriptor, 0)
    os.pwrite(lock.descriptor, f"{process.pid} {process.started}".encode(), 0)


def _read_process(path: Path) -> ProcessId:
    try:
        pid, started = path.read_text().split()
        return ProcessId(int(pid), int(started))
    except (OSError, ValueError):
        return ProcessId(0, 0)
