"""What may be recorded: of a URL no user information and no value of a query parameter that carries a secret, of SQL no
literal, and of prose (exceptions, log lines) nothing that its own wording calls a password, a token or a cookie.

Our own spans are redacted when they are made; what others put on spans (attributes that hold URLs or SQL, the messages
of exceptions that quote them) is redacted when it is encoded, off the request path.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import unquote_plus

from spanwise.sql_literals import without_literals

# The parameters that the semantic conventions (url.full, url.query) tell to redact by default, in lower case.
_BY_CONVENTION = frozenset({"awsaccesskeyid", "signature", "sig", "x-goog-signature"})
# And those that say themselves that they are a credential.
_CREDENTIALS = frozenset(
    {
        *("password", "passwd", "pwd", "secret", "client_secret", "token", "access_token", "refresh_token", "id_token"),
        *("api_key", "apikey", "api-key", "authorization", "x-amz-signature", "x-amz-security-token"),
    }
)
SENSITIVE_PARAMETERS = _BY_CONVENTION | _CREDENTIALS
REDACTED = "REDACTED"
MAX_URL_CHARACTERS = 2048
# Attributes that hold a URL or its end, and those that hold SQL: old names and new.
_URL_ATTRIBUTES = frozenset({"url.full", "http.url", "http.target"})
_QUERY_ATTRIBUTE = "url.query"
_SQL_ATTRIBUTES = frozenset({"db.query.text", "db.statement"})
_EXCEPTION_TEXTS = ("exception.message", "exception.stacktrace")

_USER_INFORMATION = re.compile(r"(?<=://)[^\s/?#'\"]*@")
# `password=hunter2`, `api_key='a b'`, `"token": "x"`, `Authorization: Bearer x`, `Cookie: a=b; c=d`, `Bearer x`.
_QUOTED = r"""[bru]?"(?:[^"\\\n]|\\.)*"? | [bru]?'(?:[^'\\\n]|\\.)*'?"""
_CREDENTIAL = (
    r"passw(?:or)?d | pwd | passphrase | secret(?:[_-]?(?:access[_-]?)?key)? | token | api[_-]?key | private[_-]?key"
)
_NAMED = re.compile(
    rf"""(?P<name> (?:{_CREDENTIAL}) (?: ["']\s*[:=]\s* | \s?=\s? ))
         (?: {_QUOTED} | [^\s&;,'"#)\]}}]+ )
       | (?P<header> (?:proxy-)?authorization["']?\s*[:=]\s*) (?: {_QUOTED} | (?:\w+\s+)?[^\s,'"]+ )
       | (?P<cookie> cookie["']?\s*[:=]\s*) (?: {_QUOTED} | [^\n'"]+ )
       | (?P<bearer> \bbearer\s+) [\w.~+/=-]{{8,}}""",
    re.IGNORECASE | re.VERBOSE,
)
# How SQLAlchemy's errors quote the statement and its parameters, and how servers quote what they refuse. Each takes its
# whole line, so that no text makes it look twice at the same characters; what follows the closing text stays.
_SQL = "[SQL: "
_SQL_END = re.compile(r"\](?=\n\[parameters: |\n\(Background on|\n\n|\s*\Z)")
_VALUES_QUOTED = re.compile(
    r"""(?: (?P<parameters> ^\[parameters:\ )
          | (?P<key> \bKey\ \([^)\n]{0,200}\)=\()
          | (?P<row> \bFailing\ row\ contains\ \()
          | (?P<entry> \bDuplicate\ entry\ ')
          | (?P<input> \binvalid\ input\ [^\n:"]{0,80}:\ ")
        ) (?P<values> [^\n]*)""",
    re.VERBOSE | re.MULTILINE,
)
_CLOSED_BY = {"parameters": "]", "key": ") ", "row": ")", "entry": "' for key", "input": '"'}


