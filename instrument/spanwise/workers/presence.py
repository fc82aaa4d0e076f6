"""How one process of a service stands among its siblings, from start over forks to its end.

    alone    it has the admin port and knows of nobody; costs nothing beyond that
    master   it has loaded the application only to fork workers (gunicorn --preload, uWSGI): no port, no thread
    member   it has a slot in the run folder; one member has the port and shows all

A process that is alone becomes a member when it first forks, or starts processes by multiprocessing: its children are
its siblings. A forked child starts anew: nothing of its parent's is served, sent or counted twice.
"""

from __future__ import annotations

import errno
import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol

from prometheus_client import REGISTRY, CollectorRegistry
from prometheus_client.registry import RestrictedRegistry

from spanwise import health
from spanwise.exposition import families
from spanwise.import_hook import when_imported
from spanwise.pace import Pace
from spanwise.standard import Metric
from spanwise.workers import forks, kinship, patching
from spanwise.workers.channel import Answered, Asked
from spanwise.workers.dead import Dead
from spanwise.workers.gauges import merge_of
from spanwise.workers.inheritance import Inherited, start_afresh, without
from spanwise.workers.kinship import ProcessId, Role
from spanwise.workers.member import Member, Metrics, Sibling
from spanwise.workers.run_folder import AdminAddress, RunFolder, close_locks_after_fork
from spanwise.workers.sigterm import end_before_sigterm
from spanwise.workers.snapshot import take

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric as Family

    from spanwise.admin.application import Application
    from spanwise.admin.server import AdminServer
    from spanwise.registration import Registration

# A child that only lives to execute another program, or to fork again, is gone by then.
_SETTLE_S = 0.05
# A server started by root gives its workers to another user right after the fork, gunicorn with `user` for one.
_DROP_PRIVILEGES_S = 0.3
# For the port of an owner that has just died to become free.
_PORT_PATIENCE_S = 0.5
_PORT_POLL_S = 0.02
_SPAWNING = ("multiprocessing.popen_spawn_posix", "multiprocessing.popen_forkserver")

_log = logging.getLogger("spanwise")
# Set while a sibling asks for this worker's own pages.
_own_only: ContextVar[bool] = ContextVar("spanwise_own_only", default=False)


class Face(Protocol):
    """How a process of the service shows itself to the outside."""

    service: str
    host: str

    def rows(self) -> Iterable[Metric]:
        """The standard's metrics and the declared ones."""

    def make_pages(self, registry: CollectorRegistry) -> None:
        """Makes the admin pages of this process, anew in a forked child; `registry` is what they read."""

    def pages(self) -> Application | None:
        """The admin pages made last."""

    def open(self, port: int | None) -> AdminServer | None:
        """Serves the pages, on the configured port for None; None where there is no port to be had."""

    def announce(self, admin: AdminServer | None, instance_id: str | None) -> Registration | None:
        """Makes the address known: target_info and the collector.

        `instance_id` is None but for a worker that cannot find its siblings and so is an instance of its own.
        """

    def watch(self) -> None:
        """Starts the threads that watch over the process. Called again, also after a fork, it is safe."""

    def goodbye(self, timeout_s: float) -> None:
        """Tells the collector that the instance is gone with all its workers."""

    def end(self) -> None:
        """The service's own end, which ends the presence too."""


class GroupRegistry(CollectorRegistry):
    """The registry as all siblings have it together: read by the admin pages, never registered with.

    It has none of a registry's own fields, so that whoever reads it calls `collect`.
    """

    def __init__(self, presence: Presence) -> None:
        self._presence = presence

    def collect(self) -> Iterator[Family]:
        yield from self._presence.families()

    def restricted_registry(self, names: Iterable[str]) -> RestrictedRegistry:
        """Some metrics of this process alone."""
        return self._presence.own_registry.restricted_registry(names)


