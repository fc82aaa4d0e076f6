"""The load generator: customers who browse, search and buy, at a set rate, from this machine to this machine.

`python -m spanwise_samples.load --rate 20 --duration 60s` ends by itself with a JSON summary.
"""

from __future__ import annotations

import argparse
import ipaddress
import json
import random
import signal
import sys
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

import requests

from spanwise.settings import SettingError, Settings, add_flags, from_flags, resolve

from .journeys import Journey, Request, begin
from .open_loop import OpenLoop
from .settings import LOAD_SETTINGS
from .tally import Outcome, Tally, outcome_of

# So many customers think between two requests; each then waits about this number / rate seconds.
THINKING = 12
DRAIN_S = 2.0
CONNECT_TIMEOUT_S = 1.0


class Customers:
    """Those who are in the store. `send` takes the one who has thought the longest one step further."""

    def __init__(self, url: str, timeout_s: float, chance: random.Random) -> None:
        self._url = url
        self._timeouts = (min(CONNECT_TIMEOUT_S, timeout_s), timeout_s)
        self._chance = chance
        self._lock = threading.Lock()
        self._local = threading.local()
        self._thinking: deque[tuple[str, Journey, Request]] = deque()

    def send(self) -> tuple[Outcome, str]:
        """Sends one request; what became of it and the name of the journey."""
        name, journey, request = self._next()
        outcome, body = self._ask(request)
        if outcome is Outcome.OK:
            self._go_on(name, journey, body)
        return outcome, name

    def _next(self) -> tuple[str, Journey, Request]:
        with self._lock:
            if len(self._thinking) > THINKING:
                return self._thinking.popleft()
            name, journey = begin(self._chance)
            return name, journey, next(journey)

    def _go_on(self, name: str, journey: Journey, body: Any) -> None:
        with self._lock:
            try:
                self._thinking.append((name, journey, journey.send(body)))
            except (StopIteration, KeyError, TypeError):  # at the journey's end, or an answer of another shape
                return

    def _ask(self, request: Request) -> tuple[Outcome, Any]:
        try:
            response = self._session().request(
                request.method,
                f"{self._url}{request.path}",
                params=request.parameters,
                json=request.body,
                timeout=self._timeouts,
            )
            outcome = outcome_of(response.status_code)
            return outcome, response.json() if outcome is Outcome.OK else None
        except requests.RequestException:  # also an answer that is not JSON
            return Outcome.FAILED, None

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = requests.Session()
            session.trust_env = False
        return session


def is_loopback(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


class Progress:
    """Shows once a second how the load goes: one updated line, or one JSON object a line."""

    def __init__(self, tally: Tally, shape: str) -> None:
        self._tally = tally
        self._shape = shape
        self._begin = time.monotonic()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._show, name="load-progress", daemon=True)

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._begin

    def start(self) -> None:
        if self._shape != "none":
            self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        if self._thread.is_alive():
            self._thread.join(1.0)
        if self._shape == "line":
            sys.stderr.write("\n")

    def _show(self) -> None:
        while not self._stopped.wait(1.0):
            summary = self._tally.summary(self.elapsed_s)
            if self._shape == "json":
                sys.stderr.write(json.dumps(summary) + "\n")
            else:
                sys.stderr.write(f"\r\x1b[K{one_line(summary)}")
            sys.stderr.flush()


def one_line(summary: dict[str, Any]) -> str:
    p95 = summary["latency_ms"]["p95"]
    return (
        f"{summary['requests']} requests, {summary['requests_per_s']:.1f}/s, {summary['failed']} failed, "
        f"{summary['late']} late, {summary['dropped']} dropped, p95 {'-' if p95 is None else round(p95)} ms"
    )


def _settings(argv: Sequence[str] | None) -> Settings:
    parser = argparse.ArgumentParser(
        prog="python -m spanwise_samples.load", description="Open-loop load for the music store."
    )
    add_flags(parser, LOAD_SETTINGS)
    settings = resolve(LOAD_SETTINGS, from_flags(LOAD_SETTINGS, parser.parse_args(argv)))
    url = settings["SAMPLES_LOAD_URL"]
    if not is_loopback(url) and not settings["SAMPLES_LOAD_ALLOW_REMOTE"]:
        raise SettingError(f"--url={url!r} is not on this machine. If that host is yours to load, add --allow-remote.")
    return settings


def _progress_shape(settings: Settings) -> str:
    shape: str = settings["SAMPLES_LOAD_PROGRESS"]
    if shape != "auto":
        return shape
    return "line" if sys.stderr.isatty() else "none"


def run(settings: Settings) -> dict[str, Any]:
    """One load from beginning to end; returns its summary."""
    chance = random.Random(settings["SAMPLES_LOAD_SEED"])
    tally = Tally()
    customers = Customers(settings["SAMPLES_LOAD_URL"], settings["SAMPLES_LOAD_TIMEOUT"], chance)
    loop = OpenLoop(
        customers.send,
        settings["SAMPLES_LOAD_RATE"],
        settings["SAMPLES_LOAD_IN_FLIGHT"],
        tally,
        random.Random(chance.random()),
    )
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: loop.stop())
    progress = Progress(tally, _progress_shape(settings))
    progress.start()
    loop.run(settings["SAMPLES_LOAD_DURATION"])
    elapsed_s = progress.elapsed_s
    loop.drain(min(DRAIN_S, settings["SAMPLES_LOAD_TIMEOUT"]))
    progress.stop()
    return tally.summary(elapsed_s)


def main(argv: Sequence[str] | None = None) -> int:
    try:
        settings = _settings(argv)
    except SettingError as error:
        sys.stderr.write(f"load: {error}\n")
        return 2
    if settings["SAMPLES_LOAD_INSTRUMENT"]:
        import spanwise

        spanwise.instrument(service="load", owner="team-samples")
    sys.stdout.write(json.dumps(run(settings)) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
