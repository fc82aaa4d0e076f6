"""Asks the collector for the service's sampling policy every 30 s; an unchanged one costs a 304 and no body.

Each worker process asks for itself: only one of them registers, but all of them sample. What was fetched last holds
while the collector is away; before the first answer the local default does.
"""

from __future__ import annotations

import logging
import random
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING
from urllib.parse import quote

from spanwise.collector_http import FAILURES, request
from spanwise.tracing.by_hand import use_policy
from spanwise.tracing.policy import PolicyError, SamplingPolicy, parse_policy
from spanwise.tracing.sampling import HeadSampling

if TYPE_CHECKING:
    import ssl

_TIMEOUT_S = 3.0
_EVERY_S = 30.0
_FIRST_RETRY_S = 0.5
_log = logging.getLogger("spanwise")


class PolicyFetch:
    """`fetch` gives each new policy to `apply`. One that cannot be used is said once and changes nothing."""

    def __init__(
        self,
        collector_url: str,
        service: str,
        headers: Mapping[str, str],
        apply: Callable[[SamplingPolicy], None],
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self._tls = tls
        self._collector_url = collector_url
        self._path = f"/api/spanwise/sampling?service={quote(service, safe='')}"
        self._headers = headers
        self._apply = apply
        self._etag = ""
        self._said = ""

    def fetch(self) -> bool:
        """Whether the collector has answered."""
        headers = {**self._headers, "If-None-Match": self._etag} if self._etag else self._headers
        try:
            answer = request(self._collector_url, "GET", self._path, None, headers, _TIMEOUT_S, self._tls)
        except FAILURES:
            return False  # the heartbeat, which asks the same collector, says so
        if answer.status != 200:
            return answer.status < 500
        try:
            policy = parse_policy(answer.body)
        except PolicyError as error:
            self._say(str(error))
            return True
        self._said = ""
        self._etag = answer.headers.get("etag", "")
        self._apply(policy)
        return True

    def _say(self, problem: str) -> None:
        if problem != self._said:
            self._said = problem
            _log.warning("spanwise: the collector's sampling policy is not used: %s.", problem)


class PolicyWatch:
    """Fetches from a thread of its own as long as the process lives. `start` again, also after a fork, is safe."""

    def __init__(self, fetch: Callable[[], bool]) -> None:
        self._fetch = fetch
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, name="spanwise-sampling-policy", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        never = threading.Event()
        retry = _FIRST_RETRY_S
        while True:
            try:
                answered = self._fetch()
            except Exception:
                answered = False
                _log.exception("spanwise: the collector's sampling policy could not be put into force.")
            retry = _EVERY_S if answered else min(retry * 2, _EVERY_S)
            # Spread, so that a thousand instances that started together do not ask together.
            never.wait(retry * random.uniform(0.8, 1.0))


class PolicyInForce:
    """Puts policies into force on the process' sampling, when they differ from the one before.

    So a rate that somebody has set at run time stays until the policy changes.
    """

    def __init__(self, sampling: HeadSampling) -> None:
        self._sampling = sampling
        self._default_rate = sampling.rate
        self._last = SamplingPolicy()

    def __call__(self, policy: SamplingPolicy) -> None:
        last, self._last = self._last, policy
        rate = self._default_rate if policy.rate is None else policy.rate
        if policy.rate != last.rate:
            self._sampling.set_rate(rate)
        if policy != last:
            use_policy(self._sampling, policy.routes, rate)
