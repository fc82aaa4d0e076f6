"""What may be recorded of a URL: no user information, and no value of a query parameter that carries a secret.

Our own spans are redacted when they are made; what others put on spans (attributes that hold URLs, the messages of
exceptions that quote them) is redacted when it is encoded, off the request path.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any
from urllib.parse import unquote_plus

# The parameters that the semantic conventions (url.full, url.query) tell to redact by default, in lower case.
SENSITIVE_PARAMETERS = frozenset({"awsaccesskeyid", "signature", "sig", "x-goog-signature"})
REDACTED = "REDACTED"
MAX_URL_CHARACTERS = 2048
# Attributes that hold a URL or its end, old names and new.
_URL_ATTRIBUTES = frozenset({"url.full", "http.url", "http.target"})
_QUERY_ATTRIBUTE = "url.query"
_EXCEPTION_TEXTS = ("exception.message", "exception.stacktrace")
_USER_INFORMATION = re.compile(r"(?<=://)[^\s/@'\"]+@")


class Redaction:
    """`more`: further parameter names, from SPANWISE_REDACT; case does not matter."""

    __slots__ = ("_names", "_parameters")

    def __init__(self, more: Collection[str] = ()) -> None:
        self._names = SENSITIVE_PARAMETERS | {name.lower() for name in more}
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
        """Prose that may quote URLs, such as an exception's message."""
        if "://" in text:
            text = _USER_INFORMATION.sub(f"{REDACTED}@", text)
        return self._parameters.sub(rf"\1={REDACTED}", text) if "=" in text else text

    def attributes(self, attributes: Mapping[str, Any]) -> Mapping[str, Any]:
        """A span's attributes with their URLs redacted; the same object where there are none."""
        if _URL_ATTRIBUTES.isdisjoint(attributes) and _QUERY_ATTRIBUTE not in attributes:
            return attributes
        redacted = dict(attributes)
        for key in _URL_ATTRIBUTES.intersection(attributes):
            redacted[key] = self.url(str(attributes[key]))
        if _QUERY_ATTRIBUTE in redacted:
            redacted[_QUERY_ATTRIBUTE] = self.query(str(redacted[_QUERY_ATTRIBUTE]))
        return redacted

    def exception(self, attributes: Mapping[str, Any]) -> Mapping[str, Any]:
        """An event's attributes with the exception's texts redacted."""
        redacted = dict(attributes)
        for key in _EXCEPTION_TEXTS:
            if key in redacted:
                redacted[key] = self.text(str(redacted[key]))
        return redacted
