"""How a service ends without losing a request, in the order that load balancers need:

    readiness says 503 -> the drain delay passes (probes notice) -> requests in flight end, within the grace
    -> the server is asked to stop -> what is left of spans is sent -> the process is gone

Where a process manager owns the process it is the one that is asked, or it would start the worker again.
"""

from __future__ import annotations

import logging
import os
import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from spanwise.admin import wording
from spanwise.admin.summary import in_flight
from spanwise.supervisor import Supervisor, supervisor

if TYPE_CHECKING:
    from spanwise.admin.process import Process

# A server that was asked to stop and still runs after this is ended, or a shutdown could hang for ever.
_PATIENCE_S = 15.0
_POLL_S = 0.05

_log = logging.getLogger("spanwise.audit")


@dataclass(frozen=True, slots=True)
class Plan:
    """What a shutdown would do now. `steps` are sentences for people."""

    in_flight: int
    drain_delay_s: float
    grace_s: float
    managed_by: str
    steps: tuple[str, ...]


def plan(process: Process, grace_s: float | None = None) -> Plan:
    """Looks, and does nothing."""
    manager = supervisor()
    delay_s = process.settings["SPANWISE_ADMIN_DRAIN_DELAY"]
    grace = process.settings["SPANWISE_ADMIN_GRACE"] if grace_s is None else grace_s
    running = in_flight(process)
    steps = (
        "/readyz and /health answer 503 from now on",
        f"{wording.duration(delay_s)} pass in which probes notice and no new requests come",
        f"{running} request{'' if running == 1 else 's'} in flight may take {wording.duration(grace)} to end",
        manager.stops_by if manager is not None else f"{_signal_to_self().name} to this process ({os.getpid()})",
    )
    return Plan(running, delay_s, grace, manager.name if manager is not None else "", steps)


def quit_gracefully(process: Process, grace_s: float | None = None) -> bool:
    """Ends the service in the background; False when it is ending already."""
    if not process.health.lifecycle.end():
        return False
    what = plan(process, grace_s)
    threading.Thread(target=_end, args=(process, what), name="spanwise-quit", daemon=True).start()
    return True


def abort(after_s: float = 0.05) -> None:
    """Ends this process at once, in time for the answer to leave: no drain, no exit handlers, no last spans."""
    timer = threading.Timer(after_s, os._exit, (0,))
    timer.daemon = True
    timer.start()


def _end(process: Process, what: Plan) -> None:
    time.sleep(what.drain_delay_s)
    if not until(lambda: in_flight(process) == 0, what.grace_s):
        _log.warning("admin: %d requests are still in flight after the grace.", in_flight(process))
    manager = supervisor()
    if manager is not None:
        manager.stop()
        return
    _stop_self(process)


def _stop_self(process: Process) -> None:
    number = _signal_to_self()
    if signal.getsignal(number) in (signal.SIG_DFL, signal.SIG_IGN, None):
        _flush()  # nobody would do it: the default ends the process without exit handlers
    os.kill(os.getpid(), number)
    time.sleep(_PATIENCE_S)
    _log.warning("admin: the service was asked to stop and still runs after %g s: it is ended.", _PATIENCE_S)
    _flush()
    os._exit(1)


def _signal_to_self() -> signal.Signals:
    """SIGTERM where somebody handles it; Python's default ends a process without exit handlers, so SIGINT otherwise."""
    if callable(signal.getsignal(signal.SIGTERM)) or not callable(signal.getsignal(signal.SIGINT)):
        return signal.SIGTERM
    return signal.SIGINT


def _flush() -> None:
    from spanwise import service

    current = service.current()
    if current is not None:
        current.shutdown()


def until(condition: Callable[[], bool], timeout_s: float) -> bool:
    """Waits for it; False when time ran out."""
    ends = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() >= ends:
            return False
        time.sleep(_POLL_S)
    return True


def restart_by() -> Supervisor | None:
    """The process manager that would start the service anew, None where nobody would."""
    manager = supervisor()
    return manager if manager is not None and manager.reload is not None else None
