"""What goes into a handler and what comes out of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

if TYPE_CHECKING:
    from spanwise.admin.process import Process

TEXT = "text/plain;charset=UTF-8"
JSON = "application/json;charset=UTF-8"
HTML = "text/html;charset=UTF-8"
FORM = "application/x-www-form-urlencoded"
_MAX_FIELDS = 100


class Tier(Enum):
    """Who may ask. A route without a tier is sensitive."""

    OPEN = "open"  # anyone who reaches the port
    SENSITIVE = "sensitive"  # this machine, or the token
    MUTATING = "mutating"  # the same, never by GET, and not from another site's page


class Invalid(Exception):
    """Raised by a handler for a parameter that cannot be used; answered 400 with this sentence."""

    status = 400
    title = "That cannot be used"


class NotThere(Invalid):
    """The same for what a parameter names and is not to be had here: answered 404."""

    status = 404
    title = "Nothing here"


def _stays() -> bool:
    return False


@dataclass(frozen=True)
class Request:
    """One request. Header names are lower-case; `query` has the values of each parameter in order.

    `peer` is the client's IP address, or "" where there is none. `own_port` says that it came to the admin server
    itself and not through the application, which is what makes a loopback peer believable; `encrypted` that it came
    over TLS. `trusted_by` says why it may see what is sensitive ("token", "login" or "this machine"), "" that it may
    not; only the guard sets it. `gone` tells whether the client has hung up, for answers that take long.
    """

    method: str
    path: str
    query: Mapping[str, Sequence[str]]
    headers: Mapping[str, str]
    peer: str
    body: bytes
    process: Process
    own_port: bool = False
    encrypted: bool = False
    trusted_by: str = ""
    gone: Callable[[], bool] = _stays

    @property
    def trusted(self) -> bool:
        return self.trusted_by != ""

    @property
    def fields(self) -> Mapping[str, Sequence[str]]:
        """The parameters: of the query, then of a form or a flat JSON object in the body. Raises Invalid."""
        given = {name: list(values) for name, values in self.query.items()}
        for name, values in _body_fields(self.headers.get("content-type", ""), self.body).items():
            given.setdefault(name, []).extend(values)
        return given

    def parameter(self, name: str) -> str | None:
        """The last value of a parameter from query or body, None where it is not given. Raises Invalid."""
        values = self.fields.get(name)
        return values[-1] if values else None

    def flag(self, name: str) -> bool:
        """A boolean parameter: given alone, or as `1` or `true`."""
        return bool(self.query.get(name)) and self.query[name][-1] in ("", "1", "true")

    @property
    def wants_json(self) -> bool:
        return self.path.endswith(".json") or "application/json" in self.headers.get("accept", "")

    @property
    def wants_html(self) -> bool:
        """Whether a browser asks: by substring, so that curl and scripts always get text or JSON."""
        return not self.wants_json and (self.path.endswith(".html") or "text/html" in self.headers.get("accept", ""))


@dataclass(frozen=True)
class Response:
    """An answer that is sent as it is. An iterator as `body` is a stream; everything else has a length."""

    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | Iterator[bytes] = b""
    content_type: str = TEXT


@dataclass(frozen=True)
class Page:
    """One answer for everyone: HTML for browsers, `text` for curl, `data` for who asks for JSON (or gets the text).

    `html` is the page's body and already escaped; left out, it is the text. `scripts` and `stylesheets` are names of
    files in `static/`, beside the style sheet that every page has; `wide` uses the whole window.
    """

    title: str
    text: str
    html: str = ""
    data: Any = None
    status: int = 200
    subtitle: str = ""
    heading: bool = True
    headers: tuple[tuple[str, str], ...] = field(default=())
    scripts: tuple[str, ...] = ()
    stylesheets: tuple[str, ...] = ()
    wide: bool = False


def _body_fields(content_type: str, body: bytes) -> Mapping[str, Sequence[str]]:
    kind = content_type.partition(";")[0].strip().lower()
    if not body or kind not in (FORM, "application/json"):
        return {}
    try:
        if kind == FORM:
            return parse_qs(body.decode(), keep_blank_values=True, max_num_fields=_MAX_FIELDS)
        given = json.loads(body)
        if not isinstance(given, dict):
            raise ValueError
    except (ValueError, RecursionError):
        raise Invalid("The body is neither a form nor a JSON object.") from None
    # null means the same as in a query, where Spring's clients and twitter-server's write it as a word.
    return {str(name): ["null" if value is None else str(value)] for name, value in given.items()}


Answer = Response | Page | str | bytes | dict[str, Any] | list[Any]
Handler = Callable[[Request], Answer]
