"""Calls to the other services: one session per thread, a time-out on each, and one kind of error when they are down."""

from __future__ import annotations

import logging
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import requests

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 0.5


@dataclass(frozen=True, slots=True)
class Answer:
    """What a peer said: a status below 500 and the JSON with it."""

    status: int
    body: Any


class PeerDown(Exception):
    """A peer gave no usable answer. `status` is what to tell our own caller: 503 (try again) or 502 (it failed)."""

    def __init__(self, peer: str, reason: str, status: int) -> None:
        super().__init__(f"{peer} {reason}")
        self.status = status


class Peer:
    """One other service. Says once in the log that it is gone, and once that it is back."""

    def __init__(self, name: str, url: str, timeout_s: float) -> None:
        self.name = name
        self.url = url
        self.timeout_s = timeout_s
        self._local = threading.local()
        self._lock = threading.Lock()
        self._gone = False

    def get(self, path: str, parameters: Mapping[str, Any] | None = None) -> Answer:
        return self._call("GET", path, params=parameters)

    def post(self, path: str, body: Mapping[str, Any]) -> Answer:
        return self._call("POST", path, json=body)

    def _call(self, method: str, path: str, **arguments: Any) -> Answer:
        try:
            response = self._session().request(
                method,
                f"{self.url}{path}",
                timeout=(min(CONNECT_TIMEOUT_S, self.timeout_s), self.timeout_s),
                **arguments,
            )
        except requests.Timeout:
            self._note(f"did not answer within {self.timeout_s:g} s")
            raise PeerDown(self.name, f"did not answer within {self.timeout_s:g} s", 503) from None
        except requests.RequestException:
            self._note(f"does not answer at {self.url}")
            raise PeerDown(self.name, "does not answer", 503) from None
        self._note(None)
        return self._answer(response)

    def _answer(self, response: requests.Response) -> Answer:
        status = response.status_code
        try:
            body = response.json()
        except requests.JSONDecodeError:
            raise PeerDown(self.name, f"answered {status} with something that is not JSON", 502) from None
        if status < 500:
            return Answer(status, body)
        because = body.get("error", "") if isinstance(body, dict) else ""
        raise PeerDown(self.name, f"answered {status}: {because}", 503 if status == 503 else 502)

    def _session(self) -> requests.Session:
        session: requests.Session | None = getattr(self._local, "session", None)
        if session is None:
            session = self._local.session = requests.Session()
            session.trust_env = False  # no proxy and no .netrc between the services of one store
        return session

    def _note(self, trouble: str | None) -> None:
        """Logs the change between there and gone."""
        with self._lock:
            changed, self._gone = self._gone != (trouble is not None), trouble is not None
        if changed and trouble is not None:
            log.warning("%s %s; answering 503 until it does", self.name, trouble)
        elif changed:
            log.info("%s answers again", self.name)
