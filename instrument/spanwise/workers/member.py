"""A worker with siblings: one thread answers them, saves its metrics once a second, and owns the port if it can.

The owner of the admin port is whoever holds the lock `owner`. The others try for it four times a second, so that a dead
owner's port is taken over well within one.
"""

from __future__ import annotations

import logging
import os
import selectors
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from spanwise.pace import Pace
from spanwise.workers import janitor
from spanwise.workers.channel import SNAPSHOT, Answered, Asked, answer, ask, ask_all, listen, receive
from spanwise.workers.dead import Dead, read_snapshot
from spanwise.workers.kinship import ProcessId, is_alive, this_process
from spanwise.workers.merging import Merge
from spanwise.workers.run_folder import AdminAddress, Found, Lock, RunFolder, Slot, replace_file
from spanwise.workers.snapshot import MergeOf, Snapshot, SnapshotError, decode, encode, take

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric as Family

ELECTION_S = 0.25
# With the time until the thread looks again this makes a second at most.
SNAPSHOT_S = 0.7
# A sibling that has not answered by then is taken at its last word.
SCRAPE_PATIENCE_S = 0.5
# What the other threads must have used of the processor for anything to have been counted: a request costs more.
_BUSY_NS = 150_000
# Of a worker with very many series: saving takes at most this share of its time.
_SNAPSHOT_SHARE = 0.1
_POLITE_S = 0.2
_PAGE_THREADS = 4
_JSON = "application/json"

_log = logging.getLogger("spanwise")


@dataclass(frozen=True, slots=True)
class Sibling:
    """Another worker, or this one. `age_s` is the time since it joined."""

    pid: int
    worker: int
    age_s: float
    socket: Path
    owner: bool


@dataclass(frozen=True, slots=True)
class Metrics:
    """Where a member finds its own metrics, and how each family is merged at the moment."""

    families: Callable[[], Iterable[Family]]
    merge_of: Callable[[], MergeOf]