class Presence:
    """This process among its siblings. `begin` and `end` are called by the service, everything else by forks."""

    def __init__(self, face: Face, registry: CollectorRegistry = REGISTRY) -> None:
        self.registry = GroupRegistry(self)
        self.admin: AdminServer | None = None
        self._face = face
        self.own_registry = registry
        self._registration: Registration | None = None
        self._member: Member | None = None
        self._root: ProcessId = ProcessId(0, 0)
        self._role = Role.ALONE
        self._inherited: Inherited = {}
        self._joining: threading.Thread | None = None
        self._lock = threading.Lock()
        self._ended = False
        self._renewals: list[Callable[[], None]] = []

    # What others ask

    @property
    def is_master(self) -> bool:
        """Whether this process has only loaded the application, for others to run it."""
        return self._role is Role.MASTER

    @property
    def is_last(self) -> bool:
        """Whether this process speaks for all: it is alone, or the last of its siblings."""
        if self._member is None:
            return self._role is Role.ALONE
        try:
            return len(self.siblings()) <= 1
        except OSError:
            return False  # the run folder has gone: who knows

    @property
    def admin_url(self) -> str | None:
        """The address of the group's admin pages as far as this process knows it."""
        if self.admin is not None:
            return self.admin.url
        known = self._member.folder.admin if self._member is not None else None
        return None if known is None else known.url

    def families(self) -> Iterator[Family]:
        """All siblings' metrics, or this process's own where it is alone or a sibling asks."""
        member = self._member
        if member is None or _own_only.get():
            yield from self._own_families()
            return
        if self.own_registry.get_target_info():
            yield from self.own_registry.restricted_registry(["target_info"]).collect()
        yield from member.families()

    def siblings(self) -> list[Sibling]:
        """All living workers, this one included; empty in a process that is alone."""
        return self._member.siblings() if self._member is not None else []

    def ask(self, pid: int, asked: Asked, timeout_s: float = 5.0) -> Answered:
        """What the worker `pid` answers. Raises ChannelError, and LookupError for a pid that is none of ours."""
        if self._member is None:
            raise LookupError("this process has no siblings")
        return self._member.ask(pid, asked, timeout_s)

    # The service's calls

    def begin(self) -> None:
        """Takes this process's place. It never raises: without its siblings a worker shows itself alone."""
        self._face.make_pages(self.registry)
        place = kinship.place()
        self._role, self._root = place.role, place.root
        forks.watch(self, self._face.end)
        if place.role is not Role.MASTER:
            end_before_sigterm(self._face.end, by_default=place.role is Role.WORKER)
        if place.role is Role.WORKER:
            self._join()
        elif place.role is Role.ALONE:
            self._show()
            for module in _SPAWNING:
                when_imported(module, lambda _: self._expect_children())
        if place.role is not Role.MASTER:
            self._face.watch()

    def when_forked(self, renew: Callable[[], None]) -> None:
        """Calls `renew` in each forked child, to mend what a fork breaks in other parts."""
        self._renewals.append(renew)

    def say_goodbye(self, timeout_s: float) -> None:
        """The first step of the end of a process that is alone; a group's is known only when its last member goes."""
        if self._member is None and self._registration is not None:
            self._registration.stop(timeout_s)

    def end(self, timeout_s: float) -> None:
        """Leaves the siblings and closes the port. Call it last: what is counted afterwards is lost."""
        with self._lock:
            self._ended = True
        if self._joining is not None and self._joining is not threading.current_thread():
            self._joining.join(timeout_s)
        health.stop(0.1)
        member = self._member
        if member is None:
            if self.admin is not None:
                self.admin.close(timeout_s)
            self._clear_up()
            return
        member.stop(timeout_s)
        if self.admin is not None:
            self.admin.close(timeout_s)
        if member.leave():
            if self._registration is not None:
                self._registration.stop(timeout_s)
            else:
                self._face.goodbye(timeout_s)
        elif self._registration is not None:
            self._registration.hand_over()
        self._member = None

    # Joining, showing

    def _show(self, port: int | None = None, instance_id: str | None = None) -> None:
        self.admin = self._face.open(port)
        self._registration = self._face.announce(self.admin, instance_id)

    def _join(self) -> None:
        """Becomes a member; a fault costs one log line, and this worker shows itself on a port of its own."""
        try:
            member = self._new_member()
        except OSError as error:
            self._show(0, str(uuid.uuid4()))
            _log.warning(
                "workers: no run folder (%s): worker %d shows only its own metrics, at %s. XDG_RUNTIME_DIR, or TMPDIR,"
                " must be a folder that this user can write.",
                error.strerror or error,
                os.getpid(),
                self.admin.url if self.admin is not None else "no port",
            )
            return
        self._member = member
        with suppress(OSError):
            member.try_to_own()
        member.start()

    def _new_member(self) -> Member:
        metrics = Metrics(self._own_families, lambda: merge_of(self._face.rows, self.own_registry))
        return Member(RunFolder(self._root, self._face.service), metrics, self._serve, self._own, self._on_lost)

    def _own(self, before: AdminAddress | None) -> AdminAddress | None:
        """The port is ours: the one that the last owner had, else the configured one."""
        if self.admin is None:  # else it was ours before there were siblings
            if before is not None:
                _wait_until_free(self._face.host, before.port)
            self._show(None if before is None else before.port)
        return None if self.admin is None else AdminAddress(self.admin.port, self.admin.url)

    def _on_lost(self) -> None:
        """In the member's thread: the folder is not ours any more; joins again, with the port in nobody's hands."""
        with self._lock:
            member = self._member
            if self._ended or member is None:
                return
            if self._registration is not None:
                self._registration.hand_over()
            if self.admin is not None:
                self.admin.close(0.2)
            self.admin = self._registration = self._member = None
            member.forsake()
            self._join()

    def _own_families(self) -> Iterable[Family]:
        return without(families(self.own_registry), self._inherited)

    def _serve(self, asked: Asked) -> Answered:
        pages = self._face.pages()
        if pages is None:
            return Answered(503, (), "text/plain", b"This worker has no admin pages.\n")
        token = _own_only.set(True)
        try:
            from spanwise.workers.pages import answer  # the admin's modules, needed only now

            return answer(pages.process, asked)
        finally:
            _own_only.reset(token)

    # Forks

    def before_fork(self) -> None:
        """In the parent: one that is alone becomes a member, so that its children find its folder; gunicorn's master
        closes everything, because its workers take over, and a fork beside threads is dangerous."""
        if self._ended or self._role is Role.MASTER:
            return
        if self._role is Role.ALONE and kinship.forks_gunicorn_worker():
            self._step_back()
        elif self._member is None and self._joining is None:
            self._found_group()

    def after_fork_in_parent(self) -> None:
        if self._member is not None and not self._ended:
            self._member.start()

    def after_fork_in_child(self) -> None:
        """Nothing of the parent's stays; the child joins its siblings in a moment."""
        member, admin = self._member, self.admin
        parent_counts = self._role is not Role.MASTER
        close_locks_after_fork()
        if member is not None:
            member.close_after_fork()
        if admin is not None:
            admin.close_after_fork()
        self._member = self.admin = self._registration = None
        if patching.is_about_to_be_patched():
            patching.when_patched(lambda: self._begin_as_child(parent_counts))
        else:
            self._begin_as_child(parent_counts)

    def _begin_as_child(self, parent_counts: bool) -> None:
        self._lock = threading.Lock()
        merge = merge_of(self._face.rows, self.own_registry)
        self._inherited = start_afresh(self.own_registry, merge, parent_counts=parent_counts)
        health.after_fork()
        for renew in self._renewals:
            renew()
        self._face.make_pages(self.registry)
        if self._ended:
            return
        end_before_sigterm(self._face.end, by_default=True)
        settle_s = _SETTLE_S if self._role is not Role.MASTER else _DROP_PRIVILEGES_S if os.geteuid() == 0 else 0.0
        self._role = Role.WORKER
        self._joining = threading.Thread(target=self._settle, args=(settle_s,), name="spanwise-joining", daemon=True)
        self._joining.start()

    def _expect_children(self) -> None:
        """Another start method than fork is about to be used for the first time."""
        if not self._ended and self._member is None and self._role is Role.ALONE:
            self._found_group()
            self.after_fork_in_parent()

    def _found_group(self) -> None:
        try:
            member = self._new_member()
            member.try_to_own()
        except OSError as error:
            self._role = Role.WORKER  # tried once: children cannot find a folder either, and say so themselves
            _log.warning("workers: no run folder: the metrics of forked processes are not merged: %s", error)
            return
        self._member, self._role = member, Role.WORKER
        end_before_sigterm(self._face.end, by_default=True)

    def _step_back(self) -> None:
        self._role = Role.MASTER
        if self._registration is not None:
            self._registration.hand_over()
        health.stop(0.5)
        if self.admin is not None:
            self.admin.close(0.5)
        self.admin = self._registration = None

    def _settle(self, seconds: float) -> None:
        if seconds:
            time.sleep(seconds)
        with self._lock:
            if self._ended:
                return
            self._join()
        self._face.watch()

    def _clear_up(self) -> None:
        """For a process that ends without being a member: a master, or a child that was too short-lived to join."""
        if self._role is Role.ALONE or (self._joining is None and self._role is not Role.MASTER):
            return
        with suppress(OSError):
            folder = RunFolder(self._root, self._face.service)
            if not folder.exists:
                return
            with folder.gate():
                dead, members = Dead(folder), folder.members()
                dead.fold(members)
                if self._role is Role.WORKER:
                    merge = merge_of(self._face.rows, self.own_registry)
                    dead.fold_one(take(self._own_families(), merge, "", Pace(lambda: True)))
                if self._role is Role.MASTER and not any(member.alive for member in members):
                    folder.remove()


def _wait_until_free(host: str, port: int) -> None:
    until = time.monotonic() + _PORT_PATIENCE_S
    while time.monotonic() < until:
        with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((host, port))
                probe.listen(1)
                return
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    return
        time.sleep(_PORT_POLL_S)
