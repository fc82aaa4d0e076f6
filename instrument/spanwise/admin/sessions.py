"""A browser's login: a cookie that says until when, signed with the admin token.

Nothing is remembered: every worker of a service believes the same cookie, and a token that is replaced ends all logins
made with it. The cookie holds no part of the token.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from secrets import token_hex
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spanwise.admin.messages import Request

COOKIE = "spanwise_admin"
LIFETIME_S = 12 * 3600
_PURPOSE = "spanwise admin login"
_FORM = re.compile(r"([0-9]{1,12})\.([0-9a-f]{32})\.([0-9a-f]{64})")


def issue(token: str, now: float | None = None) -> str:
    """A new cookie value for who has shown `token`; `now` in Unix seconds."""
    expires = int((time.time() if now is None else now) + LIFETIME_S)
    nonce = token_hex(16)
    return f"{expires}.{nonce}.{_signature(token, expires, nonce)}"


def is_valid(value: str, tokens: Iterable[str], now: float | None = None) -> bool:
    """Whether `value` was issued for one of the tokens and has not expired."""
    match = _FORM.fullmatch(value)
    if match is None:
        return False
    expires, nonce, signature = int(match[1]), match[2], match[3]
    good = [hmac.compare_digest(signature, _signature(token, expires, nonce)) for token in tokens]
    return any(good) and (time.time() if now is None else now) < expires


def cookie_of(request: Request) -> str:
    """The login cookie of a request, "" where there is none."""
    try:
        morsel = SimpleCookie(request.headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return ""
    return "" if morsel is None else morsel.value


def set_cookie(value: str, *, encrypted: bool) -> tuple[str, str]:
    """The header that keeps `value` in the browser; an empty one ends the login."""
    lifetime = LIFETIME_S if value else 0
    secure = "; Secure" if encrypted else ""
    return "Set-Cookie", f"{COOKIE}={value}; Path=/; Max-Age={lifetime}; HttpOnly; SameSite=Strict{secure}"


def _signature(token: str, expires: int, nonce: str) -> str:
    message = f"{_PURPOSE} {expires} {nonce}".encode()
    return hmac.new(token.encode(), message, hashlib.sha256).hexdigest()
