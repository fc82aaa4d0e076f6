"""Asks an instance's admin pages, as a program: one request, one answer, one line when it fails."""

from __future__ import annotations

import http.client
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlencode

from spanwise.collector_http import connect

if TYPE_CHECKING:
    import ssl


class ClientError(Exception):
    """What went wrong in one line. `status` is the HTTP status, 0 where nobody answered."""

    def __init__(self, message: str, status: int = 0) -> None:
        super().__init__(message)
        self.status = status


class Client:
    """`token` opens what is sensitive from other machines; from this one it is not needed. `tls` is whom to trust over
    https; None is whom the system trusts."""

    def __init__(
        self, url: str, *, timeout_s: float = 10.0, token: str | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        self._tls = tls
        self.url = url.rstrip("/")
        self._timeout_s = timeout_s
        self._token = token

    def get(self, path: str, accept: str = "*/*", **query: object) -> bytes:
        return self._ask("GET", path, query, accept)

    def post(self, path: str, **query: object) -> bytes:
        return self._ask("POST", path, query, "*/*")

    def json(self, path: str, **query: object) -> Any:
        try:
            return json.loads(self.get(path, "application/json", **query))
        except ValueError:
            raise ClientError(f"{self.url}{path} did not answer in JSON.", 200) from None

    def _ask(self, method: str, path: str, query: dict[str, object], accept: str) -> bytes:
        given = {name: value for name, value in query.items() if value is not None}
        status, body = self._exchange(method, path, given, accept)
        if status >= 400:
            said = body.decode(errors="replace").strip() or str(status)
            raise ClientError(f"{self.url}{path}: {status}: {said}", status)
        return body

    def _exchange(self, method: str, path: str, query: dict[str, object], accept: str) -> tuple[int, bytes]:
        """Status and body. Raises ClientError where nobody answers."""
        headers = {"Accept": accept, "User-Agent": "spanwise-admin"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        given = urlencode(query, doseq=True)
        connection = connect(self.url, self._timeout_s, self._tls)
        try:
            connection.request(method, f"{path}?{given}" if given else path, headers=headers)
            answer = connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException) as error:
            reason = getattr(error, "strerror", None) or str(error) or type(error).__name__
            raise ClientError(f"{self.url} does not answer: {reason}.") from None
        finally:
            connection.close()


class SocketClient(Client):
    """The same through a worker's Unix socket, which only this user's processes reach: no port, no token."""

    def __init__(self, path: Path, *, timeout_s: float = 10.0) -> None:
        super().__init__(str(path), timeout_s=timeout_s)
        self._path = path

    def _exchange(self, method: str, path: str, query: dict[str, object], accept: str) -> tuple[int, bytes]:
        from spanwise.workers.channel import Asked, ask

        given = parse_qs(urlencode(query, doseq=True), keep_blank_values=True)
        asked = Asked(method, path, given, {"accept": accept}, trusted_by="this machine")
        try:
            answered = ask(self._path, asked, self._timeout_s)
        except OSError as error:
            raise ClientError(f"{self._path} does not answer: {error.strerror or error}.") from None
        return answered.status, answered.body
