"""Who may call: the Host on every request, Origin and Sec-Fetch-Site on every one that changes something, and tokens.

A page of any web site can make a browser send requests to 127.0.0.1. The checks on Host (against DNS rebinding), Origin
and Sec-Fetch-Site (against cross-site requests) keep such a page out, with or without tokens.
"""

from __future__ import annotations

import base64
import binascii
import ipaddress
import json
import socket
from collections.abc import Callable, Iterable
from enum import Enum
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from spanwise_collector.http._tokens import Tokens

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

_LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})
_SAFE_METHODS = frozenset({"GET", "HEAD"})
_SAME_SITE = frozenset({"same-origin", "none"})
# Where the guard leaves the token that was presented, for whom it matters who sent a request.
TOKEN_KEY = "spanwise.token"  # noqa: S105 - a key of the WSGI environment


class Access(Enum):
    """What a path asks for."""

    OPEN = "open"
    READ = "read"
    WRITE = "write"
    EITHER = "either"  # a token of either kind


class Guard:
    """WSGI middleware in front of everything.

    `access` tells what a method and path ask for. `host` is the bound address; `allowed_hosts` are further names.
    """

    def __init__(
        self,
        app: WSGIApplication,
        access: Callable[[str, str], Access],
        host: str,
        allowed_hosts: Iterable[str],
        read: Tokens,
        write: Tokens,
    ) -> None:
        self._app = app
        self._access = access
        self._read = read
        self._write = write
        self._names = _LOOPBACK_NAMES | {name.lower().strip("[]") for name in (host, *allowed_hosts)}
        self._any_address = not is_loopback(host)
        if self._any_address:
            self._names |= {socket.gethostname().lower(), socket.getfqdn().lower()}

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        problem = self._site_problem(environ)
        if problem is not None:
            return _answer(start_response, HTTPStatus.FORBIDDEN, problem)
        token = _presented(environ.get("HTTP_AUTHORIZATION", ""))
        environ[TOKEN_KEY] = token
        if not self._may(self._access(environ["REQUEST_METHOD"], environ.get("PATH_INFO", "")), token):
            message = "a token is needed: send it as `Authorization: Bearer TOKEN`, or as the password of Basic"
            challenge = ("WWW-Authenticate", 'Basic realm="spanwise", charset="UTF-8"')
            return _answer(start_response, HTTPStatus.UNAUTHORIZED, message, challenge)
        return self._app(environ, start_response)

    def _site_problem(self, environ: WSGIEnvironment) -> str | None:
        """Why the request may come from another site's page; None when it does not."""
        host = environ.get("HTTP_HOST", "")
        name = _host_name(host)
        if name is None or not self._is_allowed(name):
            return (
                f"the host {host[:100]!r} is not one of this collector: use its address, or allow the name with"
                " --allowed-hosts (SPANWISE_COLLECTOR_ALLOWED_HOSTS)"
            )
        if environ["REQUEST_METHOD"] in _SAFE_METHODS:
            return None
        site = environ.get("HTTP_SEC_FETCH_SITE")
        if site is not None and site not in _SAME_SITE:
            return "a page of another site may not change anything here (Sec-Fetch-Site)"
        origin = environ.get("HTTP_ORIGIN")
        if origin is not None and urlsplit(origin).netloc.lower() != host.lower():
            return "a page of another origin may not change anything here (Origin)"
        return None

    def _is_allowed(self, name: str) -> bool:
        # An address cannot be rebound, so on another address than loopback every address is as good as another.
        return name in self._names or (self._any_address and _is_address(name))

    def _may(self, access: Access, token: str) -> bool:
        asked = {
            Access.OPEN: (),
            Access.READ: (self._read,),
            Access.WRITE: (self._write,),
            Access.EITHER: (self._read, self._write),
        }[access]
        return not all(asked) or not asked or any(tokens.accepts(token) for tokens in asked)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def _host_name(host: str) -> str | None:
    """The name in a Host header, without port and brackets, in lower case; None when it is malformed."""
    try:
        parts = urlsplit(f"//{host}")
        _ = parts.port
    except ValueError:
        return None
    if parts.netloc != host or "@" in host or not parts.hostname:
        return None
    return parts.hostname


def _presented(authorization: str) -> str:
    """The token of an Authorization header: Bearer, or the password of Basic. Empty when there is none."""
    scheme, _, value = authorization.strip().partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() == "basic":
        try:
            return base64.b64decode(value.strip(), validate=True).decode().partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            return ""
    return ""


def _answer(
    start_response: StartResponse, status: HTTPStatus, message: str, *headers: tuple[str, str]
) -> Iterable[bytes]:
    body = json.dumps({"error": message}).encode()
    start_response(
        f"{status.value} {status.phrase}",
        [("Content-Type", "application/json"), ("Content-Length", str(len(body))), *headers],
    )
    return [body]
