"""The heartbeat by which the collector knows this instance: who it is, where its metrics and its /admin are.

Prometheus finds the service through it (`/sd/prometheus`), so a fleet needs no list of targets.
"""

from __future__ import annotations

import json
import os
import random
import socket
import threading
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote, urlsplit

from spanwise.collector_http import FAILURES, request
from spanwise.tracing.outage import Outage

if TYPE_CHECKING:
    import ssl

HEARTBEAT_S = 30.0  # the collector forgets an instance after three of them
_FIRST_RETRY_S = 0.5
_TIMEOUT_S = 3.0
PARTY = "registration"


class Registration:
    """Registers until stopped, from a thread of its own. `instance` gives what is registered, anew for each beat."""

    def __init__(
        self,
        collector_url: str,
        instance_id: str,
        instance: Callable[[], Mapping[str, object]],
        headers: Mapping[str, str],
        outage: Outage,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._tls = tls
        self._collector_url = collector_url
        self._path = f"/api/spanwise/instances/{quote(instance_id, safe='')}"
        self._instance = instance
        self._headers = {"Content-Type": "application/json", **headers}
        self._outage = outage
        self._stopped = threading.Event()
        self._registered = False
        self._pid = os.getpid()
        self._thread = threading.Thread(target=self._run, name="spanwise-registration", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self, timeout_s: float = 1.0) -> None:
        """Says goodbye where the collector knows us, within `timeout_s`. A forked child leaves that to its parent."""
        if self._stopped.is_set():
            return
        self._stopped.set()
        if os.getpid() != self._pid:
            return
        until = time.monotonic() + timeout_s
        if self._thread.is_alive():
            self._thread.join(timeout_s)  # a heartbeat that arrives after the goodbye would bring us back
        left = until - time.monotonic()
        if self._registered and left > 0:
            self._request("DELETE", None, left)

    def hand_over(self) -> None:
        """Stops and leaves the entry to another worker of the same instance."""
        self._stopped.set()

    def withdraw(self, timeout_s: float) -> None:
        """Says goodbye for the whole instance, whichever of its workers has registered it."""
        self._stopped.set()
        self._request("DELETE", None, timeout_s)

    def _run(self) -> None:
        retry = _FIRST_RETRY_S
        while not self._stopped.is_set():
            reason = self._beat()
            if reason:
                self._outage.failed(PARTY, reason)
                pause = retry * random.uniform(0.5, 1.0)
                retry = min(retry * 2, HEARTBEAT_S)
            else:
                self._outage.worked(PARTY)
                pause, retry = HEARTBEAT_S, _FIRST_RETRY_S
            self._stopped.wait(pause)

    def _beat(self) -> str:
        """One heartbeat; why it failed, or ""."""
        try:
            body = json.dumps(self._instance()).encode()
        except Exception as error:
            return f"registration: {type(error).__name__}: {error}"
        reason = self._request("PUT", body, _TIMEOUT_S)
        self._registered = self._registered or not reason
        return reason

    def _request(self, method: str, body: bytes | None, timeout_s: float) -> str:
        try:
            answer = request(self._collector_url, method, self._path, body, self._headers, timeout_s, self._tls)
        except FAILURES as error:
            return str(error) or type(error).__name__
        if answer.status < 300:
            return ""
        return f"registration: HTTP {answer.status} {answer.body[:200].decode('utf-8', 'replace').strip()}"


def reachable_host(bound_host: str, collector_url: str) -> str:
    """The address of this machine that the collector's side can use for a server bound to `bound_host`.

    For a server on all addresses it is the one from which the collector is reached; no packet is sent to find it.
    """
    if bound_host not in ("", "0.0.0.0", "::"):  # noqa: S104 - compared, not bound
        return bound_host
    parts = urlsplit(collector_url)
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            parts.hostname, parts.port or 80, type=socket.SOCK_DGRAM
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.connect(address)
            return str(probe.getsockname()[0])
    except (OSError, ValueError):
        return "127.0.0.1"