class Member:
    """One worker's place in the run folder, with the thread that keeps it.

    `serve` answers a sibling's request for a page. The others are called in the member's thread: `own` when the port is
    ours, with the group's address of before, and it gives the one now; `lost` when the folder is not ours any more: it
    was removed, or the process has become another user's, as workers do that were started by root.
    """

    def __init__(
        self,
        folder: RunFolder,
        metrics: Metrics,
        serve: Callable[[Asked], Answered],
        own: Callable[[AdminAddress | None], AdminAddress | None],
        lost: Callable[[], None],
    ) -> None:
        self.folder = folder
        self.process = this_process()
        self.owner: Lock | None = None
        self._metrics = metrics
        self._serve = serve
        self._own = own
        self._lost = lost
        self._user = os.geteuid()
        self._dead = Dead(folder)
        self._snapshot_lock = threading.Lock()
        self._pages = threading.BoundedSemaphore(_PAGE_THREADS)
        self._stopping = False
        self._has_spoken = False
        self._thread: threading.Thread | None = None
        self._said: set[str] = set()
        self._counted_until_ns = 0
        self._next_snapshot = 0.0
        with folder.gate(make=True):
            self._dead.fold(folder.members())
            self._slot: Slot = folder.take_slot(self.process)
            try:
                self._listener = listen(self._slot.socket)
            except OSError:
                folder.clear_slot(self._slot.number)
                self._slot.lock.release()
                raise
        self._wake_receiver, self._wake_sender = socket.socketpair()

    @property
    def number(self) -> int:
        return self._slot.number

    def start(self) -> None:
        """Starts the thread; until then the member has a slot and answers nobody."""
        self._thread = threading.Thread(target=self._run, name="spanwise-workers", daemon=True)
        self._thread.start()

    def try_to_own(self) -> None:
        """Takes the port if nobody has it."""
        if self.owner is not None:
            return
        self.owner = self.folder.try_to_own(self.process)
        if self.owner is None:
            return
        address = self._own(self.folder.admin)
        if address is not None:
            self.folder.set_admin(address)

    def holds_its_slot(self) -> bool:
        return os.geteuid() == self._user and self._slot.lock.is_in_place()

    def close_after_fork(self) -> None:
        """In a forked child: lets go of what is the parent's. Its locks are closed with all others."""
        self._stopping = True
        for sock in (self._listener, self._wake_receiver, self._wake_sender):
            sock.close()

    # What siblings and scrapes are told

    def snapshot(self) -> tuple[Snapshot, bytes]:
        """This worker's metrics now. They are saved before anybody sees them: what was shown once is never lost."""
        with self._snapshot_lock:
            began = time.monotonic()
            pace = Pace(urgent=lambda: time.monotonic() - began > _POLITE_S)
            snapshot = take(self._metrics.families(), self._metrics.merge_of(), str(self.process), pace)
            content = encode(snapshot)
            self._write(content)
            took = time.monotonic() - began
            self._next_snapshot = began + max(SNAPSHOT_S, took / _SNAPSHOT_SHARE)
            return snapshot, content

    def _write(self, content: bytes) -> None:
        """Holds the lock. Once the last word is spoken the slot is, or may be, somebody else's."""
        if self._has_spoken:
            return
        try:
            replace_file(self._slot.snapshot, content)
        except OSError as error:
            self._say_once("save", "its metrics cannot be saved and would be lost with the process: %s", error)

    def families(self) -> Iterator[Family]:
        """All workers' metrics, the dead ones' counters included."""
        merge = Merge()
        own, _ = self.snapshot()
        answers = self._ask_others()
        living: list[tuple[Found, Snapshot | None]] = []
        dead = None
        try:
            with self.folder.gate():
                members = self.folder.members()
                self._dead.fold(members)
                dead = self._dead.read()
                # Read inside: whoever leaves later is not among the dead yet.
                living = [(member, self._word_of(member, own, answers)) for member in members if member.alive]
        except OSError as error:
            self._say_once("gate", "the run folder cannot be read, only this worker's metrics are shown: %s", error)
            merge.add(own, str(self.number))
        for member, snapshot in sorted(living, key=lambda each: -each[0].process.started):
            if snapshot is not None:
                merge.add(snapshot, str(member.number))
        if dead is not None:
            merge.add_dead(dead)
        yield from merge.families()

    def siblings(self) -> list[Sibling]:
        """All living workers of the group, this one included."""
        with self.folder.gate():
            members = [member for member in self.folder.members() if member.alive]
        now, owner = time.time(), self.folder.owner
        found = []
        for member in members:
            with suppress(OSError):
                joined_at = member.socket.stat().st_ctime
                owns = member.process == owner
                found.append(Sibling(member.process.pid, member.number, now - joined_at, member.socket, owns))
        return found

    def ask(self, pid: int, asked: Asked, timeout_s: float) -> Answered:
        """One sibling's answer. Raises ChannelError, and LookupError for a pid that is none of ours."""
        if pid == self.process.pid:
            return self._serve(asked)
        for sibling in self.siblings():
            if sibling.pid == pid:
                return ask(sibling.socket, asked, timeout_s)
        raise LookupError(f"no worker has the pid {pid}")

    def _ask_others(self) -> dict[Path, Snapshot]:
        paths = [path for path in self.folder.path.glob("*.sock") if path != self._slot.socket]
        found = {}
        for path, answered in ask_all(paths, Asked("GET", SNAPSHOT), SCRAPE_PATIENCE_S).items():
            with suppress(SnapshotError):
                found[path] = decode(answered.body)
        return found

    def _word_of(self, member: Found, own: Snapshot, answers: dict[Path, Snapshot]) -> Snapshot | None:
        """A living member's answer, or what it saved last where it has not answered."""
        if member.process == self.process:
            return own
        answered = answers.get(member.socket)
        if answered is not None and answered.of == str(member.process):
            return answered
        saved = read_snapshot(member.snapshot)
        return saved if saved is not None and saved.of == str(member.process) else None

    # The thread

    def _run(self) -> None:
        with selectors.DefaultSelector() as selector:
            selector.register(self._listener, selectors.EVENT_READ)
            selector.register(self._wake_receiver, selectors.EVENT_READ)
            while not self._stopping:
                try:
                    ready = selector.select(ELECTION_S)
                    if any(key.fileobj is self._listener for key, _ in ready):
                        self._accept()
                    if self._stopping:
                        return
                    if not self.holds_its_slot():
                        self._lost()
                        return
                    self.try_to_own()
                    self._save()
                except Exception as error:
                    if self._stopping:
                        return
                    self._say_once(type(error).__name__, "something failed and is tried again: %s", error)
                    time.sleep(ELECTION_S)

    def _save(self) -> None:
        if time.monotonic() < self._next_snapshot:
            return
        # What this thread itself has used is no sign of requests.
        used = time.process_time_ns() - time.thread_time_ns()
        if used - self._counted_until_ns >= _BUSY_NS:
            self._counted_until_ns = used
            self.snapshot()

    def _accept(self) -> None:
        try:
            connection, _ = self._listener.accept()
        except BlockingIOError:
            return
        try:
            asked = receive(connection)
        except OSError as error:
            connection.close()
            self._say_once("asked", "a request on the socket was refused: %s", error)
            return
        if asked.path == SNAPSHOT:
            self._reply(connection, lambda: Answered(200, (), _JSON, self.snapshot()[1]))
        elif self._pages.acquire(blocking=False):
            threading.Thread(target=self._page, args=(connection, asked), name="spanwise-sibling", daemon=True).start()
        else:
            self._reply(connection, lambda: Answered(503, (), "text/plain", b"This worker is answering enough.\n"))

    def _page(self, connection: socket.socket, asked: Asked) -> None:
        try:
            self._reply(connection, lambda: self._serve(asked))
        finally:
            self._pages.release()

    def _reply(self, connection: socket.socket, make: Callable[[], Answered]) -> None:
        with suppress(OSError), connection:
            answer(connection, make())
            connection.shutdown(socket.SHUT_RDWR)  # a child forked meanwhile has a copy that closing would not end

    # The end

    def stop(self, timeout_s: float) -> None:
        """Ends the thread; the member keeps its slot, and the port if it has it."""
        self._stopping = True
        with suppress(OSError):
            self._wake_sender.send(b"\0")
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join(timeout_s)

    def leave(self) -> bool:
        """Saves the last word and gives everything back; whether nobody is left. Call `stop` before."""
        self.snapshot()
        self._speak_no_more()
        last = False
        try:
            with self.folder.gate():
                self.let_go()
                members = self.folder.members()
                self._dead.fold(members)
                last = not any(member.alive for member in members)
                if last and self._root_is_done():
                    self.folder.remove()
        except FileNotFoundError:
            pass  # somebody has removed the folder
        except OSError as error:
            _log.warning("workers: the run folder %s could not be left properly: %s", self.folder.path, error)
        finally:
            self.let_go()
        if last and self.folder.exists:
            start_janitor(self.folder.path, self.folder.root)
        return last

    def _root_is_done(self) -> bool:
        return self.folder.root == self.process or not is_alive(self.folder.root)

    def _speak_no_more(self) -> None:
        with self._snapshot_lock:
            self._has_spoken = True

    def forsake(self) -> None:
        """Leaves a place that is lost, to take another: nothing stays that could be counted as a dead member's."""
        self._speak_no_more()
        if self._slot.lock.is_in_place():
            with suppress(OSError):
                self._slot.snapshot.unlink()
        self.let_go()

    def let_go(self) -> None:
        """Gives everything back without a last word."""
        self._stopping = True
        self._speak_no_more()
        for sock in (self._listener, self._wake_receiver, self._wake_sender):
            sock.close()
        self._slot.lock.release()
        if self.owner is not None:
            self.owner.release()

    def _say_once(self, what: str, text: str, error: Exception) -> None:
        if what not in self._said:
            self._said.add(what)
            _log.warning(f"workers: worker %d: {text}", self.process.pid, error)


def start_janitor(folder: Path, root: ProcessId) -> None:
    """Leaves the removal of the folder to a small process that waits for the root to end; see `janitor`.

    By posix_spawn: it works while the interpreter ends, and gevent has not replaced it.
    """
    python = _python()
    if python is None:
        return
    command = [python, "-I", "-S", janitor.__file__, str(folder), str(root.pid), str(root.started)]
    silent = [(os.POSIX_SPAWN_OPEN, stream, os.devnull, os.O_RDWR, 0) for stream in range(3)]
    with suppress(OSError, NotImplementedError):
        os.posix_spawn(python, command, dict(os.environ), file_actions=silent, setsid=True)


def _python() -> str | None:
    """The interpreter; inside uWSGI `sys.executable` is the server itself."""
    candidates = [
        Path(sys.executable or ""),
        Path(sys.prefix) / "bin" / "python3",
        Path(sys.base_prefix) / "bin/python3",
    ]
    for path in candidates:
        if path.name.startswith("python") and os.access(path, os.X_OK):
            return str(path)
    return None