class Redaction:
    """`more`: further parameter names, from SPANWISE_REDACT; case does not matter."""

    __slots__ = ("_names", "_parameters")

    def __init__(self, more: Collection[str] = ()) -> None:
        self._names = SENSITIVE_PARAMETERS | {name.lower() for name in more if name}
        names = "|".join(re.escape(name) for name in sorted(self._names))
        self._parameters = re.compile(rf"(?i)(?<=[?&])({names})=[^&\s'\"#]*")

    def query(self, query: str) -> str:
        """`"a=1&sig=abc"` -> `"a=1&sig=REDACTED"`."""
        if not query or "=" not in query:
            return query[:MAX_URL_CHARACTERS]
        pairs = []
        for pair in query[:MAX_URL_CHARACTERS].split("&"):
            name, equals, _ = pair.partition("=")
            plain = unquote_plus(name) if "%" in name else name
            pairs.append(f"{name}={REDACTED}" if equals and plain.lower() in self._names else pair)
        return "&".join(pairs)

    def url(self, url: str) -> str:
        """`"https://user:pw@host/p?sig=abc#f"` -> `"https://REDACTED:REDACTED@host/p?sig=REDACTED"`."""
        address, _, query = url.partition("#")[0].partition("?")
        scheme, separator, rest = address.partition("://")
        if separator:
            authority, slash, path = rest.partition("/")
            user, at, host = authority.rpartition("@")
            if at:
                hidden = f"{REDACTED}:{REDACTED}" if ":" in user else REDACTED
                address = f"{scheme}://{hidden}@{host}{slash}{path}"
        full = f"{address}?{self.query(query)}" if query else address
        return full[:MAX_URL_CHARACTERS]

    def text(self, text: str) -> str:
        """Prose that may quote URLs, headers, SQL or settings, such as an exception's message."""
        if "://" in text:
            text = _USER_INFORMATION.sub(f"{REDACTED}@", text)
        if _SQL in text:
            before, *quotations = text.split(_SQL)
            text = before + "".join(map(_without_literals, quotations))
        if "=" in text:
            text = self._parameters.sub(rf"\1={REDACTED}", text)
        return _VALUES_QUOTED.sub(_without_values, _NAMED.sub(_hidden, text))

    def attributes(self, attributes: Mapping[str, Any]) -> Mapping[str, Any]:
        """A span's attributes with their URLs and SQL redacted; the same object where there is nothing to hide."""
        redacted: dict[str, Any] = {}
        for key, value in attributes.items():
            if isinstance(value, (bool, int, float)):
                continue  # hides nothing, and stays the type it is
            if key in _URL_ATTRIBUTES:
                redacted[key] = self.url(str(value))
            elif key == _QUERY_ATTRIBUTE:
                redacted[key] = self.query(str(value))
            elif key in _SQL_ATTRIBUTES:
                system = attributes.get("db.system.name") or attributes.get("db.system") or ""
                redacted[key] = without_literals(str(value), str(system))
            elif type(value) is str and "://" in value and "@" in value:
                redacted[key] = _USER_INFORMATION.sub(f"{REDACTED}@", value)
        return {**attributes, **redacted} if redacted else attributes

    def event(self, attributes: Mapping[str, Any]) -> Mapping[str, Any]:
        """An event's attributes, with the texts of an exception redacted too."""
        redacted = dict(self.attributes(attributes))
        for key in _EXCEPTION_TEXTS:
            if key in redacted:
                redacted[key] = self.text(str(redacted[key]))
        return redacted


def _hidden(found: re.Match[str]) -> str:
    """What announced the secret stays."""
    return f"{found[found.lastgroup or 0]}{REDACTED}"


def _without_values(found: re.Match[str]) -> str:
    kind = next(name for name, text in found.groupdict().items() if text is not None)
    values = found["values"]
    end = values.rfind(_CLOSED_BY[kind])
    return f"{found[kind]}{REDACTED}{values[end:] if end >= 0 else ''}"


def _without_literals(quotation: str) -> str:
    """What follows "[SQL: ", the statement's end within it."""
    end = _SQL_END.search(quotation)
    position = end.start() if end is not None else len(quotation)
    return f"{_SQL}{without_literals(quotation[:position])}{quotation[position:]}"


_in_force = Redaction()


def in_force() -> Redaction:
    """The process's own, for what is recorded beside its spans: exceptions, log lines."""
    return _in_force


def enforce(redaction: Redaction) -> None:
    """Called by `spanwise.instrument`."""
    global _in_force
    _in_force = redaction
